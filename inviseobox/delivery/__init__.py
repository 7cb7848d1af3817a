"""From readings to the server: windows, aggregates, upload."""
