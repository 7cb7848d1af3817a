"""Talking to the Inviseo server: its API, what its answers mean, the device list."""
