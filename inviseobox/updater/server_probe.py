"""Whether the server can be reached from here, asked without any code of the service.

Reached is who answers with a device list as the service could take it; a captive portal, a server that fails and one
that does not know the token are not.
"""

from urllib.parse import quote, urlsplit

from . import http_request, service_configuration
from .errors import RequestFailed, ServiceNotConfigured
from .http_request import Answer, Request
from .observation import NotReached, Reached
from .service_configuration import ServerAddress
from .texts import clean

_PATHS = {"documented": "/workers/devices/data", "deployed": "/workers"}
"""Where each form of the API has the device list."""
_ENOUGH = 4096
_BLANK = b"\xef\xbb\xbf \t\r\n"
_NOT_FOUND = 404


def ask(path: str, seconds: float = 10) -> Reached | NotReached:
    """Ask the server of the service's configuration at `path` for the device list, in both forms of the API.

    Of each answer at most `seconds` are waited for.
    """
    try:
        server = service_configuration.read(path)
    except ServiceNotConfigured as error:
        return NotReached(str(error))
    causes = []
    for form in server.forms:
        try:
            cause = _cause(_asked(server, form, seconds))
        except RequestFailed as error:
            return NotReached(f"{_host(server)}: {error}")
        if not cause:
            return Reached()
        causes.append(cause)
    # A path that one form alone has tells less than any other answer.
    cause = next((one for one in causes if one != _words(_NOT_FOUND)), causes[0])
    return NotReached(f"{_host(server)}: {cause}")


def _asked(server: ServerAddress, form: str, seconds: float) -> Answer:
    url = f"{server.url}{_PATHS[form]}?token={quote(server.token, safe='')}"
    request = Request("GET", url, {"Accept": "application/json", "User-Agent": "inviseobox-updater"})
    return http_request.send(request, seconds=seconds, most=_ENOUGH, ca_file=server.ca_file)


def _cause(answer: Answer) -> str:
    """Say why an answer is none of the server's, empty where it is."""
    if 300 <= answer.status < 400:
        return f"it leads elsewhere ({answer.status}); does the network want a login?"
    if answer.status != 200:
        return _words(answer.status)
    if answer.coding not in ("", "identity"):
        return f"it answers in a coding that was not asked for ({clean(answer.coding, 40)})"
    first = answer.body.lstrip(_BLANK)[:1]
    if first == b"<":
        return "it answers with a web page; does the network want a login?"
    if first not in (b"{", b"["):
        return "it answers with something else than a device list"
    return ""


def _words(status: int) -> str:
    match status:
        case 401 | 403:
            return f"it refuses the token ({status})"
        case 404:
            return "it does not know the path (404)"
    return f"it answers {status}"


def _host(server: ServerAddress) -> str:
    return clean(urlsplit(server.url).netloc)
