"""One connection over TCP or TLS. Whoever gives it up leaves nothing behind; whoever waits sees whether it moves."""

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
from collections.abc import Callable, Sequence
from typing import Any

from inviseobox.network.name_lookup import Address

_NEXT_ADDRESS = 0.25
"""Seconds after which the next address is tried beside one that does not connect (RFC 8305, section 5)."""
_MOST_UNREAD = 262_144
"""Bytes that wait to be read before the other side has to wait."""
_NO_LIMIT = 86_400.0
_MOST_BEGUN = 8192
_TCP_INFO_SIZE, _BYTES_RECEIVED = 136, 128
"""Of struct tcp_info, as far as it is asked for, and where in it the bytes stand that came."""


class _Protocol(asyncio.Protocol):
    """What has come and was not read yet, and whether more may be written."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_over = False
        self.failure: Exception | None = None
        self.changed = asyncio.Event()
        self.may_write = asyncio.Event()
        self.may_write.set()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (asyncio promises it for streams)
        self._transport = transport
        transport.set_write_buffer_limits(high=0)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.changed.set()
        if len(self.received) > _MOST_UNREAD and self._transport is not None:
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self.is_over = True
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_over = True
        self.failure = exc
        self.changed.set()
        self.may_write.set()

    def pause_writing(self) -> None:
        self.may_write.clear()

    def resume_writing(self) -> None:
        self.may_write.set()

    def taken(self, max_bytes: int) -> bytes:
        data = bytes(self.received[:max_bytes])
        del self.received[:max_bytes]
        if self._transport is not None and not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()
        return data


class Stream:
    """An open connection, as httpcore's connections want one (httpcore.AsyncNetworkStream).

    Of a TLS connection, `transport` is the one that ciphers, and `raw` the one below it; else they are the same.
    """

    def __init__(
        self, connection: socket.socket, raw: asyncio.Transport, transport: asyncio.Transport, protocol: _Protocol
    ) -> None:
        """Take over a connection."""
        self._connection = connection
        self._raw = raw
        self._transport = transport
        self._protocol = protocol
        self._sent = 0
        self._received = 0
        self._acknowledged = 0
        self._has_ended = False
        self.begun = bytearray()
        """The first bytes that were read, 8 KiB at most, since this was emptied last."""

    @property
    def acknowledged(self) -> int:
        """Count the bytes that the other side has acknowledged, as far as they came from here.

        Over TLS what waits is counted with what the records add to it, so that the count is never too high.
        """
        try:
            # How much of what was sent the kernel still holds (tcp(7), SIOCOUTQ), and then asyncio.
            (waiting,) = struct.unpack("i", fcntl.ioctl(self._connection.fileno(), termios.TIOCOUTQ, bytes(4)))
        except (OSError, ValueError):
            return self._acknowledged
        waiting += sum(transport.get_write_buffer_size() for transport in {self._raw, self._transport})
        self._acknowledged = max(self._acknowledged, self._sent - int(waiting))
        return self._acknowledged

    @property
    def has_ended(self) -> bool:
        """Whether the end of what the other side sends was read."""
        return self._has_ended

    @property
    def progress(self) -> tuple[int, int]:
        """What changes as long as anything moves: bytes acknowledged, and bytes received.

        Those of a TLS record count as they come, not only once it can be read as a whole.
        """
        return self.acknowledged, self._arrived

    @property
    def _arrived(self) -> int:
        try:
            # tcpi_bytes_received (linux/tcp.h)
            info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_SIZE)
            (arrived,) = struct.unpack_from("Q", info, _BYTES_RECEIVED)
        except (OSError, struct.error):
            return self._received
        return int(arrived)

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent: the other side has neither closed nor sent what nobody asked for."""
        return not (self._protocol.is_over or self._protocol.received or self._transport.is_closing())

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what comes next, nothing at the end. The time limit is the caller's. Raises OSError."""
        protocol = self._protocol
        while not protocol.received and not protocol.is_over:
            protocol.changed.clear()
            await protocol.changed.wait()
        if not protocol.received:
            self._has_ended = True
            if protocol.failure is not None:
                raise OSError(str(protocol.failure)) from None
        data = protocol.taken(max_bytes)
        self._received += len(data)
        self.begun += data[: _MOST_BEGUN - len(self.begun)]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`. The time limit is the caller's.

        A server may answer and close before it has read all: its answer counts, so the failure shows in `read`.
        """
        if self._protocol.is_over or self._transport.is_closing():
            return
        self._transport.write(buffer)
        self._sent += len(buffer)
        await self._protocol.may_write.wait()

    async def aclose(self) -> None:
        """Close the connection at once, without waiting for the other side."""
        self.abort()

    def abort(self) -> None:
        """Close the connection at once: the socket is free when the loop has run once more."""
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """Return None: httpcore asks for what it would log."""
        return None


async def open_stream(
    addresses: Sequence[Address],
    tls: ssl.SSLContext | None,
    host: str,
    shakes_hands: Callable[[], None] = lambda: None,
) -> Stream:
    """Connect to the first address that takes the connection; speak TLS with `host` where `tls` is given.

    `shakes_hands` is called where the connection stands and TLS begins.
    Where it is cancelled, no socket stays. Raises OSError; ssl.SSLError is one.
    """
    loop = asyncio.get_running_loop()
    connection = await _connected(addresses)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw, protocol = await loop.create_connection(_Protocol, sock=connection)
    except BaseException:
        connection.close()
        raise
    if tls is None:
        return Stream(connection, raw, raw, protocol)
    shakes_hands()
    try:
        # A limit for the handshake must be a number; the caller's is shorter.
        ciphered = await loop.start_tls(raw, protocol, tls, server_hostname=host, ssl_handshake_timeout=_NO_LIMIT)
    except BaseException:
        raw.abort()
        raise
    if ciphered is None:
        raise ConnectionResetError("the connection was closed in the TLS handshake")
    return Stream(connection, raw, ciphered, protocol)


async def _connected(addresses: Sequence[Address]) -> socket.socket:
    """Try one address after the other, each beside those that hang (RFC 8305)."""
    tries: set[asyncio.Task[socket.socket]] = set()
    failure: OSError = OSError("it has no address")
    waiting = list(addresses)
    try:
        while waiting or tries:
            if waiting:
                tries.add(asyncio.create_task(_connect(waiting.pop(0))))
            done, tries = await asyncio.wait(
                tries, timeout=_NEXT_ADDRESS if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for one in done:
                error = one.exception()
                if error is None:
                    tries |= done - {one}
                    return one.result()
                if not isinstance(error, OSError):
                    raise error
                failure = error
        raise failure
    finally:
        for one in tries:
            _give_up(one)


def _give_up(one: "asyncio.Task[socket.socket]") -> None:
    one.cancel()
    one.add_done_callback(_close_unwanted)


def _close_unwanted(one: "asyncio.Task[socket.socket]") -> None:
    if not one.cancelled() and one.exception() is None:
        one.result().close()


async def _connect(address: Address) -> socket.socket:
    connection = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, address.place)
    except BaseException:
        connection.close()
        raise
    return connection
