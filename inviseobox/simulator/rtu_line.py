"""A serial line with Modbus RTU units on it, for whatever port carries its bytes; it takes its time like a real one."""

import asyncio
from asyncio import Task
from collections.abc import Callable
from dataclasses import dataclass

from inviseobox.simulator.modbus_reply import Reply, put_on_wire
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.rtu_frame import character_time, opened, sealed, silent_interval

DEFAULT_BAUDRATE = 9600

# Ports here have no UART: bytes of one frame may come in several reads. Only a frame that is not whole waits for more.
_LONGEST_WAIT = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """A frame of the master: it began `silence` seconds after the last byte on the line, `inf` for the first."""

    frame: bytes
    silence: float


class RtuLine:
    """Hears the master through `heard` and answers through `deliver`.

    A byte takes 11 bits at `baudrate`, None being infinitely fast: what the master sends is there when its last
    byte has had its time, and an answer comes byte by byte. `frames` are the valid requests and `rubbish` all else,
    oldest first; `overlaps` counts bytes the master sent while an answer was on the line.
    `hang_up` is called where an answer is to end with the connection. Use it in an event loop.
    """

    def __init__(
        self,
        units: ModbusUnits,
        deliver: Callable[[bytes], None],
        *,
        baudrate: int | None = DEFAULT_BAUDRATE,
        hang_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.units = units
        self.baudrate = baudrate
        self.frames: list[Heard] = []
        self.rubbish: list[bytes] = []
        self.overlaps = 0
        self._deliver = deliver
        self._hang_up = hang_up
        self._talking = asyncio.Lock()
        self._busy_until = float("-inf")
        self._silence = 0.0
        self._begun = b""
        self._giving_up: asyncio.TimerHandle | None = None
        self._answering: set[Task[None]] = set()

    def heard(self, data: bytes) -> None:
        """Take in `data`, which the master sent."""
        now = asyncio.get_running_loop().time()
        if self._talking.locked():
            self.overlaps += len(data)
        if not self._begun:
            self._silence = now - self._busy_until
        self._busy_until = max(now, self._busy_until) + len(data) * character_time(self.baudrate)
        self._begun += data
        self._stop_waiting()
        request = opened(self._begun)
        if request is None:
            longest_wait = max(_LONGEST_WAIT, silent_interval(self.baudrate))
            loop = asyncio.get_running_loop()
            self._giving_up = loop.call_at(self._busy_until + longest_wait, self._give_up)
            return
        frame, self._begun = self._begun, b""
        self.frames.append(Heard(frame, self._silence))
        self._answer(*request, frame)

    async def close(self) -> None:
        """Drop everything that is under way."""
        self._stop_waiting()
        self._begun = b""
        tasks = tuple(self._answering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _give_up(self) -> None:
        self.rubbish.append(self._begun)
        self._begun = b""

    def _stop_waiting(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _answer(self, unit: int, pdu: bytes, frame: bytes) -> None:
        come = self._busy_until
        for reply in self.units.replies(unit, pdu):
            task = asyncio.get_running_loop().create_task(self._send(reply, pdu, frame, come))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _send(self, reply: Reply, pdu: bytes, request: bytes, come: float) -> None:
        loop = asyncio.get_running_loop()
        await _sleep_until(come + reply.delay)
        async with self._talking:
            await _sleep_until(max(come + reply.delay, self._busy_until) + silent_interval(self.baudrate))
            self.units.going_out(reply, pdu)
            try:
                await put_on_wire(reply, sealed(reply.unit, reply.pdu), request, self._talk)
            except ConnectionResetError:
                self._hang_up()
            self._busy_until = max(self._busy_until, loop.time())

    async def _talk(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        character = character_time(self.baudrate)
        if not character:
            self._deliver(data)
            return
        begin = loop.time()
        sent = 0
        while sent < len(data):
            due = min(len(data), int((loop.time() - begin) / character))
            if due > sent:
                self._deliver(data[sent:due])
                sent = due
            else:
                await _sleep_until(begin + (sent + 1) * character)


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(moment - asyncio.get_running_loop().time())
