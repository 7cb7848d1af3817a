"""One HTTP request that ends in time, whatever the other side does: http.client, in a thread of its own.

No redirect is followed, no proxy of the environment asked, and no coding of the body undone.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import RequestFailed
from .texts import clean


@dataclass(frozen=True, slots=True)
class Answer:
    """The status code, the Location of a redirect, the coding of the body, and the first bytes of that."""

    status: int
    location: str
    coding: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; `url` is http or https."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def send(request: Request, *, seconds: float, most: int, ca_file: str | None = None) -> Answer:
    """Send a request and return at most `most` bytes of the answer, within `seconds`. Raises RequestFailed."""
    exchange = _Exchange(request, seconds, most, ca_file)
    thread = threading.Thread(target=exchange.run, name="request", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        # It ends by itself soon after: a look-up of a name cannot be ended from here.
        exchange.hang_up()
        raise RequestFailed(f"no answer within {seconds:.0f} s")
    if exchange.answer is None:
        raise RequestFailed(exchange.failure)
    return exchange.answer


class _Exchange:
    """A request under way."""

    def __init__(self, request: Request, seconds: float, most: int, ca_file: str | None) -> None:
        self.answer: Answer | None = None
        self.failure = ""
        self._request = request
        self._seconds = seconds
        self._most = most
        self._ca_file = ca_file
        self._connection: http.client.HTTPConnection | None = None
        self._socket: socket.socket | None = None

    def run(self) -> None:
        """Send it and take the answer."""
        try:
            self.answer = self._ask()
        except RequestFailed as error:
            self.failure = str(error)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.failure = _reason(error)
        finally:
            if self._connection is not None:
                self._connection.close()

    def hang_up(self) -> None:
        """Let whatever it waits for end."""
        if self._socket is not None:
            try:
                self._socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has ended meanwhile.
                return

    def _ask(self) -> Answer:
        parts = urlsplit(self._request.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = _trust(self._ca_file)
            self._connection = http.client.HTTPSConnection(host, port, timeout=self._seconds, context=context)
        else:
            self._connection = http.client.HTTPConnection(host, port, timeout=self._seconds)
        self._connection.connect()
        # A connection that is to be closed forgets its socket once the head of the answer is there.
        self._socket = self._connection.sock
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        headers = {"Accept-Encoding": "identity", "Connection": "close", **self._request.headers}
        self._connection.request(self._request.method, path, self._request.body, headers)
        answer = self._connection.getresponse()
        body = b"" if 300 <= answer.status < 400 else answer.read(self._most)
        return Answer(
            answer.status, answer.headers.get("Location", ""), answer.headers.get("Content-Encoding", ""), body
        )


def _trust(ca_file: str | None) -> ssl.SSLContext:
    """Trust the system's authorities, or those of a file. Raises RequestFailed."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise RequestFailed(f"{clean(ca_file)}: no certificates can be read: {clean(error.strerror)}") from None


def _reason(error: Exception) -> str:
    """Say in a few words why no answer came. A URL, which may hold a token, is in none of them."""
    match error:
        case ssl.SSLCertVerificationError():
            words = f"its certificate is not valid: {error.verify_message}"
            return clean(f"{words}; is the clock right?" if error.verify_code in _DATES else words)
        case ssl.SSLError():
            return clean(f"no TLS: {error.reason or 'not understood'}")
        case TimeoutError():
            return "no answer in time"
        case socket.gaierror():
            return clean(f"its name is not found: {error.strerror}")
        case OSError():
            return clean(error.strerror or type(error).__name__).lower()
        case _:
            return "its answer is no HTTP"


_DATES = (9, 10)
"""Not yet valid, expired (X509_STORE_CTX_get_error(3))."""
