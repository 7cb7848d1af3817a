"""The answers on the control socket, made a little at a time."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import islice
from typing import Any, assert_never

from inviseobox.buffer import Buffer
from inviseobox.clock import WallClock
from inviseobox.control.protocol import MOST_REPORTS, RECENT_WINDOWS, History, Rejected, Request, Status
from inviseobox.control.selection import selected
from inviseobox.control.writing import written
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Device, Measurement
from inviseobox.health.health import Health
from inviseobox.host import status_file
from inviseobox.records import Aggregate
from inviseobox.untrusted import clean_text

_TOGETHER = 32
"""Measurements of which the last windows are looked up in one go."""


class Answers:
    """What the daemon knows, for whoever asks."""

    def __init__(
        self, health: Health, devices: DevicesInForce, buffer: Buffer, now: WallClock, environment: Mapping[str, str]
    ) -> None:
        """Tell of these; `now` is the time by which readings are dated."""
        self._health = health
        self._devices = devices
        self._buffer = buffer
        self._now = now
        self._invocation = environment.get("INVOCATION_ID", "")

    def to(self, request: Request) -> AsyncIterator[str]:
        """Yield the lines of an answer but the last one, in short texts. Raises BufferFault, also in mid-answer."""
        match request:
            case Status():
                return self._status(request)
            case History():
                return self._history(request)
            case Rejected():
                return self._rejected()
            case _:
                assert_never(request)

    async def _status(self, request: Status) -> AsyncIterator[str]:
        top = status_file.top(self._health, self._devices, self._now(), self._invocation)
        async for text in written(top):
            yield text
        ends = await self._buffer.newest_ends(RECENT_WINDOWS) if request.recent else None
        for device, measurements in selected(self._devices.inventory.devices, request.select):
            content = status_file.device_top(device)
            async for text in written({**content, "measurements": self._measurements(device, measurements, ends)}):
                yield text

    async def _measurements(
        self, device: Device, measurements: Iterable[Measurement], ends: list[int] | None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield measurements of a device; with the averages of the windows that ended at `ends`, unless None."""
        left = iter(measurements)
        while some := list(islice(left, _TOGETHER)):
            recent = {} if ends is None else await self._buffer.averages(ends, [one.id for one in some])
            for one in some:
                content = status_file.measurement(self._health, one)
                yield content if ends is None else {**content, "recent": recent[one.id]}

    async def _history(self, request: History) -> AsyncIterator[str]:
        after: int | None = await self._buffer.history_start(request.since, MOST_REPORTS)
        left = MOST_REPORTS
        while after is not None and left > 0:
            reports, after = await self._buffer.history(request.measurement, after)
            for report in reports[:left]:
                values = {name.value: report.value.get(name) for name in Aggregate}
                content = {"end": report.end, **values, "status": report.status, "delivered": report.is_delivered}
                yield json.dumps(content) + "\n"
            left -= len(reports)

    async def _rejected(self) -> AsyncIterator[str]:
        after = 0
        while some := await self._buffer.rejected_after(after):
            for one in some:
                # Fields that were damaged may hold anything.
                fields = one.fields if one.is_intact else clean_text(one.fields)
                content = {"end": one.end, "words": clean_text(one.words), "fields": fields, "intact": one.is_intact}
                yield json.dumps(content) + "\n"
            after = some[-1].id
