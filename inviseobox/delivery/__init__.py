"""From readings to the server: the loops that seal windows and upload them."""
