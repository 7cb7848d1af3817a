"""What a person or systemd runs: one module for the body of each command."""
