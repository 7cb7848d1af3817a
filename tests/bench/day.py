"""`python3 -m tests.bench.day GATEWAYS UNITS HOURS FOLDER`: a daemon, its site and its server in one simulated time.

Rounds of 10 s, windows of half an hour; the database lies in FOLDER. It says "rss HOUR MB" after each twelfth of the
time: memory of all three, of which site and server keep nothing.
"""

import asyncio
import json
import os
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path

from inviseobox.daemon import Daemon
from inviseobox.host import configuration_file
from inviseobox.host.journal import Redaction
from inviseobox.timekeeping.timekeeper import Clocks
from tests.support import virtual_time

from . import server
from .processes import used
from .workloads import Workload, configuration, over_tcp

_LOOKS = 12


class _Units(asyncio.Protocol):
    """All units of a gateway; each answers 44 registers of one value or another (MODBUS Messaging on TCP/IP, 3.1.3)."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._number = 0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while len(self._received) >= 12:
            transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", self._received[:12])
            del self._received[:12]
            self._number += 1
            values = struct.pack(">f", self._number % 1000 / 8) * (count // 2 + 1)
            head = struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count)
            self._transport.write(head + values[: 2 * count])


async def _live(workload: Workload, hours: float, work: Path) -> None:
    loop = asyncio.get_running_loop()
    begin = time.time() - loop.time()

    def clock() -> float:
        return begin + loop.time()

    gateways = [await loop.create_server(_Units, "127.0.0.1", 0) for _ in range(workload.gateways)]
    ports = [gateway.sockets[0].getsockname()[1] for gateway in gateways]
    devices = json.dumps(over_tcp(workload, ports)).encode()
    receiver = await server.listen(devices, lambda line: None, clock)
    file = work / "config.toml"
    url = f"http://127.0.0.1:{receiver.sockets[0].getsockname()[1]}/api"
    file.write_text(configuration(work, url, interval=1800, period=10))
    daemon = Daemon(str(file), Redaction(), Clocks("a day", clock, loop.time, lambda: None))
    running = asyncio.create_task(daemon.run(configuration_file.load(str(file), os.environ)))
    for look in range(1, _LOOKS + 1):
        await asyncio.sleep(hours * 3600 / _LOOKS)
        print("rss", f"{hours * look / _LOOKS:.3f}", f"{used(os.getpid()).rss:.3f}", flush=True)
    signal.raise_signal(signal.SIGTERM)
    await running


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="bench-day-", dir=sys.argv[4]) as made:
        virtual_time.run(_live(Workload("", int(sys.argv[1]), int(sys.argv[2])), float(sys.argv[3]), Path(made)))
