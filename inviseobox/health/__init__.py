"""What the running daemon knows of itself: what moves, what is wrong, what was read and delivered last."""
