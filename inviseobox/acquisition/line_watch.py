"""Whether another master asks on a serial line. Pure; times are seconds of a monotonic clock."""

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from inviseobox.acquisition.modbus_frame import READS, data_size
from inviseobox.acquisition.rtu_answer import REQUEST_SIZE, is_read_request
from inviseobox.acquisition.rtu_crc import RunningCrc

REMEMBERED = 3600.0
"""Seconds for which another master is reckoned with after it was heard."""
_LONGEST_PAUSE = 0.05
"""Seconds of silence within a frame; what is not whole by then is none."""
_MOST_BYTES = 2048
"""Bytes that are looked at within a second: more than a line at 19,200 baud carries."""
_MOST_OWN = 256
_MOST_STRANGE = 16
_WRITES = (5, 6, 15, 16)
"""The functions that write: request or answer of each, or both, have the size of a request to read."""


class LineWatch:
    """Hears all that is on a line, in answer to a request and between two.

    A request to read that is not ours is another master's, and so are two answers within an hour of units or functions
    that nobody asked here; what writes goes over the line twice. Late and doubled answers of our own units are not,
    nor are echoes of our requests, nor noise: a frame counts only with a right CRC, and bytes within a frame only as
    its contents.
    """

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self._begin()
        self._last = float("-inf")
        self._second = float("-inf")
        self._room = 0
        self._own: dict[bytes, None] = {}
        self._sizes: set[tuple[int, int, int]] = set()
        self._asked: set[tuple[int, int]] = set()
        self.units: set[int] = set()
        """The units that were asked here."""
        self._request_at = float("-inf")
        self._strange: deque[tuple[float, int, int]] = deque(maxlen=_MOST_STRANGE)

    def _begin(self) -> None:
        self._heard = bytearray()
        self._crc = RunningCrc()
        self._next = 0

    def asked(self, request: bytes) -> None:
        """Note a request of our own."""
        unit, function = request[:2]
        self._own.pop(request, None)
        self._own[request] = None
        if len(self._own) > _MOST_OWN:
            del self._own[next(iter(self._own))]
        self.units.add(unit)
        self._asked.add((unit, function))
        self._sizes.add((unit, function, data_size(request)))

    def hear(self, data: bytes, now: float) -> None:
        """Take what came, whether it is an answer or not."""
        if now - self._last > _LONGEST_PAUSE:
            self._search(self._last, waits=False)
            self._begin()
        self._last = now
        if now - self._second >= 1:
            self._second, self._room = now, _MOST_BYTES
        if not self._room:
            return
        heard, self._room = data[: self._room], max(0, self._room - len(data))
        if len(self._heard) > _MOST_BYTES:
            rest = bytes(self._heard[self._next :])
            self._begin()
            self._add(rest)
        self._add(heard)
        self._search(now, waits=True)
        if not self._room:
            self._begin()

    def _add(self, data: bytes) -> None:
        self._heard += data
        self._crc.add(data)

    def hears_another(self, now: float) -> bool:
        """Return whether another master was heard within the last hour."""
        if now - self._request_at < REMEMBERED:
            return True
        times = [at for at, unit, function in self._strange if (unit, function) not in self._asked]
        return any(second - first < REMEMBERED and now - second < REMEMBERED for first, second in pairwise(times))

    def _search(self, now: float, *, waits: bool) -> None:
        size = len(self._heard)
        while self._next < size:
            start = self._next
            if waits and size - start < 3:
                return
            is_cut = False
            for length in _lengths(bytes(self._heard[start : start + 3])):
                end = start + length
                if end > size:
                    is_cut = True
                elif self._crc.is_intact(start, end):
                    self._note(bytes(self._heard[start:end]), now)
                    self._next = end
                    break
            else:
                if is_cut and waits:
                    return
                self._next += 1

    def _note(self, frame: bytes, now: float) -> None:
        unit, function = frame[0], frame[1] & 0x7F
        if frame in self._own:
            return
        if is_read_request(frame) and (unit, function, 3) not in self._sizes:
            self._request_at = now
        elif (unit, function) not in self._asked:
            self._strange.append((now, unit, function))


def _lengths(head: bytes) -> Iterator[int]:
    """Yield the lengths that a frame with this beginning may have."""
    if len(head) < 3 or not 1 <= head[0] <= 247:
        return
    function, size = head[1:3]
    if function in READS:
        lengths = {REQUEST_SIZE, 5 + size} if size and (function <= 2 or size % 2 == 0) else {REQUEST_SIZE}
        yield from sorted(lengths)
    elif function in _WRITES:
        yield REQUEST_SIZE
    elif function & 0x80 and function & 0x7F in READS and 1 <= size <= 11:
        yield 5
