"""What is asked of a unit, and what may come of it. Pure."""

from dataclasses import dataclass
from enum import Enum, auto

from inviseobox.acquisition.register_plan import Request


class Answer(Enum):
    """What came of a read."""

    READ = auto()
    """Values."""
    REFUSED = auto()
    """Exception 2 or 3: the device does not like this read, whatever the reason."""
    FAILED = auto()
    """Another exception, which may be about this read or about the device as a whole."""
    BUSY = auto()
    """Exception 5 or 6: not now."""
    ODD = auto()
    """What is no valid answer to this request."""
    SILENT = auto()
    """Nothing, or the word of a gateway that nothing came."""

    @property
    def is_valid(self) -> bool:
        """Whether it shows that the unit is there and understands."""
        return self not in (Answer.ODD, Answer.SILENT)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One read to do, after a pause in seconds; up to so many `tries` while there is no valid answer."""

    request: Request
    tries: int = 1
    pause: float = 0.0
