"""Whether a version that is being watched is good. Pure: what was seen is judged, by the boot-time clock alone."""

from dataclasses import dataclass

from .observation import Observation, Status
from .state import Probation, Required


@dataclass(frozen=True, slots=True)
class Undecided:
    """Go on looking. `needs_restart`: the process of the version before still runs; restart the service."""

    needs_restart: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """All that can be judged is well; the rest waits for something that is not the version's fault."""

    cause: str


@dataclass(frozen=True, slots=True)
class Good:
    """The version does what it must. `required` is what it is seen to do: the measure of its next start."""

    required: Required


@dataclass(frozen=True, slots=True)
class Bad:
    """The version does not do what it must; one English line says what, its root cause first."""

    reason: str


Judgement = Undecided | Waiting | Good | Bad


class Seen:
    """What was seen of a service since the boot-time clock showed `began`."""

    def __init__(self, probation: Probation, began: float) -> None:
        """Begin to watch."""
        raise NotImplementedError

    def note(self, observation: Observation) -> None:
        """Take in what is seen next."""
        raise NotImplementedError


def required(status: Status | None) -> Required:
    """Return what is green in a status, which is what the next start must do; nothing where there is none."""
    raise NotImplementedError


def required_at_boot(required: Required) -> Required:
    """Return what must be green after a boot: no link, for cables are moved while a machine is off."""
    return Required(required.facets, ())


def judge(probation: Probation, seen: Seen, now: float) -> Judgement:
    """Judge the version by what was seen up to `now`, in seconds of the boot-time clock."""
    raise NotImplementedError


def is_green_again(reason_required: Required, status: Status | None) -> bool:
    """Whether all of this is green in a status: so the version before does what the one taken back did not."""
    raise NotImplementedError
