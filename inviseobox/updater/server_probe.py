"""Whether the server can be reached from here, asked without any code of the service."""

from .observation import NotReached, Reached


def ask(path: str, seconds: float = 10) -> Reached | NotReached:
    """Ask the server of the service's configuration at `path` for the device list, in both forms of the API."""
    raise NotImplementedError
