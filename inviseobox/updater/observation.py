"""What is seen of the service at one moment. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class LinkState:
    """A link as the service tells of it: whether it is up, why not, and when it gave a value last, by its own clock."""

    up: bool
    cause: str
    last_good: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """What the service's status.json says. Times are the service's own, which may step: see `written_at`.

    `progress` holds polling, commits and delivery, None: not since the start. `stamp` changes with each rewriting of
    the file, `size` is in bytes.
    """

    version: str
    invocation_id: str
    written_at: float
    interval: int
    progress: Mapping[str, float | None]
    links: Mapping[str, LinkState] = field(default_factory=dict)
    stamp: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Reached:
    """The server answers as it should: with a device list."""


@dataclass(frozen=True, slots=True)
class NotReached:
    """The server, or what stands in its place, does not answer as it should, and why."""

    cause: str


@dataclass(frozen=True, slots=True)
class Observation:
    """The service at `at`, in seconds of the boot-time clock.

    The states, the result and the counts are systemd's (org.freedesktop.systemd1(5)): `exit_status` is
    ExecMainStatus, `memory_max` MemoryMax in bytes, None: no limit. `rss_bytes` is what the main process holds in
    memory and in swap, None: not known. `status` is None where there is none of this invocation that can be trusted,
    `server` where it was not asked at this moment. `configuration` is the digest of the service's configuration.
    """

    at: float
    active_state: str
    sub_state: str = ""
    invocation_id: str = ""
    n_restarts: int = 0
    main_pid: int = 0
    result: str = "success"
    exit_status: int = 0
    rss_bytes: int | None = None
    memory_max: int | None = None
    status: Status | None = None
    server: Reached | NotReached | None = None
    configuration: str = ""
