"""`python3 -m tests.bench [short|long|profile]`: measure, show a table, and keep the figures for the next run."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from . import daemon_runs, days, hot, plan, rows
from .daemon_runs import Figures
from .places import BUILD, DAEMON_LOG, compile_programs
from .workloads import L

_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def _interrupt(*_: object) -> None:
    # Once is enough: what was started is being ended, and that is not to be cut short.
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _measure(size: str) -> tuple[Figures, int]:
    """Return the figures, and how many parts failed; each of those is named and costs its own figures only."""
    measured: list[Figures] = []
    failed = 0
    for name, step in [*plan.steps(plan.SIZES[size]), *days.steps(size)]:
        began = time.monotonic()
        print(f"{name} …", end="", flush=True)
        try:
            measured.append(step())
        except (OSError, TimeoutError, AssertionError, LookupError, ValueError, subprocess.SubprocessError) as error:
            failed += 1
            print(f" failed: {type(error).__name__}: {error}", flush=True)
        else:
            print(f" {time.monotonic() - began:.0f} s", flush=True)
    return rows.with_ratios(plan.medians(measured)), failed


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
    }


def _before(file: Path) -> Figures:
    try:
        return dict(json.loads(file.read_text())["figures"])
    except (OSError, ValueError, LookupError):
        return {}


def _bench(size: str) -> int:
    began = time.monotonic()
    machine = _machine()
    print(f"{machine['cores']} cores, load {machine['load']:.1f}, Python {machine['python']}")
    if size == "short":
        print("each part once, tiny: the figures mean nothing")
    if os.geteuid() != 0:
        print("without root there is no disk of its own: what reaches the device is not measured")
    DAEMON_LOG.unlink(missing_ok=True)
    figures, failed = _measure(size)
    last = BUILD / f"{size}.json"
    print(*rows.table(figures, _before(last), is_judged=size != "short"), sep="\n")
    content = json.dumps({"at": time.time(), "machine": machine, "figures": figures}, indent=1, sort_keys=True) + "\n"
    kept = [last, BUILD / time.strftime(f"{size}-%Y%m%dT%H%M%SZ.json", time.gmtime())]
    for file in kept if size != "short" else kept[:1]:
        file.write_text(content)
    print(f"\n{time.monotonic() - began:.0f} s; the figures are in {last}, what the daemons said is in {DAEMON_LOG}")
    return 1 if failed else 0


def _profile() -> int:
    file = BUILD / "profile"
    daemon_runs.profile(L, 10, 6, file)
    print(*hot.functions(file, 25), sep="\n")
    return 0


def main() -> int:
    """Return the exit status: 1 where a part could not be measured. Ctrl-C ends all that was started."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("what", nargs="?", default="usual", choices=[*plan.SIZES, "profile"])
    what = parser.parse_args().what
    for number in _ENDING:
        signal.signal(number, _interrupt)
    try:
        compile_programs()
        return _profile() if what == "profile" else _bench(what)
    except KeyboardInterrupt:
        print("\nstopped")
        return 130


if __name__ == "__main__":
    sys.exit(main())
