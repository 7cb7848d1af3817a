"""What the server's answers say of the token, the form of the API and the clock. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import CONFIGURE, Check, Finding, not_tested, right, wrong
from inviseobox.configuration import ApiForm
from inviseobox.devices import inventory
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import InventoryError
from inviseobox.server.answers import Answer, Verdict, is_decided

TOLERANCE = 60.0
"""Seconds by which the clock may differ from the server's, as in timekeeping.witnesses."""
SLOW = 1.0
"""Seconds from which on a step is called slow."""
_HOUR = 3600
_LATER = (408, 429)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be told of token and form, and the device list where all of it came."""

    token: Finding
    api: Finding
    inventory: Inventory | None = None


def is_final(answer: Answer) -> bool:
    """Whether the other form need not be asked: there is a list, or the server is in trouble."""
    return isinstance(_list(answer), Inventory | None) or _is_in_trouble(answer)


def _list(answer: Answer) -> Inventory | str | None:
    """Return the device list of an answer, None where not all of one has come, or why there is none."""
    if not answer.is_success or answer.is_html or (not answer.is_whole and not is_decided(answer.body)):
        return answer.words
    if not answer.is_whole:
        return None
    try:
        return inventory.parse(answer.body.decode())
    except UnicodeDecodeError:
        return "the server's device list is not UTF-8"
    except InventoryError as error:
        return str(error)


def _is_in_trouble(answer: Answer) -> bool:
    return answer.status in _LATER or answer.status >= 500 or answer.retry_after is not None


def judged(answers: Sequence[tuple[ApiForm, Answer]], url: str, seconds: float) -> Judgement:
    """Judge the answers to requests for the device list, at least one; the most telling one counts.

    The last of them took `seconds`.
    """
    for form, answer in answers:
        if isinstance(listed := _list(answer), Inventory | None):
            return _with_list(form, listed, len(answer.body), seconds)
    for _, answer in answers:
        if answer.verdict is Verdict.TOKEN_REFUSED:
            refused = wrong(Check.TOKEN, Code.TOKEN_REFUSED, CONFIGURE, reason=answer.words)
            return Judgement(refused, not_tested(Check.API, because=Check.TOKEN))
    telling = next((answer for _, answer in answers if answer.status != 404), answers[0][1])
    code, command = Code.NO_LIST, CONFIGURE
    if _is_in_trouble(telling):
        code, command = Code.SERVER_FAILS, "journalctl -u inviseobox"
    api = wrong(Check.API, code, command, reason=_list(telling), url=url)
    return Judgement(not_tested(Check.TOKEN, because=Check.API), api)


def _with_list(form: ApiForm, listed: Inventory | None, size: int, seconds: float) -> Judgement:
    api = right(Check.API, Code.LIST_SLOW, form=form.value, bytes=size, seconds=f"{seconds:.1f}")
    if listed is not None and seconds <= SLOW:
        api = right(Check.API, Code.FORM_KNOWN, form=form.value, devices=len(listed.devices))
    return Judgement(right(Check.TOKEN, Code.TOKEN_TAKEN), api, listed)


def clock(ahead: float | None, command: str) -> Finding:
    """Judge by how many seconds the clock is ahead of the server's, None where that tells no time."""
    if ahead is None:
        return not_tested(Check.CLOCK, Code.NO_DATE)
    if abs(ahead) <= TOLERANCE:
        return right(Check.CLOCK, Code.CLOCK_RIGHT)
    code = Code.CLOCK_AHEAD if ahead > 0 else Code.CLOCK_BEHIND
    return wrong(Check.CLOCK, code, command, time=duration(abs(ahead)))


def duration(seconds: float) -> str:
    """Write a length of time in at most two units, as in `1 h 5 min`; of hours, whole minutes are told."""
    whole = round(seconds)
    if whole > _HOUR - 30:
        # The server tells whole seconds, and the way to it takes some.
        whole = round(whole / 60) * 60
    units = [("d", whole // 86_400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60)]
    return " ".join([f"{number} {unit}" for unit, number in units if number][:2]) or "0 s"
