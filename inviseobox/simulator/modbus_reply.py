"""What a unit was asked and what goes out in answer: the right answer, or what a fault makes of it."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Deformation = Callable[[bytes, bytes], bytes]
"""(right frame, request frame) → the bytes that really go onto the wire."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request PDU to a unit; `at` in seconds since the epoch."""

    unit: int
    pdu: bytes
    at: float = 0.0

    @property
    def function_code(self) -> int:
        """What it asks for."""
        return self.pdu[0]

    @property
    def addresses(self) -> range:
        """The protocol addresses that a read asks for; empty for anything else."""
        if len(self.pdu) != 5 or not 1 <= self.pdu[0] <= 4:
            return range(0)
        address, count = struct.unpack(">HH", self.pdu[1:])
        return range(address, address + count)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer on its way out.

    It leaves `delay` seconds after the request came. If it `holds` the link, a gateway takes no other request
    before it is out. The frame is made from `unit` and `pdu`, then `deform`ed; after `pause_after` bytes of it
    nothing comes for `pause` seconds; after `cut_after` bytes the connection is closed (a serial port has none
    and just falls silent). `counts`: a reader should take it, so the log of what was served has it.
    """

    unit: int
    pdu: bytes
    delay: float = 0.0
    holds: bool = True
    deform: Deformation | None = None
    pause_after: int = 0
    pause: float = 0.0
    cut_after: int | None = None
    counts: bool = True


Replies = tuple[Reply, ...]
"""In answer to one request: normally one, none for silence."""

Fault = Callable[[Asked, Replies], Replies]
"""Stands between a unit and the wire: what was asked and the replies so far → the replies that go out."""


async def put_on_wire(reply: Reply, frame: bytes, request: bytes, write: Callable[[bytes], Awaitable[None]]) -> None:
    """Write the reply's `frame` as the reply has it, in answer to the frame `request`.

    Raises ConnectionResetError where the connection is to be closed.
    """
    data = frame if reply.deform is None else reply.deform(frame, request)
    whole = len(data)
    if reply.cut_after is not None:
        data = data[: reply.cut_after]
    first, rest = data[: reply.pause_after], data[reply.pause_after :]
    if first:
        await write(first)
    if reply.pause:
        await asyncio.sleep(reply.pause)
    if rest:
        await write(rest)
    if reply.cut_after is not None:
        raise ConnectionResetError(f"cut after {len(data)} of {whole} bytes")
