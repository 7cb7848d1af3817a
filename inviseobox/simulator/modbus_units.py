"""The units of one link, whatever carries their answers: image, faults, log."""

import time
from collections.abc import Callable, Mapping

from inviseobox.simulator import modbus_pdu
from inviseobox.simulator.changes import Changes
from inviseobox.simulator.modbus_pdu import UnitImage
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies, Reply

Images = Mapping[int, Callable[[], UnitImage]]
"""Unit → what it holds now."""

Served = Callable[[int, bytes, bytes], None]
"""Told of each answer that a reader should take, just before it is sent: unit, request PDU, answer PDU."""


class ModbusUnits:
    """Answers requests for the units in `images`, misbehaving as `set_faults` says.

    `asked` holds every request that reached the link, for units that nobody has too; it only grows, and `changes`
    tells so. `clock` returns the times of requests, in seconds since the epoch.
    """

    def __init__(
        self,
        images: Images,
        *,
        served: Served | None = None,
        clock: Callable[[], float] = time.time,
        changes: Changes | None = None,
    ) -> None:
        self.images = images
        self.asked: list[Asked] = []
        self._served = served
        self._clock = clock
        self._changes = Changes() if changes is None else changes
        self._faults: dict[int | None, tuple[Fault, ...]] = {}

    def set_faults(self, unit: int | None, *faults: Fault) -> None:
        """Replace the faults of `unit`, the first of which is applied first; without any it is well again.

        None stands for the link: its faults are applied to every unit's answers, after the unit's own.
        """
        self._faults[unit] = faults

    def clear_faults(self) -> None:
        """Make all units and the link well again."""
        self._faults.clear()

    def replies(self, unit: int, request: bytes) -> Replies:
        """Return what goes out in answer to a request PDU; nothing from a unit that does not exist."""
        asked = Asked(unit, request, self._clock())
        self.asked.append(asked)
        self._changes.notify()
        if unit not in self.images:
            return ()
        replies: Replies = (Reply(unit, modbus_pdu.answer(self.images[unit](), request)),)
        for fault in (*self._faults.get(unit, ()), *self._faults.get(None, ())):
            replies = fault(asked, replies)
        return replies

    def going_out(self, reply: Reply, request: bytes) -> None:
        """Record that the first byte of `reply` to the request PDU leaves now."""
        if reply.counts and self._served is not None:
            self._served(reply.unit, request, reply.pdu)
