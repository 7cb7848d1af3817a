"""Windows of a minute, by their numbers."""

from inviseobox.buffer import Buffer
from inviseobox.records import Aggregate
from tests.support.buffers import dating, read, series

MINUTE = 60
START = 1_700_000_040
"""A whole minute: the begin of window 0."""
POWER = series("power", Aggregate.AVG)


def end(number: int) -> int:
    """Return the end of a window."""
    return START + MINUTE * (number + 1)


async def windows(buffer: Buffer, *numbers: int) -> None:
    """Read and seal windows, in each of which the power is the number."""
    for number in numbers:
        read(buffer, START + MINUTE * number, MINUTE, POWER, float(number))
        await buffer.seal(dating(end(number)))
