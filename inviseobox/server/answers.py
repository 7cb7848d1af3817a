"""What an answer of the server means for what was sent. Pure."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import Enum

from inviseobox.errors import DeliveryError, TokenRefused
from inviseobox.untrusted import clean_text


class Verdict(Enum):
    """What to do with what was sent."""

    ACCEPTED = "the server has it: forget it"
    LATER = "keep it, try again with back-off: the answer says nothing about what was sent"
    TOO_LARGE = "send less of it at once"
    REFUSED = "keep it, let others pass, and find the item in it that is refused"
    WRONG_FORM = "keep it: the server does not know the path, which the other form of the API may have"
    TOKEN_REFUSED = "keep it: the server does not accept the token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server; `retry_after` in seconds where it asked for a pause.

    `is_whole` says that the body has ended; else it is the beginning of it. `clock_offset` is the answer's Date minus
    the boot-time clock of the box, in seconds; None where it holds no valid Date. By `clock_doubt` seconds at most it
    is off: the Date is of some moment between the request and the answer, and counts whole seconds.
    """

    status: int
    body: bytes = b""
    retry_after: float | None = None
    is_whole: bool = True
    clock_offset: float | None = None
    clock_doubt: float = 0.5

    @property
    def is_success(self) -> bool:
        """Whether the status code is a 2xx (RFC 9110, section 15.3)."""
        return 200 <= self.status < 300

    @property
    def verdict(self) -> Verdict:
        """What to do with what was sent.

        A 2xx is an acceptance, whatever its body says, unless it is a captive portal's page: that is known by the first
        byte of it. The Content-Type says nothing: Express labels the text "OK" as text/html.
        """
        if self.is_success:
            is_known = self.is_whole or is_decided(self.body)
            return Verdict.ACCEPTED if is_known and not self.is_html else Verdict.LATER
        if self.retry_after is not None or self.status < 400:
            return Verdict.LATER
        match self.status:
            case 413:
                return Verdict.TOO_LARGE
            case 401 | 403:
                return Verdict.TOKEN_REFUSED
            case 404:
                return Verdict.WRONG_FORM
            case 405 | 408 | 410 | 429 | 502 | 503 | 504:
                return Verdict.LATER
        return Verdict.REFUSED

    @property
    def words(self) -> str:
        """What the server answered, for a person."""
        return described(self.status, self.body)

    @property
    def is_html(self) -> bool:
        """Whether it is a web page, as of a captive portal."""
        return looks_like_html(self.body)

    def keeping(self) -> DeliveryError:
        """Return the error that keeps what was sent, for an answer that says nothing about it."""
        if self.verdict is Verdict.TOKEN_REFUSED:
            return TokenRefused(f"the server refuses it ({self.words}); check token and url in the configuration")
        return DeliveryError(self.words, self.retry_after)


def _meat(body: bytes) -> bytes:
    """Return the body after byte order marks and white space."""
    return body.lstrip().removeprefix(b"\xef\xbb\xbf").lstrip()


def is_decided(body: bytes) -> bool:
    """Whether enough of a body has come to know if it is a web page: a byte that is no white space."""
    meat = _meat(body)
    return bool(meat) and not b"\xef\xbb\xbf".startswith(meat)


def looks_like_html(body: bytes) -> bool:
    """Whether the body begins, after a byte order mark and white space, with `<`."""
    return _meat(body).startswith(b"<")


def described(status: int, body: bytes) -> str:
    """Say in a few words what the server answered, with its own words where it is not HTML."""
    if looks_like_html(body):
        why = " (is there a login page in between?)" if 200 <= status < 300 else ""
        return f"it answered {status} with a web page{why}"
    if 300 <= status < 400:
        return f"it answered {status}, a redirect, which is not followed: set url to the final address"
    words = clean_text(body[:400].decode("utf-8", "replace").strip())
    return f"it answered {status}" + (f": {words}" if words and status >= 400 else "")


def retry_after(header: str | None) -> float | None:
    """Read the seconds of a Retry-After header (RFC 9110, section 10.2.3), at most an hour; None for a date."""
    text = (header or "").strip()
    if not (text.isascii() and text.isdecimal()):
        return None
    digits = text.lstrip("0") or "0"
    return 3600.0 if len(digits) > 4 else float(min(int(digits), 3600))


def server_date(header: str | None) -> float | None:
    """Read a Date header (RFC 9110, section 6.6.1) as seconds since the epoch; None where it is not a valid date."""
    try:
        date = parsedate_to_datetime(header) if header else None
    except (ValueError, OverflowError):
        return None
    if date is None:
        return None
    # The oldest of the three forms, asctime's, names no zone: it is UTC.
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
