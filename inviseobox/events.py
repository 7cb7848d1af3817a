"""The kinds of events that the journal tells a person of, and what each says beside its line.

Every kind has an id for ever, its MESSAGE_ID in the journal (systemd.journal-fields(7)). The catalogs in systemd/
explain it in English and French, for `journalctl -x`. An id is never used again for something else; a new one comes
from `systemd-id128 new`.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Generic, ParamSpec

_P = ParamSpec("_P")

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an event is about: each attribute is a field of the journal, INVISEOBOX_ and its name in capitals."""

    def fields(self) -> dict[str, str]:
        """Give the journal's fields."""
        return {field_name(name): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Itself(About):
    """Nothing but the box as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Version(About):
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _File(About):
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task(About):
    """Parts of the program, by the names that they have in the log."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window(About):
    """A window, by its end."""

    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Link(About):
    """A link, and the names of the devices that are reached over it."""

    link: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page(_Link):
    """A page of a sensor, and the devices whose values stand on it."""

    device_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit(_Page):
    """A Modbus unit, by its number on its link, and the devices that are behind that number."""

    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measurement(About):
    device: str
    device_id: str
    measurement: str
    measurement_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _MeasurementInWindow(_Measurement):
    window: str


def field_name(attribute: str) -> str:
    """Give the journal's name of what an event is about."""
    return f"INVISEOBOX_{attribute.upper()}"


def together(texts: Iterable[str]) -> str:
    """Give several names or ids as the text of one field: each once, the first ten, and how many more there are."""
    distinct = list(dict.fromkeys(texts))
    more = len(distinct) - _MOST_NAMES
    return ", ".join(distinct[:_MOST_NAMES]) + (f" (+{more})" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Event(Generic[_P]):
    """A kind of event. Called with what it is about, it gives the `extra` of a log line."""

    id: str
    about: Callable[_P, About]

    def __call__(self, *arguments: _P.args, **named: _P.kwargs) -> dict[str, str]:
        """Give the fields that a line of this event carries."""
        return {"MESSAGE_ID": self.id, **self.about(*arguments, **named).fields()}


@dataclass(frozen=True, slots=True)
class Marks:
    """The `extra` of the two lines that a trouble may give: where it begins and where it ends."""

    begins: dict[str, str]
    ends: dict[str, str]


@dataclass(frozen=True, slots=True)
class Trouble(Generic[_P]):
    """A kind of trouble: the event that begins it and the one that ends it."""

    begins: Event[_P]
    ends: Event[_P]

    def __call__(self, *arguments: _P.args, **named: _P.kwargs) -> Marks:
        """Give the fields that the lines of such a trouble carry."""
        return Marks(self.begins(*arguments, **named), self.ends(*arguments, **named))


STARTED = Event("60ce873cf82947dc9407a1f51645f087", _Version)
STOPPED = Event("a5dfedab009649039f4bc9c337a35330", _Itself)
TASK_FAILED = Event("fd5345ab038e4195886f10e595bc762d", _Task)
STUCK = Event("cfb2653d17ac4c2eb8f8eed70dad2a13", _Task)

CONFIGURATION_WRONG = Event("58443ee803284be589fa22bb967a97da", _File)
RELOAD_REFUSED = Event("434a46678fcc44afa422bb2a0275d5fc", _File)
CONFIGURATION_READ = Event("5461fec14f5b4bf9ae16bb05619b2755", _File)
RESTART_NEEDED = Event("9f08fe76d188405194b135edc16b196d", _File)
TOKEN_UNUSUAL = Event("b601d7bdb44446b9a84305fd868a3035", _Itself)

DATABASE_UNUSABLE = Event("6cc48df689fa4eeb8c21fb816d2146f8", _File)
DATABASE_SET_ASIDE = Event("2f5f346ea644477b85bb0f3076347e24", _File)
DATABASE_DELETED = Event("111bcb9454394ca28fc7bfe1456eded2", _File)
LAST_READINGS_LOST = Event("69a46f2ecba14247b7f0e318fe5647e9", _Itself)
UNIT_MEMORY_UNREADABLE = Event("0a7f7479d8a74d76ac56a8a30180765c", _Itself)
DELIVERIES_DROPPED = Event("dd465b2ca463490a825f409e3c49a4b0", _Itself)
DELIVERIES_KEPT = Event("84ad37a722324d6f86f2bde8b0259c29", _Itself)
CAPPED = Trouble(DELIVERIES_DROPPED, DELIVERIES_KEPT)
DELIVERY_DAMAGED = Event("9374b8ee0c414af28d64ed59daad6a21", _Window)
VALUE_REJECTED = Event("f8bca2bfff6f40d589e4d03f9d813ae5", _MeasurementInWindow)

BUFFER_UNWRITABLE = Event("172cd69325a541cd86dc8f6a3cbbbdb6", _Itself)
BUFFER_WRITTEN = Event("29cde10f5cbf4785a76ed893957602bb", _Itself)
BUFFER = Trouble(BUFFER_UNWRITABLE, BUFFER_WRITTEN)
READINGS_DROPPED = Event("84876203fd724905bcbfa103ce1b7bdd", _Itself)
READINGS_KEPT = Event("c92d3a6960a949ccae93158cf80b8d73", _Itself)
MEMORY = Trouble(READINGS_DROPPED, READINGS_KEPT)
STATUS_FILE_UNWRITABLE = Event("0499e30dacec40e594dc217af48d14aa", _File)
STATUS_FILE_WRITTEN = Event("8be7526ed08e4f5d83b2eec08cd692fd", _File)
STATUS_FILE = Trouble(STATUS_FILE_UNWRITABLE, STATUS_FILE_WRITTEN)

SERVER_UNREACHABLE = Event("c8b54128aca941f5889eb0c917e7e8f7", _Itself)
SERVER_FAILS = Event("fd9a7e44a43a4aeb8b66e875190980c8", _Itself)
SERVER_BACK = Event("2165feb0e7d64a23bdd648dd1b3ba949", _Itself)
NO_SERVER = Trouble(SERVER_UNREACHABLE, SERVER_BACK)
SERVER = Trouble(SERVER_FAILS, SERVER_BACK)
TOKEN_REFUSED = Event("d6da442e799e4bec9bbcff796f2587c3", _Itself)
TOKEN_ACCEPTED = Event("bf1d1d7ace8f457cb1a495280ef1bb35", _Itself)
TOKEN = Trouble(TOKEN_REFUSED, TOKEN_ACCEPTED)
STATUS_REFUSED = Event("5abcf61a34554c5181459fd2b2d2ba7b", _Itself)
STATUS_TAKEN = Event("227fa3429aa347bb88949266fb3947a5", _Itself)
STATUS = Trouble(STATUS_REFUSED, STATUS_TAKEN)
DELIVERY_REFUSED = Event("d559e1a5ee8c4ee6a409833768a6b34d", _Itself)
DELIVERY_TAKEN = Event("061d4df97e43430496d2954547ed9377", _Itself)
DELIVERY = Trouble(DELIVERY_REFUSED, DELIVERY_TAKEN)
CLOCK_OFF = Event("0d1fd519b1f84231aad42fa046dc2001", _Itself)
CLOCK_RIGHT = Event("9a141db271ad4448be910dde3e9bf460", _Itself)
CLOCK = Trouble(CLOCK_OFF, CLOCK_RIGHT)

DEVICE_LIST_ADOPTED = Event("4809bbc178144acebd5b593c7af7542d", _Itself)
DEVICE_LIST_REMARK = Event("c30214acc982471aac2e471512589347", _Itself)
KEPT_LIST_UNUSABLE = Event("347a2cceb2ac4296b02ef3fc0f8bc745", _Itself)

PORT_GONE = Event("9b17ea309f854e7baefdf84ff9b08e29", _Link)
PORT_BACK = Event("a73f13c1148b41e6928e9577f8e9135a", _Link)
PORT = Trouble(PORT_GONE, PORT_BACK)
HOST_UNREACHABLE = Event("d8945de6cd6549d9848b3d0f1c9a791f", _Link)
HOST_BACK = Event("d9fcd3aac51c47c0a5a79e51134f4b8f", _Link)
HOST = Trouble(HOST_UNREACHABLE, HOST_BACK)
LINK_SILENT = Event("45c3f8776bd54a84a25244fba07e0f80", _Link)
LINK_BACK = Event("68e6720854c0482081e2c2ef8f4efdc2", _Link)
LINK = Trouble(LINK_SILENT, LINK_BACK)

DEVICE_SILENT = Event("add87d2490304e38ab8454c142ea2691", _Unit)
DEVICE_BACK = Event("5330a18d308c4a679f57b2864b3a97f1", _Unit)
DEVICE = Trouble(DEVICE_SILENT, DEVICE_BACK)
REGISTERS_REFUSED = Event("aaaaa9e9d4f240b9a0155e791c6fdfb3", _Unit)
DEVICE_BUSY = Event("fcf79accbba7464181053fec5c804397", _Unit)
REGISTERS_READ = Event("b33753219ca540b2a4342311b5151840", _Unit)
REGISTERS = Trouble(REGISTERS_REFUSED, REGISTERS_READ)
BUSY = Trouble(DEVICE_BUSY, REGISTERS_READ)
PAGE_UNREADABLE = Event("0915d239dcc74e9fa964d43ea551c726", _Page)
PAGE_READ = Event("72d4109e1e684e9092a773820c813a29", _Page)
PAGE = Trouble(PAGE_UNREADABLE, PAGE_READ)

VALUE_UNUSABLE = Event("7c6403196d394fa185c5079de0f838cf", _Measurement)
PAGE_VALUE_UNUSABLE = Event("e46c3a6085174961bb879e54a0e4734f", _Measurement)
VALUE_USABLE = Event("af4f2aac8ba14058afcff90bf36d3d7a", _Measurement)
VALUE = Trouble(VALUE_UNUSABLE, VALUE_USABLE)
PAGE_VALUE = Trouble(PAGE_VALUE_UNUSABLE, VALUE_USABLE)
METER_BACKWARDS = Event("fe6b724b10ec41eebccf84ff94aafcdf", _MeasurementInWindow)
