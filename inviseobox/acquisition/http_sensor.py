"""One page of an HTTP sensor, read and taken apart."""

import asyncio
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

from inviseobox.acquisition.page_text import parse_page
from inviseobox.errors import InvalidAnswer, PageRefused, UnusableValue
from inviseobox.network.http_client import HttpClient, Limits
from inviseobox.untrusted import clean_text, number, pick, shown, shown_url

MAX_REDIRECTS = 3


async def read_page(
    client: HttpClient,
    url: str,
    *,
    timeout: float,
    max_body: int,
    is_suspect: bool = False,
    waiting: Callable[[], None] = lambda: None,
) -> object:
    """Fetch `url` within `timeout` seconds, redirects included, and parse its body as JSON whatever its Content-Type.

    The wait for a turn to connect does not count, and `waiting` is called meanwhile; a host that `is_suspect`, for it
    did not answer the last time, takes its turns with others of its kind.

    Redirects are followed within the same scheme, host and port, three at most, with the user and password of `url`.
    Raises LinkDown, NoAnswer, PageRefused or InvalidAnswer.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + timeout
    for _ in range(MAX_REDIRECTS + 1):
        # Without reuse, for what a sensor sends after its answer would be taken for that to the next request.
        answer = await client.request(
            "GET",
            url,
            Limits(max(0.0, deadline - clock()), max_body),
            headers={"Connection": "close"},
            is_suspect=is_suspect,
            waiting=waiting,
        )
        deadline += answer.waited
        if answer.status in (301, 302, 303, 307, 308):
            url = _redirected(url, answer.headers.get("location", ""))
        elif answer.is_success:
            return parse_page(answer.body)
        else:
            raise PageRefused(f"it answered {answer.status}")
    raise InvalidAnswer(f"more than {MAX_REDIRECTS} redirects")


def _redirected(url: str, location: str) -> str:
    """Return where a redirect leads. Raises InvalidAnswer where the device list would have to name another address."""
    if not location.strip():
        raise InvalidAnswer("it redirects without saying where to")
    try:
        target = urljoin(url, location)
        there, here = _origin(target), _origin(url)
    except ValueError:
        raise InvalidAnswer("it redirects to what is not a valid address") from None
    if there == here:
        return _with_user_of(url, target)
    (scheme, host, _), named = there, shown_url(target)
    if scheme not in ("http", "https") or not host:
        raise InvalidAnswer("it redirects to what is no http or https address")
    if host != here[1]:
        raise InvalidAnswer(f"it redirects to another host: {named}")
    if scheme != here[0]:
        raise InvalidAnswer(f"it redirects to {scheme}: put {scheme} into the device list, as in {named}")
    raise InvalidAnswer(f"it redirects to another port: put it into the device list, as in {named}")


def _with_user_of(url: str, target: str) -> str:
    """Return a target on the origin of `url` with its user and password, unless the target names some of its own."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    parts = urlsplit(target)
    if not at or "@" in parts.netloc:
        return target
    return parts._replace(netloc=f"{user}@{parts.netloc}").geturl()


def _origin(target: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(target)
    return parts.scheme, parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


def read_value(document: object, key: str) -> float:
    """Take the value under `key` out of a page. Raises UnusableValue where there is none that is a finite number."""
    found = pick(document, key)
    value = number(found)
    if value is None:
        name = clean_text(key)
        raise UnusableValue(f"{name} is {shown(found)}, not a number" if found is not None else f"it has no {name}")
    return value
