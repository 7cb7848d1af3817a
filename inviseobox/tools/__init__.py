"""What a person runs: one module for the body of each command."""
