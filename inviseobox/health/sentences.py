"""The words in which a person is told of a trouble. Pure.

Here and nowhere else, so that a command can say the same in another language.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from inviseobox import events
from inviseobox.events import (
    AboutLink,
    AboutMeasurement,
    AboutPage,
    AboutRegisters,
    AboutUnit,
    Trouble,
    TroubleKind,
)
from inviseobox.health.steadiness import MOST_CHANGES, OBSERVED, STEADY


@dataclass(frozen=True, slots=True)
class _Words:
    """What does not work, what to do about it, and what is told when it works again."""

    subject: str | Callable[[Any], str]
    works: str
    advice: str = ""


def _link(about: AboutLink) -> str:
    return about.link


def _unit(about: AboutUnit) -> str:
    return f"{about.device} (unit {about.unit} on {about.link})"


def _registers(about: AboutRegisters) -> str:
    if about.measurement:
        return f"{about.device}, {about.measurement}"
    return f"{_unit(about)}, addresses {about.addresses}"


def _page(about: AboutPage) -> str:
    return f"{about.device} ({about.page})"


def _measurement(about: AboutMeasurement) -> str:
    return f"{about.device}, {about.measurement}"


_WORDS: dict[TroubleKind[Any], _Words] = {
    events.TASK: _Words(
        lambda about: str(about.task),
        "works again",
        "it is started again, the rest goes on; send the journal to the maintainers (journalctl -u inviseobox)",
    ),
    events.PORT: _Words(_link, "reachable again"),
    events.HOST: _Words(_link, "reachable again"),
    events.LINK: _Words(_link, "reachable again", "check its cabling and settings"),
    events.NUMBERS: _Words(
        _link, "answers carry their number again", "it is read all the same; is there newer firmware for it?"
    ),
    events.MASTER: _Words(
        _link,
        "for an hour nobody else has asked",
        "a serial line takes one master: find the other one and take it off",
    ),
    events.DEVICE: _Words(_unit, "answers again", "check its power, its address and the bus"),
    events.REGISTERS: _Words(_registers, "is read again", "check the register and address of its measurements"),
    events.BUSY: _Words(_registers, "is read again", "it is asked again in each round"),
    events.PAGE: _Words(_page, "answers again", "check the sensor, its address and the network"),
    events.VALUE: _Words(_measurement, "gives values again", "check its value_class and byte_order"),
    events.PAGE_VALUE: _Words(_measurement, "gives values again", "check its page and its key"),
    events.NO_SERVER: _Words("server", "answers again"),
    events.SERVER: _Words("server", "answers again"),
    events.TOKEN: _Words("token", "the server accepts it again"),
    events.STATUS: _Words("status of the devices", "the server takes it again"),
    events.DELIVERY: _Words("deliveries", "the server has taken all of them"),
    events.CLOCK: _Words(
        "clock",
        "is right again",
        "readings are dated by the server's time; is the time synchronised? (timedatectl)",
    ),
    events.BELIEVED: _Words(
        "clock",
        "is plausible again",
        "readings are dated by it all the same; check network and time (timedatectl)",
    ),
    events.TIME: _Words(
        "time",
        "is known now; readings that waited are dated",
        "readings wait, a day at most, until the server answers or the clock is set; check the network (timedatectl)",
    ),
    events.SERVER_CLOCK: _Words(
        "server's clock",
        "agrees with this machine's again",
        "readings carry this machine's time; tell whoever runs the server",
    ),
    events.CAPPED: _Words(
        "buffer size", "has room again", "does the server take anything? (systemctl status inviseobox)"
    ),
    events.BUFFER: _Words("buffer", "is written again"),
    events.MEMORY: _Words("memory", "has room again"),
    events.PACE: _Words(
        "reading", "all rounds are begun again", "is modbus.period too short? what keeps the machine busy? (top)"
    ),
    events.STATUS_FILE: _Words("status.json", "is written again", "is /run full? (df -h /run)"),
}


def subject(trouble: Trouble) -> str:
    """Name what does not work."""
    named = _WORDS[trouble.kind].subject
    return named if isinstance(named, str) else named(trouble.about)


def summary(trouble: Trouble) -> str:
    """Say what does not work, and why."""
    return f"{subject(trouble)}: {trouble.cause}"


def beginning(trouble: Trouble) -> str:
    """Say what does not work, why, and what to do about it."""
    advice = trouble.advice or _WORDS[trouble.kind].advice
    return f"{summary(trouble)}; {advice}" if advice else summary(trouble)


def ending(trouble: Trouble, cost: str = "") -> str:
    """Say that it works again, and what that did `cost`."""
    news = f"{subject(trouble)}: {_WORDS[trouble.kind].works}"
    return f"{news}; {cost}" if cost else news


def unsteadiness(trouble: Trouble, is_present: bool) -> str:
    """Say that it fails and works again and again."""
    state = trouble.cause if is_present else _WORDS[trouble.kind].works
    return (
        f"{subject(trouble)}: fails and recovers again and again ({MOST_CHANGES} changes within {OBSERVED / 60:.0f} "
        f"minutes), now: {state}; the next line comes when this has lasted for {STEADY / 60:.0f} minutes"
    )


def steady(sentence: str) -> str:
    """Add to the sentence of a state that it has lasted."""
    return f"{sentence} (for {STEADY / 60:.0f} minutes now)"
