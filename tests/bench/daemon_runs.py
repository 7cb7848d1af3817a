"""What is measured of the real daemon, one function for each kind of run. Each returns figures by their names."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.support.daemons import Lines

from .places import Run, daemon, disk, folder, line, run, server, site
from .processes import Program, Used, Written, words_of, written_to_device_of
from .workloads import S, Workload, over_serial, over_tcp

Figures = dict[str, float]
IN_TIME = 5.0
"""Seconds after its end within which all reports of a window are to be at the server."""
_LAST_TICK = 0.2


def as_fast_as_it_goes(workload: Workload, interval: int, windows: int) -> Figures:
    """Poll without a pause for so many whole windows; the window in which it starts is not looked at."""
    name = workload.name
    with run(workload, interval=interval, period=0) as running:
        first = _sleep_to_border(interval)
        before, meters = running.daemon.used(), running.site.used()
        sizes = list(_sizes(running.daemon, windows * interval))
        after, meters_after = running.daemon.used(), running.site.used()
        time.sleep(IN_TIME + _LAST_TICK)
        running.site.stop()
        arrived = late_windows(running.server.lines, workload.measurements)
        answered = {int(end): int(count) for end, count in running.site.all_words("window")}
    ends = [first + (number + 1) * interval for number in range(windows)]
    polled = sum(answered.get(end, 0) for end in ends)
    in_time = sum(answered.get(end, 0) for end in ends if arrived.get(end, IN_TIME + 1) <= IN_TIME)
    seconds = windows * interval
    middle = len(sizes) // 2
    return {
        f"polled {name}": polled / seconds,
        f"in time {name}": in_time / seconds,
        f"cpu {name}": (after.cpu - before.cpu) / max(1, polled) * 100_000,
        f"site cpu {name}": (meters_after.cpu - meters.cpu) / seconds * 100,
        f"peak rss {name}": after.highest_rss,
        f"rss growth {name}": max(sizes[middle:]) - max(sizes[: middle or 1]),
        f"written {name}": (after.written - before.written) / max(1, polled),
    }


def late_windows(said: Lines, measurements: int) -> Mapping[int, float]:
    """Return for each window that the server has as a whole how many seconds after its end its last report came."""
    counts: Counter[int] = Counter()
    last: dict[int, float] = {}
    for at, end, count in words_of(said, "values"):
        counts[int(end)] += int(count)
        last[int(end)] = max(last.get(int(end), 0.0), float(at) - int(end))
    return {end: late for end, late in last.items() if counts[end] >= measurements}


def longest_stall(workload: Workload, interval: int, windows: int) -> Figures:
    """Watch the event loop while it polls without a pause and seals windows."""
    with folder() as work:
        file = work / "stalls"
        with run(workload, interval=interval, period=0, module="tests.bench.watched", arguments=[str(file)]):
            _sleep_to_border(interval)
            start_up = float(file.read_text().split()[1])
            file.unlink()
            time.sleep(windows * interval + 2)
            longest, own = (1000 * float(word) for word in file.read_text().split())
    name = workload.name
    return {f"start stall {name}": 1000 * start_up, f"stall {name}": longest, f"own stall {name}": own}


def start(times: int) -> Figures:
    """Start the daemon again and again with its list cached; return the seconds to its first request, the median."""
    with folder() as work, site(S.gateways, 10) as (meters, ports), server(over_tcp(S, ports), work) as (receiver, url):
        seconds = []
        for number in range(times + 1):
            seen = len(meters.lines.all)
            with daemon(work, url, interval=10, period=10) as box:
                at = float(meters.words("first", within=30, after=seen)[0])
                seconds.append(at - box.began)
                if number == 0:
                    receiver.words("list", within=30)
                    time.sleep(1)
    # The first had to fetch its list.
    known = sorted(seconds[1:])
    return {"start": known[len(known) // 2]}


def steady(workloads: tuple[Workload, Workload], period: float, seconds: float) -> Figures:
    """Read S and L at a calm pace, side by side, each with a database on a disk of its own.

    Either for whole windows of half an hour, or for less, and then no window ends meanwhile.
    """
    figures: Figures = {}
    interval = 1800
    is_whole = seconds >= interval
    left = interval - time.time() % interval
    if not is_whole and left < seconds + 3 * period:
        time.sleep(left + 3 * period)
    with ExitStack() as stack:
        boxes: list[tuple[Workload, Run, Path | None]] = []
        for workload in workloads:
            data = stack.enter_context(disk())
            box = stack.enter_context(run(workload, interval=interval, period=period, data=data))
            boxes.append((workload, box, data))
        time.sleep(2 * period)
        before = [_state(box, data) for _, box, data in boxes]
        began = time.monotonic()
        time.sleep(seconds)
        after = [_state(box, data) for _, box, data in boxes]
        passed = time.monotonic() - began
    for (workload, _, _), (used, device), (used_after, device_after) in zip(boxes, before, after, strict=True):
        name = workload.name
        readings = workload.measurements * passed / period
        figures[f"share {name}"] = (used_after.cpu - used.cpu) / passed * 100
        figures[f"idle rss {name}"] = used_after.rss
        figures[f"{'all' if is_whole else 'calm'} written {name}"] = (used_after.written - used.written) / readings
        if device is not None and device_after is not None:
            kind = "all " if is_whole else ""
            came = device_after.since(device)
            figures[f"{kind}device bytes {name}"] = came.bytes / passed * 86_400 / 1e6
            figures[f"{kind}device flushes {name}"] = came.flushes / passed * 60
    return figures


def _state(box: Run, data: Path | None) -> tuple[Used, Written | None]:
    return box.daemon.used(), written_to_device_of(data) if data else None


def one_dead_unit(workload: Workload, period: float, seconds: float) -> Figures:
    """Let one unit be silent; return the share of their readings that the others keep, in percent."""
    interval = 3600
    with run(workload, interval=interval, period=period, silent_unit=workload.units) as running:
        began = time.monotonic()
        time.sleep(seconds)
        running.site.stop()
        passed = time.monotonic() - began
        readings = sum(int(count) for _, count in running.site.all_words("window"))
    living = workload.gateways * (workload.units - 1)
    # The first round began when this did.
    due = (passed // period + 1) * living * workload.measurements / workload.gateways / workload.units
    return {"dead unit": min(100.0, 100 * readings / due)}


def over_the_line(layout: str, seconds: float) -> Figures:
    """Poll a paced line of 9600 8N1 without a pause."""
    with folder() as work, line(layout) as (meters, port):
        devices = over_serial(S, port, scattered=layout == "scattered")
        with server(devices, work) as (_, url), daemon(work, url, interval=3600, period=0):
            meters.words("first", within=30)
            time.sleep(seconds)
            meters.stop()
    return line_figures(meters, f"{layout} inviseobox")


def line_figures(meters: Program, name: str) -> Figures:
    """Return what a line saw until it was stopped."""
    seen = {key: float(meters.words(key)[0]) for key in ("readings", "seconds", "busy", "late", "violations")}
    return {
        f"line {name}": seen["readings"] / max(1e-9, seen["seconds"]),
        f"utilisation {name}": seen["busy"] / max(1e-9, seen["seconds"]) * 100,
        f"violations {name}": seen["violations"],
        f"line late {name}": seen["late"] / max(1e-9, seen["seconds"]) * 100,
    }


def profile(workload: Workload, interval: int, windows: int, file: Path) -> None:
    """Write a profile of the daemon as it polls without a pause to `file`."""
    with run(workload, interval=interval, period=0, module="tests.bench.profiled", arguments=[str(file)]) as running:
        time.sleep(windows * interval)
        running.daemon.stop()


def _sleep_to_border(interval: int) -> int:
    """Sleep until a window ends; return its end."""
    border = int(time.time() // interval + 1) * interval
    time.sleep(border - time.time())
    return border


def _sizes(box: Program, seconds: float) -> Iterator[float]:
    """Yield the memory of a daemon once a second."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(1.0, left))
        yield box.used().rss
