"""What others need for the same requests: a bare pymodbus loop, a bare libmodbus client."""

from collections.abc import Sequence
from pathlib import Path

from .daemon_runs import Figures, line_figures
from .places import BUILD, line, site
from .processes import program, python
from .workloads import S, Workload

PEERS = ("pymodbus", "libmodbus")


def over_tcp(peer: str, workload: Workload, seconds: float) -> Figures:
    """Let a peer ask as fast as it goes."""
    name = f"{workload.name} {peer}"
    with site(workload.gateways, 3600) as (_, ports):
        places = [str(port) for port in ports]
        with program(*_command(peer), str(seconds), str(workload.units), "tcp", *places) as running:
            running.process.wait(seconds + 30)
        readings, cpu = (float(running.words(word)[0]) for word in ("readings", "cpu"))
    return {f"polled {name}": readings / seconds, f"cpu {name}": cpu / max(1.0, readings) * 100_000}


def over_the_line(peer: str, layout: str, seconds: float) -> Figures:
    """Let a peer ask over a paced line of 9600 8N1."""
    with line(layout) as (meters, port):
        with program(*_command(peer), str(seconds), str(S.units), "rtu", port, layout) as running:
            running.process.wait(seconds + 30)
        meters.stop()
    return line_figures(meters, f"{layout} {peer}")


def _command(peer: str) -> Sequence[str | Path]:
    return python("tests.bench.pymodbus_loop") if peer == "pymodbus" else [BUILD / "libmodbus_loop"]
