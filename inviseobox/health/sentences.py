"""The words in which a person is told of a trouble. Pure.

Here and nowhere else, in English, for the journal; what is marked, a command says in other languages, too.
"""

from dataclasses import asdict, dataclass
from typing import Any

from inviseobox import events
from inviseobox.events import Trouble, TroubleKind
from inviseobox.health.steadiness import MOST_CHANGES, OBSERVED, STEADY
from inviseobox.translation import marked


@dataclass(frozen=True, slots=True)
class _Words:
    """What does not work, what to do about it, and what is told when it works again.

    `subject` has the attributes of what the trouble is about in braces.
    """

    subject: str
    works: str
    advice: str = ""


_LINK = "{link}"
_TASK = "{task}"
_UNIT = marked("{device} (unit {unit} on {link})")
_REGISTERS = marked("{device} (unit {unit} on {link}), addresses {addresses}")
_PAGE = "{device} ({page})"
_MEASUREMENT = "{device}, {measurement}"

_WORDS: dict[TroubleKind[Any], _Words] = {
    events.TASK: _Words(
        _TASK,
        "works again",
        marked("it is started again, the rest goes on; send the journal to the maintainers (journalctl -u inviseobox)"),
    ),
    events.PORT: _Words(_LINK, "reachable again"),
    events.HOST: _Words(_LINK, "reachable again"),
    events.LINK: _Words(_LINK, "reachable again", marked("check its cabling and settings")),
    events.NUMBERS: _Words(
        _LINK, "answers carry their number again", marked("it is read all the same; is there newer firmware for it?")
    ),
    events.MASTER: _Words(
        _LINK,
        "for an hour nobody else has asked",
        marked("a serial line takes one master: find the other one and take it off"),
    ),
    events.DEVICE: _Words(_UNIT, "answers again", marked("check its power, its address and the bus")),
    events.REGISTERS: _Words(_REGISTERS, "is read again", marked("check the register and address of its measurements")),
    events.BUSY: _Words(_REGISTERS, "is read again", marked("it is asked again in each round")),
    events.PAGE: _Words(_PAGE, "answers again", marked("check the sensor, its address and the network")),
    events.VALUE: _Words(_MEASUREMENT, "gives values again", marked("check its value_class and byte_order")),
    events.PAGE_VALUE: _Words(_MEASUREMENT, "gives values again", marked("check its page and its key")),
    events.NO_SERVER: _Words(marked("server"), "answers again"),
    events.SERVER: _Words(marked("server"), "answers again"),
    events.TOKEN: _Words(marked("token"), "the server accepts it again"),
    events.STATUS: _Words(marked("status of the devices"), "the server takes it again"),
    events.DELIVERY: _Words(marked("deliveries"), "the server has taken all of them"),
    events.CLOCK: _Words(
        marked("clock"),
        "is right again",
        marked("readings are dated by the server's time; is the time synchronised? (timedatectl)"),
    ),
    events.BELIEVED: _Words(
        marked("clock"),
        "is plausible again",
        marked("readings are dated by it all the same; check network and time (timedatectl)"),
    ),
    events.TIME: _Words(
        marked("time"),
        "is known now; readings that waited are dated",
        marked(
            "readings wait, a day at most, until the server answers or the clock is set; check the network "
            "(timedatectl)"
        ),
    ),
    events.SERVER_CLOCK: _Words(
        marked("server's clock"),
        "agrees with this machine's again",
        marked("readings carry this machine's time; tell whoever runs the server"),
    ),
    events.CAPPED: _Words(
        marked("buffer size"), "has room again", marked("does the server take anything? (systemctl status inviseobox)")
    ),
    events.BUFFER: _Words(marked("buffer"), "is written again"),
    events.MEMORY: _Words(marked("memory"), "has room again"),
    events.PACE: _Words(
        marked("reading"),
        "all rounds are begun again",
        marked("is modbus.period too short? what keeps the machine busy? (top)"),
    ),
    events.STATUS_FILE: _Words("status.json", "is written again", marked("is /run full? (df -h /run)")),
    events.UPDATES: _Words(
        marked("updates"),
        "nothing is wrong with them any more",
        marked("the installed version works on; more is told by: sudo inviseobox-updater status"),
    ),
}


_BY_NAME = {kind.name: words for kind, words in _WORDS.items()}


def subject_form(kind: str, *, is_one_measurement: bool = False) -> str:
    """Return how what does not work is named: the attributes of what a trouble of this kind is about in braces.

    `is_one_measurement`: it is about one, which has a name. Raises KeyError for what is no kind of trouble.
    """
    form = _BY_NAME[kind].subject
    return _MEASUREMENT if form == _REGISTERS and is_one_measurement else form


def usual_advice(kind: str) -> str:
    """Return what to do about a trouble of this kind, empty where that depends on more. Raises KeyError."""
    return _BY_NAME[kind].advice


def subject(trouble: Trouble) -> str:
    """Name what does not work."""
    about = asdict(trouble.about)
    form = subject_form(trouble.kind.name, is_one_measurement=bool(about.get("measurement")))
    return form.format(**about)


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
