"""From devices to readings: links, what to ask them, and what their answers mean."""
