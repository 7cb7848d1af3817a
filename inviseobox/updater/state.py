"""What the updater remembers from run to run, as state.json holds it. Pure.

Wall-clock times are in seconds since the epoch, for people; nothing is decided by them alone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import StateError

SCHEMA = 1
MOST_REPORTS = 20

_T = TypeVar("_T")


class Cause(StrEnum):
    """Why a start of the service is watched."""

    UPDATE = "update"
    """Another version was installed."""
    BACK = "back"
    """A version was taken back: it is the older one that is watched."""
    BOOT = "boot"
    """The machine was started with a version that it never started with before."""
    RESTART = "restart"
    """The service was restarted in the nightly window, to see that the version starts once more."""
    LIBRARY = "library"
    """The service was restarted because what it had loaded is not what is on the disk."""


class Level(StrEnum):
    """How far the installed version has come, from the least to the most."""

    NEW = "new"
    """It was not watched yet, or is being watched."""
    PASSED = "passed"
    """It passed its probation."""
    GOOD = "good"
    """It was started once more and passed again: it is the one to go back to."""
    BOOTED = "booted"
    """A boot with it was seen through: the one before it is not kept any longer."""


@dataclass(frozen=True, slots=True)
class Required:
    """What a version must do: the facets (polling, commits, delivery) and the links, by name, that were green."""

    facets: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probation:
    """A version that is being watched.

    `invocation_id` is that of the service before (empty: it did not run), which does not count; `configuration` is
    the digest of the service's configuration that was in force then. `previous` is the version to go back to, None
    where there is none. `waits_for` says what it waits for, empty: nothing. `condemned` is, for Cause.BACK, the
    version that was taken back, and `reason` why.
    """

    version: str
    previous: str | None
    cause: Cause
    boot_id: str
    at: float
    required: Required = Required()
    invocation_id: str = ""
    configuration: str = ""
    waits_for: str = ""
    condemned: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A change of packages that dpkg was told to make, or is about to: package → version, before and after."""

    at: float
    boot_id: str
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BadVersion:
    """A version that was taken back.

    `tries` counts how often. `is_unclear`: the version before did not do better, so that it is tried again once,
    a day after `at`.
    """

    reason: str
    at: float
    tries: int = 1
    is_unclear: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """How far the installed version has come; `boot_id` is that of the boot in which it got there.

    `required` is what it did when it passed, by which its next start is measured. `at_work` is what it was seen to do
    since then, at the last run of the updater, None: the same; by it is measured what somebody installs in its place.
    """

    version: str
    level: Level = Level.NEW
    boot_id: str = ""
    required: Required = Required()
    at_work: Required | None = None


@dataclass(frozen=True, slots=True)
class Libraries:
    """What the service had loaded when its run `invocation_id` was first seen: package → version.

    `due_since` is when it was first seen not to be so any more, on the boot-time clock of `boot_id`. `failed` holds
    the versions with which a restart under watch failed.
    """

    invocation_id: str
    versions: Mapping[str, str] = field(default_factory=dict)
    due_since: float | None = None
    boot_id: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with updates, as the daemon and `inviseobox check` show it.

    `kind` is one of: taken back, library, refused, no room, repository, updater.
    """

    kind: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """All of it. `installed` is the version of the service that was seen last, `good` the one to go back to.

    `kept` is the one before `good`, which is kept until a boot with `good` was seen through. `bad` and `bad_updater`
    name the versions of the service and of the updater that were taken back. `reports` waits to be sent, the oldest
    first. `looked` is "ok" or why nothing could be looked for. `updater` is the version of the updater to go back to.
    `oldest_reader` is the lowest schema of a version that can read the database, after all that were installed until
    here; 0: not known.
    """

    installed: str | None = None
    good: str | None = None
    kept: str | None = None
    proof: Proof | None = None
    probation: Probation | None = None
    pending: Pending | None = None
    bad: Mapping[str, BadVersion] = field(default_factory=dict)
    bad_updater: Mapping[str, BadVersion] = field(default_factory=dict)
    updater: str | None = None
    libraries: Libraries | None = None
    reports: tuple[Mapping[str, Any], ...] = ()
    trouble: Trouble | None = None
    looked_at: float | None = None
    looked: str = ""
    boot_id: str = ""
    oldest_reader: int = 0


def to_json(state: State) -> str:
    """Return the text of state.json."""
    return json.dumps({"schema": SCHEMA, **asdict(state)}, indent=1) + "\n"


def from_json(text: str) -> State:
    """Read the text of state.json. Keys that are not known are ignored. Raises StateError."""
    try:
        content = json.loads(text)
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise StateError(f"it is not a state in schema {SCHEMA}")
        return _read(State, content)
    except (ValueError, TypeError, RecursionError) as error:
        raise StateError(f"it is damaged: {error}") from None


def _read(kind: type[_T], value: Any) -> _T:
    """Make a dataclass of an object. Raises TypeError or ValueError where it holds something else."""
    if not isinstance(value, dict):
        raise TypeError(f"{kind.__name__} is not an object")
    hints = get_type_hints(kind)
    names = [one.name for one in fields(kind) if one.name in value]  # type: ignore[arg-type]
    return kind(**{name: _value(hints[name], value[name], name) for name in names})


def _value(hint: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is UnionType:
        if value is None and NoneType in arguments:
            return None
        return _value(next(one for one in arguments if one is not NoneType), value, name)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(arguments[0], one, name) for one in value)
    if origin is Mapping and isinstance(value, dict):
        return {key: _value(arguments[1], one, name) for key, one in value.items()}
    if hint is Any:
        return value
    if isinstance(hint, type) and is_dataclass(hint):
        return _read(hint, value)
    return _plain(hint, value, name)


def _plain(hint: Any, value: Any, name: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and issubclass(hint, str) and isinstance(value, str):
        return hint(value)
    if hint in (int, bool) and type(value) is hint:
        return value
    raise TypeError(f"{name} is not what it should be")
