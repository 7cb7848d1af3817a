"""What can be wrong with a Modbus unit, whatever carries its answers; for `ModbusUnits.set_faults`.

Faults are put together by giving several. `fault_choice` restricts one to some requests. What is wrong with single
bytes on the wire is in `noise`.
"""

import struct
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Literal

from inviseobox.simulator.modbus_pdu import ILLEGAL_DATA_ADDRESS, ILLEGAL_DATA_VALUE, exception
from inviseobox.simulator.modbus_reply import Asked, Deformation, Replies


@dataclass(frozen=True, slots=True)
class Silent:
    """The unit hears and does not answer. A gateway in front of it may answer in its place."""

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return ()


@dataclass(frozen=True, slots=True)
class Slow:
    """The answer takes `seconds`, and a gateway waits for it."""

    seconds: float

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, delay=reply.delay + self.seconds) for reply in replies)


@dataclass(frozen=True, slots=True)
class Late:
    """The answer comes after `seconds`, when nobody waits for it any more; other requests are served meanwhile."""

    seconds: float

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, delay=reply.delay + self.seconds, holds=False, counts=False) for reply in replies)


@dataclass(frozen=True, slots=True)
class Twice:
    """The answer comes a second time, `seconds` after the first, other requests notwithstanding."""

    seconds: float = 0.0

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        again = (
            replace(reply, delay=reply.delay + self.seconds, holds=reply.holds and not self.seconds, counts=False)
            for reply in replies
        )
        return (*replies, *again)


@dataclass(frozen=True, slots=True)
class Refuse:
    """The answer is an exception, whatever was asked."""

    code: int

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        pdu = exception(asked.function_code, self.code)
        return tuple(replace(reply, pdu=pdu) for reply in replies)


@dataclass(frozen=True, slots=True)
class Holes:
    """A read that touches one of `addresses` is refused with `code`; of one function code only, unless that is None."""

    addresses: Container[int]
    function_code: int | None = None
    code: int = ILLEGAL_DATA_ADDRESS

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        if self.function_code not in (None, asked.function_code):
            return replies
        touched = any(address in self.addresses for address in asked.addresses)
        return Refuse(self.code)(asked, replies) if touched else replies


@dataclass(frozen=True, slots=True)
class ReadLimit:
    """A read of more than `most` registers or bits is refused with `code`, or met with silence if that is None."""

    most: int
    code: int | None = ILLEGAL_DATA_VALUE

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        if len(asked.addresses) <= self.most:
            return replies
        return () if self.code is None else Refuse(self.code)(asked, replies)


@dataclass(frozen=True, slots=True)
class Deformed:
    """The frame is made right and then spoilt by `how`; see `noise`."""

    how: Deformation

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, deform=self.how, counts=False) for reply in replies)


@dataclass(frozen=True, slots=True)
class WrongUnit:
    """A frame that is right in itself comes as if from `unit`, by default from the one with the next number."""

    unit: int | None = None

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        unit = asked.unit % 247 + 1 if self.unit is None else self.unit
        return tuple(replace(reply, unit=unit, counts=False) for reply in replies)


@dataclass(frozen=True, slots=True)
class WrongPdu:
    """A frame that is right in itself holds an answer that does not fit the request.

    `function`: of another function code. `byte count`: the byte count is 2 more than the bytes that follow.
    `short`: two bytes less than asked for, and the byte count says so. `long`: two bytes more, the same.
    """

    how: Literal["function", "byte count", "short", "long"]

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, pdu=self._spoilt(reply.pdu), counts=False) for reply in replies)

    def _spoilt(self, pdu: bytes) -> bytes:
        if self.how == "function":
            return bytes([pdu[0] ^ 0x07]) + pdu[1:]
        if self.how == "byte count":
            return pdu[:1] + bytes([(pdu[1] + 2) & 0xFF]) + pdu[2:]
        data = pdu[2:-2] if self.how == "short" else pdu[2:] + struct.pack(">H", 0x55AA)
        return pdu[:1] + bytes([len(data) & 0xFF]) + data


@dataclass(frozen=True, slots=True)
class HangUp:
    """The connection is closed after that many bytes of the answer; on a serial port the rest just never comes."""

    after: int = 0

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, cut_after=self.after, counts=False) for reply in replies)


@dataclass(frozen=True, slots=True)
class InTwoParts:
    """The answer stops after `first` bytes of its frame for `seconds`, then goes on."""

    seconds: float
    first: int = 5

    def __call__(self, asked: Asked, replies: Replies) -> Replies:
        return tuple(replace(reply, pause_after=self.first, pause=self.seconds) for reply in replies)
