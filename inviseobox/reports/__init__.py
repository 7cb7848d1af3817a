"""From a window's readings to what is sent: ends, aggregates, states, batches. Pure."""
