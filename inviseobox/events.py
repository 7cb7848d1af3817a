"""The kinds of events that the journal tells a person of, and what each says beside its line.

Every kind has an id for ever, its MESSAGE_ID in the journal (systemd.journal-fields(7)). The catalogs in systemd/
explain it in English and French, for `journalctl -x`. An id is never used again for something else; a new one comes
from `systemd-id128 new`.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Generic, ParamSpec

_P = ParamSpec("_P")

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an event is about: each attribute is a field of the journal, INVISEOBOX_ and its name in capitals."""

    def fields(self) -> dict[str, str]:
        """Return the journal's fields; what is empty has none."""
        return {field_name(name): value for name, value in asdict(self).items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutBox(About):
    """Nothing but the box as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutVersion(About):
    """The version of the program."""

    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutFile(About):
    """A file, by its path."""

    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutTask(About):
    """Parts of the program, by the names that they have in the log."""

    task: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutWindow(About):
    """A window, by its end."""

    window: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutLink(About):
    """A link, and the names of the devices that are reached over it."""

    link: str
    device: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutPage(AboutLink):
    """A page of a sensor, by its address, and the devices whose values stand on it."""

    device_id: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutUnit(AboutLink):
    """A Modbus unit, by its number on its link, and the devices that are behind that number."""

    device_id: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutRegisters(AboutUnit):
    """Registers of a unit, as in `52` or `0-9`; `measurement` names what they hold where that is one thing."""

    addresses: str
    measurement: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutMeasurement(About):
    """A measurement of a device."""

    device: str
    device_id: str
    measurement: str
    measurement_id: str

    def in_window(self, window: str) -> "AboutMeasurementInWindow":
        """Return the same about one window, named by its end."""
        return AboutMeasurementInWindow(**asdict(self), window=window)


@dataclass(frozen=True, slots=True, kw_only=True)
class AboutMeasurementInWindow(AboutMeasurement):
    """A measurement of a device in one window."""

    window: str


def field_name(attribute: str) -> str:
    """Return the journal's name of what an event is about."""
    return f"INVISEOBOX_{attribute.upper()}"


def together(texts: Iterable[str]) -> str:
    """Return several names or ids as the text of one field: each once, the first ten, and how many more there are."""
    distinct = list(dict.fromkeys(texts))
    more = len(distinct) - _MOST_NAMES
    return ", ".join(distinct[:_MOST_NAMES]) + (f" (+{more})" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Event(Generic[_P]):
    """A kind of event. Called with what it is about, it returns the `extra` of a log line."""

    id: str
    about: Callable[_P, About]

    def __call__(self, *arguments: _P.args, **named: _P.kwargs) -> dict[str, str]:
        """Return the fields that a line of this event carries."""
        return self.fields(self.about(*arguments, **named))

    def fields(self, about: About) -> dict[str, str]:
        """Return the fields of a line of this event about something that is described already."""
        return {"MESSAGE_ID": self.id, **about.fields()}


@dataclass(frozen=True, slots=True)
class TroubleKind(Generic[_P]):
    """A kind of trouble: its name for programs, the event that begins it and the one that ends it."""

    name: str
    begins: Event[_P]
    ends: Event[_P]

    def __call__(self, cause: str, /, *arguments: _P.args, **named: _P.kwargs) -> "Trouble":
        """Return the trouble of this kind that has this cause, about what the other arguments say."""
        return Trouble(self, self.begins.about(*arguments, **named), cause)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that does not work, and why.

    Its sentence is made where it is shown. `advice` says what to check or what goes on meanwhile, where that depends
    on more than the kind.
    """

    kind: TroubleKind[Any]
    about: About
    cause: str
    advice: str = ""

    def advising(self, advice: str) -> "Trouble":
        """Return the same trouble with this advice."""
        return replace(self, advice=advice)

    @property
    def begins(self) -> dict[str, str]:
        """The `extra` of the line with which the trouble begins."""
        return self.kind.begins.fields(self.about)

    @property
    def ends(self) -> dict[str, str]:
        """The `extra` of the line with which the trouble ends."""
        return self.kind.ends.fields(self.about)


STARTED = Event("60ce873cf82947dc9407a1f51645f087", AboutVersion)
STOPPED = Event("a5dfedab009649039f4bc9c337a35330", AboutBox)
UNSTEADY = Event("484939c8d28641fa8a08411529c0b705", About)
"""What comes and goes again and again; about whatever it is."""
TASK_FAILED = Event("fd5345ab038e4195886f10e595bc762d", AboutTask)
TASK_RUNS = Event("4b33f1f52f5849c18ea54a366e4d8674", AboutTask)
TASK = TroubleKind("task", TASK_FAILED, TASK_RUNS)
STUCK = Event("cfb2653d17ac4c2eb8f8eed70dad2a13", AboutTask)

CONFIGURATION_WRONG = Event("58443ee803284be589fa22bb967a97da", AboutFile)
RELOAD_REFUSED = Event("434a46678fcc44afa422bb2a0275d5fc", AboutFile)
CONFIGURATION_READ = Event("5461fec14f5b4bf9ae16bb05619b2755", AboutFile)
RESTART_NEEDED = Event("9f08fe76d188405194b135edc16b196d", AboutFile)
TOKEN_UNUSUAL = Event("b601d7bdb44446b9a84305fd868a3035", AboutBox)

DATABASE_UNUSABLE = Event("6cc48df689fa4eeb8c21fb816d2146f8", AboutFile)
DATABASE_SET_ASIDE = Event("2f5f346ea644477b85bb0f3076347e24", AboutFile)
DATABASE_NOT_SAVED = Event("05ba97a67ef443fa82c23f67a1e59ab0", AboutFile)
DATABASE_DELETED = Event("111bcb9454394ca28fc7bfe1456eded2", AboutFile)
LAST_READINGS_LOST = Event("69a46f2ecba14247b7f0e318fe5647e9", AboutBox)
UNIT_MEMORY_UNREADABLE = Event("0a7f7479d8a74d76ac56a8a30180765c", AboutBox)
DELIVERIES_DROPPED = Event("dd465b2ca463490a825f409e3c49a4b0", AboutBox)
DELIVERIES_KEPT = Event("84ad37a722324d6f86f2bde8b0259c29", AboutBox)
CAPPED = TroubleKind("capped", DELIVERIES_DROPPED, DELIVERIES_KEPT)
DELIVERY_DAMAGED = Event("9374b8ee0c414af28d64ed59daad6a21", AboutWindow)
VALUE_REJECTED = Event("f8bca2bfff6f40d589e4d03f9d813ae5", AboutMeasurementInWindow)

BUFFER_UNWRITABLE = Event("172cd69325a541cd86dc8f6a3cbbbdb6", AboutBox)
BUFFER_WRITTEN = Event("29cde10f5cbf4785a76ed893957602bb", AboutBox)
BUFFER = TroubleKind("buffer", BUFFER_UNWRITABLE, BUFFER_WRITTEN)
READINGS_DROPPED = Event("84876203fd724905bcbfa103ce1b7bdd", AboutBox)
READINGS_KEPT = Event("c92d3a6960a949ccae93158cf80b8d73", AboutBox)
MEMORY = TroubleKind("memory", READINGS_DROPPED, READINGS_KEPT)
ROUNDS_SKIPPED = Event("2a1bff94a28e4b72af751b809fbb258a", AboutBox)
ROUNDS_KEPT = Event("d90371d417c04e3aa61aeb4715d149b5", AboutBox)
PACE = TroubleKind("pace", ROUNDS_SKIPPED, ROUNDS_KEPT)
STATUS_FILE_UNWRITABLE = Event("0499e30dacec40e594dc217af48d14aa", AboutFile)
STATUS_FILE_WRITTEN = Event("8be7526ed08e4f5d83b2eec08cd692fd", AboutFile)
STATUS_FILE = TroubleKind("status file", STATUS_FILE_UNWRITABLE, STATUS_FILE_WRITTEN)
CONTROL_SOCKET_MISSING = Event("b40ebb55903141689364ebc423a28219", AboutBox)
UPDATES_FAIL = Event("b1aa8e498fd64e2080d0b0e0b3a78658", AboutBox)
UPDATES_WORK = Event("4e7d7680fbd44ef697b43da89f0b1354", AboutBox)
UPDATES = TroubleKind("updates", UPDATES_FAIL, UPDATES_WORK)

SERVER_UNREACHABLE = Event("c8b54128aca941f5889eb0c917e7e8f7", AboutBox)
SERVER_FAILS = Event("fd9a7e44a43a4aeb8b66e875190980c8", AboutBox)
SERVER_BACK = Event("2165feb0e7d64a23bdd648dd1b3ba949", AboutBox)
NO_SERVER = TroubleKind("no server", SERVER_UNREACHABLE, SERVER_BACK)
SERVER = TroubleKind("server", SERVER_FAILS, SERVER_BACK)
TOKEN_REFUSED = Event("d6da442e799e4bec9bbcff796f2587c3", AboutBox)
TOKEN_ACCEPTED = Event("bf1d1d7ace8f457cb1a495280ef1bb35", AboutBox)
TOKEN = TroubleKind("token", TOKEN_REFUSED, TOKEN_ACCEPTED)
STATUS_REFUSED = Event("5abcf61a34554c5181459fd2b2d2ba7b", AboutBox)
STATUS_TAKEN = Event("227fa3429aa347bb88949266fb3947a5", AboutBox)
STATUS = TroubleKind("status", STATUS_REFUSED, STATUS_TAKEN)
DELIVERY_REFUSED = Event("d559e1a5ee8c4ee6a409833768a6b34d", AboutBox)
DELIVERY_TAKEN = Event("061d4df97e43430496d2954547ed9377", AboutBox)
DELIVERY = TroubleKind("delivery", DELIVERY_REFUSED, DELIVERY_TAKEN)
CLOCK_OFF = Event("0d1fd519b1f84231aad42fa046dc2001", AboutBox)
CLOCK_RIGHT = Event("9a141db271ad4448be910dde3e9bf460", AboutBox)
CLOCK = TroubleKind("clock", CLOCK_OFF, CLOCK_RIGHT)
CLOCK_BELIEVED = Event("f59e645fb9124904a7bb2ca125eb84fc", AboutBox)
BELIEVED = TroubleKind("believed clock", CLOCK_BELIEVED, CLOCK_RIGHT)
TIME_UNKNOWN = Event("fa69382320d54ebb9ae948153bf4d349", AboutBox)
TIME_KNOWN = Event("4a0a2eb2e1e1405c9de9b205e7a88a05", AboutBox)
TIME = TroubleKind("time", TIME_UNKNOWN, TIME_KNOWN)
SERVER_CLOCK_OFF = Event("eddf7e42450b4efc819cfc258b2c1a7c", AboutBox)
SERVER_CLOCK_RIGHT = Event("3364fe1812ba4d378469f2a21959c8c6", AboutBox)
SERVER_CLOCK = TroubleKind("server clock", SERVER_CLOCK_OFF, SERVER_CLOCK_RIGHT)

DEVICE_LIST_ADOPTED = Event("4809bbc178144acebd5b593c7af7542d", AboutBox)
DEVICE_LIST_REMARK = Event("c30214acc982471aac2e471512589347", AboutBox)
KEPT_LIST_UNUSABLE = Event("347a2cceb2ac4296b02ef3fc0f8bc745", AboutBox)

PORT_GONE = Event("9b17ea309f854e7baefdf84ff9b08e29", AboutLink)
PORT_BACK = Event("a73f13c1148b41e6928e9577f8e9135a", AboutLink)
PORT = TroubleKind("port", PORT_GONE, PORT_BACK)
HOST_UNREACHABLE = Event("d8945de6cd6549d9848b3d0f1c9a791f", AboutLink)
HOST_BACK = Event("d9fcd3aac51c47c0a5a79e51134f4b8f", AboutLink)
HOST = TroubleKind("host", HOST_UNREACHABLE, HOST_BACK)
LINK_SILENT = Event("45c3f8776bd54a84a25244fba07e0f80", AboutLink)
LINK_BACK = Event("68e6720854c0482081e2c2ef8f4efdc2", AboutLink)
LINK = TroubleKind("link", LINK_SILENT, LINK_BACK)
NUMBERS_MISSING = Event("951c2ba3afb6490fa56ade45db90fcd2", AboutLink)
NUMBERS_BACK = Event("42e3ba2d90b346aea736974db291bcc7", AboutLink)
NUMBERS = TroubleKind("numbers", NUMBERS_MISSING, NUMBERS_BACK)
MASTER_HEARD = Event("65b56fc666524e6ca531d3e815ef5762", AboutLink)
MASTER_GONE = Event("b5fd07f385384a04babfdc8eac3d7dce", AboutLink)
MASTER = TroubleKind("master", MASTER_HEARD, MASTER_GONE)

DEVICE_SILENT = Event("add87d2490304e38ab8454c142ea2691", AboutUnit)
DEVICE_BACK = Event("5330a18d308c4a679f57b2864b3a97f1", AboutUnit)
DEVICE = TroubleKind("device", DEVICE_SILENT, DEVICE_BACK)
REGISTERS_REFUSED = Event("aaaaa9e9d4f240b9a0155e791c6fdfb3", AboutRegisters)
DEVICE_BUSY = Event("fcf79accbba7464181053fec5c804397", AboutRegisters)
REGISTERS_READ = Event("b33753219ca540b2a4342311b5151840", AboutRegisters)
REGISTERS = TroubleKind("registers", REGISTERS_REFUSED, REGISTERS_READ)
BUSY = TroubleKind("busy", DEVICE_BUSY, REGISTERS_READ)
PAGE_UNREADABLE = Event("0915d239dcc74e9fa964d43ea551c726", AboutPage)
PAGE_READ = Event("72d4109e1e684e9092a773820c813a29", AboutPage)
PAGE = TroubleKind("page", PAGE_UNREADABLE, PAGE_READ)

VALUE_UNUSABLE = Event("7c6403196d394fa185c5079de0f838cf", AboutMeasurement)
PAGE_VALUE_UNUSABLE = Event("e46c3a6085174961bb879e54a0e4734f", AboutMeasurement)
VALUE_USABLE = Event("af4f2aac8ba14058afcff90bf36d3d7a", AboutMeasurement)
VALUE = TroubleKind("value", VALUE_UNUSABLE, VALUE_USABLE)
PAGE_VALUE = TroubleKind("page value", PAGE_VALUE_UNUSABLE, VALUE_USABLE)
LIKELY_NO_VALUE = Event("8ed66d3d686244ca93f9e249e358cc43", AboutMeasurement)
METER_BACKWARDS = Event("fe6b724b10ec41eebccf84ff94aafcdf", AboutMeasurementInWindow)
