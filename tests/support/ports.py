"""Ports of loopback at which something is amiss."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def deaf() -> Iterator[int]:
    """Yield a port at which connections are accepted and nothing is ever answered.

    The kernel accepts connections for a listening socket; nobody ever reads what they say.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
