"""Where the benchmark works: compiled programs, folders for databases, a disk of its own; and the parts of one run."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.daemons import CHECKOUT, ServiceManager
from tests.support.loop_disks import small_disk

from .processes import Program, program, python
from .workloads import Workload, configuration, over_tcp

BUILD = CHECKOUT / "build" / "bench"
DAEMON_LOG = BUILD / "daemon.log"
"""What the daemons of one benchmark say, one after the other."""
_SOURCES = Path(__file__).parent
_DISK = 2**30
"""Bytes of a disk that the benchmark makes for itself; it lies in memory and takes as much as is written."""


def compile_programs() -> None:
    """Compile the C programs. Raises CalledProcessError."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, libraries in {"site": [], "line": ["-lutil"], "libmodbus_loop": ["-lmodbus", "-pthread"]}.items():
        include = ["-I/usr/include/modbus"] if libraries else []
        source, target = _SOURCES / f"{name}.c", BUILD / name
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", *include, "-o", target, source, *libraries], check=True)


@contextmanager
def folder() -> Iterator[Path]:
    """Yield an empty folder with a short name, on the disk of the checkout: one in memory would count no bytes."""
    made = Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextmanager
def disk() -> Iterator[Path | None]:
    """Yield the folder of an ext4 disk that nothing else writes to; None without root, for mounting takes it."""
    if os.geteuid() != 0:
        yield None
        return
    with small_disk(_DISK) as made:
        yield made.folder


@contextmanager
def site(gateways: int, interval: int, silent_unit: int = 0) -> Iterator[tuple[Program, list[int]]]:
    """Run the simulated site; yield it and its ports."""
    with program(BUILD / "site", str(gateways), str(interval), str(silent_unit)) as running:
        yield running, [int(port) for port in running.words("ports")]


@contextmanager
def line(layout: str) -> Iterator[tuple[Program, str]]:
    """Run a serial line of 9600 8N1, its values "merged" or "scattered"; yield it and the path of its port."""
    with program(BUILD / "line", "9600", layout) as running:
        yield running, running.words("port")[0]


@contextmanager
def server(devices: Sequence[Any], work: Path) -> Iterator[tuple[Program, str]]:
    """Run a server with this device list, which is written to `work`; yield it and the base of its API."""
    listed = work / "devices.json"
    listed.write_text(json.dumps(devices))
    with program(*python("tests.bench.server", listed)) as running:
        yield running, f"http://127.0.0.1:{running.words('port')[0]}/api"


@contextmanager
def daemon(
    work: Path,
    url: str,
    *,
    interval: int,
    period: float,
    data: Path | None = None,
    module: str = "inviseobox",
    arguments: Sequence[str] = (),
) -> Iterator[Program]:
    """Run the daemon as systemd does, or `module` in its place; its database lies in `data`, else in `work`."""
    file = work / "config.toml"
    file.write_text(configuration(data or work, url, interval=interval, period=period))
    # In memory, as /run is: what is written there counts for no disk.
    with (
        tempfile.TemporaryDirectory(prefix="bench-", dir="/dev/shm") as runtime,
        contextlib.closing(ServiceManager(Path(runtime))) as told,
    ):
        command = python(module, *arguments, "run", "--config", file)
        with program(*command, log=DAEMON_LOG, NOTIFY_SOCKET=told.path, RUNTIME_DIRECTORY=runtime) as running:
            yield running


@dataclass(frozen=True, slots=True)
class Run:
    """A daemon with its site and its server."""

    daemon: Program
    site: Program
    server: Program
    work: Path


@contextmanager
def run(
    workload: Workload,
    *,
    interval: int,
    period: float,
    data: Path | None = None,
    silent_unit: int = 0,
    module: str = "inviseobox",
    arguments: Sequence[str] = (),
) -> Iterator[Run]:
    """Run a daemon over TCP until it has sent its first request."""
    with (
        folder() as work,
        site(workload.gateways, interval, silent_unit) as (meters, ports),
        server(over_tcp(workload, ports), work) as (receiver, url),
        daemon(work, url, interval=interval, period=period, data=data, module=module, arguments=arguments) as box,
    ):
        meters.words("first", within=30)
        yield Run(box, meters, receiver, work)
