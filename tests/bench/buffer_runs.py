"""What is measured of the buffer: sealing a window, and delivering a backlog."""

import time

from tests.support.backlogs import fill

from .daemon_runs import Figures
from .places import daemon, disk, folder, server
from .processes import program, python
from .workloads import Workload

_NAMES = {
    "seconds": "sealing seconds",
    "cpu": "sealing cpu",
    "longest_commit": "sealing commit",
    "longest_stall": "sealing stall",
    "rss": "sealing rss",
}


def sealing(workload: Workload, rounds: int) -> Figures:
    """Seal half an hour of rounds that are a second apart, on the disk of the checkout."""
    with folder() as work:
        command = python("tests.bench.sealing", work, str(workload.measurements), str(rounds), "1")
        with program(*command) as running:
            running.process.wait(1200)
    seen = {words[0]: float(words[1]) for words in (line.split() for line in running.lines.all)}
    milliseconds = {"sealing stall": 1000.0}
    return {figure: seen[name] * milliseconds.get(figure, 1.0) for name, figure in _NAMES.items()}


def bytes_of_a_window(workload: Workload, rounds: int, period: float) -> Figures:
    """Fill, seal and take half an hour of calm rounds on a disk of its own; return what that writes."""
    name = workload.name
    with folder() as work, disk() as data:
        command = python("tests.bench.sealing", data or work, str(workload.measurements), str(rounds), str(period))
        with program(*command) as running:
            running.process.wait(600)
    figures = {f"all written {name}": float(running.words("written")[0]) / (workload.measurements * rounds)}
    if data is not None:
        seconds = rounds * period
        figures[f"all device bytes {name}"] = float(running.words("device_bytes")[0]) / seconds * 86_400 / 1e6
        figures[f"all device flushes {name}"] = float(running.words("device_flushes")[0]) / seconds * 60
    return figures


def backlog(measurements: int, windows: int) -> Figures:
    """Let the daemon deliver a backlog as fast as the server takes it."""
    with folder() as work:
        fill(work / "data.db", [f"65a0000000000000{number:08d}" for number in range(measurements)], windows, 60)
        with server([], work) as (receiver, url), daemon(work, url, interval=3600, period=10) as box:
            came = _values(receiver.all_words("values"))
            deadline = time.monotonic() + 300
            while sum(count for _, count in came) < measurements * windows and time.monotonic() < deadline:
                time.sleep(0.1)
                came = _values(receiver.all_words("values"))
            highest = box.used().highest_rss
    # The first batch comes at the start of the time.
    seconds = max(came)[0] - min(came)[0]
    fields = sum(count for _, count in came) - min(came)[1]
    return {"backlog": fields / max(1e-3, seconds), "backlog rss": highest}


def _values(words: list[list[str]]) -> list[tuple[float, int]]:
    return [(float(at), int(count)) for at, _, count in words]
