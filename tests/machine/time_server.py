"""A time server on the host's loopback, as systemd-timesyncd of a machine asks it."""

import socket
import struct
import threading
import time
from types import TracebackType
from typing import Self

PORT = 123
"""timesyncd asks no other: timesyncd.conf(5)."""

# RFC 5905, section 7.3: leap and version and mode, stratum, poll, precision, root delay and dispersion, reference id,
# then four times of 64 bits: reference, origin, receive, transmit.
_PACKET = struct.Struct(">BBbbII4s8s8s8s8s")
_VERSION_4_SERVER = 4 << 3 | 4
_FROM_1900_TO_1970 = 2_208_988_800
_STOP_LOOKING_EVERY = 0.2


class TimeServer:
    """Answers with the host's time while it is entered and `answering`, which may be changed; `asked` counts."""

    def __init__(self) -> None:
        self.answering = True
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="time server", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._socket.bind(("127.0.0.1", PORT))
        except OSError as error:
            self._socket.close()
            message = f"127.0.0.1:{PORT} cannot be had for the time server of the machines: {error}"
            raise OSError(error.errno, message) from None
        self._socket.settimeout(_STOP_LOOKING_EVERY)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                question, sender = self._socket.recvfrom(1024)
            except TimeoutError:
                continue
            received = time.time()
            if len(question) >= _PACKET.size:
                self.asked += 1
                if self.answering:
                    self._socket.sendto(answer(question, received, time.time()), sender)


def answer(question: bytes, received: float, sent: float) -> bytes:
    """Return the answer to an NTP question that came and is answered at these times, in seconds since 1970."""
    origin = question[40:48]
    times = (_of_1900(received), origin, _of_1900(received), _of_1900(sent))
    return _PACKET.pack(_VERSION_4_SERVER, 1, 6, -20, 0, 0, b"TEST", *times)


def _of_1900(moment: float) -> bytes:
    seconds, fraction = divmod(moment + _FROM_1900_TO_1970, 1)
    return struct.pack(">II", int(seconds) & 0xFFFFFFFF, int(fraction * 2**32))
