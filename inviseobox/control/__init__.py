"""Where a person's commands ask the running daemon: a socket on the same machine, described in protocol.md."""
