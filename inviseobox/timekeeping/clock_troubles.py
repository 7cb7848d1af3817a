"""What is wrong with the clock, as a trouble. Pure."""

from typing import assert_never

from inviseobox import events
from inviseobox.clock import utc_text
from inviseobox.events import Trouble
from inviseobox.timekeeping.witnesses import TOLERANCE, Basis, Judgement


def clock_trouble(judgement: Judgement, least: float) -> Trouble | None:
    """Return what is wrong with the clock of the machine; `least` is the newest time that is known to be over."""
    match judgement.basis:
        case Basis.SERVER:
            return events.CLOCK(f"{_apart(judgement.ahead)} the server's")
        case Basis.SYNCHRONISATION:
            cause = f"{_apart(judgement.ahead)} what the time synchronisation set"
            return events.CLOCK(cause).advising("readings are dated by what it set; who set the clock? (timedatectl)")
        case Basis.NOTHING:
            return events.TIME(f"unknown, the clock lies before {utc_text(int(least))}")
        case Basis.BELIEVED:
            return events.BELIEVED(f"before {utc_text(int(least))}, but nothing told the time for too long")
        case Basis.CONFIRMED | Basis.UNCONFIRMED:
            return None
        case basis:
            assert_never(basis)


def server_clock_trouble(judgement: Judgement, ahead_of_server: float | None) -> Trouble | None:
    """Return what is wrong with the server's clock, where the machine's is `ahead_of_server` by so many seconds."""
    if judgement.basis is not Basis.CONFIRMED or ahead_of_server is None or abs(ahead_of_server) <= TOLERANCE:
        return None
    return events.SERVER_CLOCK(f"{_apart(-ahead_of_server)} this machine's, which is synchronised")


def _apart(seconds: float) -> str:
    return f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
