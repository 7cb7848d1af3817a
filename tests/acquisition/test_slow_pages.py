"""A page that does not answer in time: asked last, in the time that is left, and read again once it answers."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

import pytest

from inviseobox.acquisition import web_poller
from inviseobox.acquisition.acquisition import Acquisition
from inviseobox.acquisition.polling import poll
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.web_poller import WebPoller
from inviseobox.configuration import Configuration, HttpSettings
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.link_content import by_link
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Reading
from inviseobox.supervisor import Supervisor
from tests.support import virtual_time
from tests.support.entries import listed, web_device
from tests.support.tcp import serving

from .pages import http_client

PERIOD = 60.0
TIMEOUT = 25.0
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n" + b'{"temp1": 21}'
BUSY = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"


class Host:
    """Four pages; those in `takes` need that many seconds for their answer."""

    def __init__(self) -> None:
        self.takes: dict[str, float] = {}
        self.answers: dict[str, bytes] = {}
        self.drips: set[str] = set()
        self.hangs_up: set[str] = set()
        self.asked: list[tuple[float, str]] = []
        self.read: list[tuple[float, str, float | None]] = []
        self.lasted: list[tuple[float, str, float]] = []
        self.health = Health()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        began = self.now()
        self.asked.append((began, path))
        if path in self.takes:
            gone = asyncio.ensure_future(reader.read())
            done, _ = await asyncio.wait({gone}, timeout=self.takes[path])
            self.lasted.append((began, path, self.now() - began))
            if done:
                return
            gone.cancel()
        if path in self.drips:
            # Until the page has answered, or the other side has had enough.
            for byte in GOOD:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(1)
        elif path not in self.hangs_up:
            writer.write(self.answers.get(path, GOOD))
            await writer.drain()

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def sink(self, readings: Sequence[Reading]) -> None:
        self.read += [(self.now(), one.series.measurement, one.value) for one in readings]

    async def watched(self, port: int, seconds: float, *, period: float = PERIOD, window: float | None = None) -> None:
        """Read the pages for so long."""
        async with http_client() as client:
            entries = [web_device(f"http://127.0.0.1:{port}/{name}", ["temp1"], name=name) for name in "abcd"]
            (content,) = by_link(listed(*entries))
            poller = WebPoller(client, content, HttpSettings(timeout=TIMEOUT), self.sink, self.health, window)
            reading = asyncio.ensure_future(poll(poller, period, self.health))
            await asyncio.sleep(seconds)
            reading.cancel()
            await asyncio.wait({reading})

    def values(self, page: str, *, since: float = 0.0) -> list[float | None]:
        return [value for at, measurement, value in self.read if measurement == f"{page}/temp1" and at >= since]


def test_a_page_that_hangs_is_asked_last_and_disturbs_no_other() -> None:
    host = Host()
    host.takes["/a"] = 1e6

    async def scenario() -> None:
        async with serving(host.serve) as port:
            await host.watched(port, 900, period=30)

    virtual_time.run(scenario())
    paths = [path for _, path in host.asked]
    assert paths[:4] == ["/a", "/b", "/c", "/d"]
    assert paths[4:8] == ["/b", "/c", "/d", "/a"]
    rounds = 31
    for page in "bcd":
        assert len(host.values(page)) in range(rounds - 3, rounds + 1)
        assert set(host.values(page)) == {21.0}
    assert set(host.values("a")) == {None}
    assert len(host.values("a")) in range(rounds - 3, rounds + 1)


def test_a_page_that_hangs_has_its_whole_time_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of them share what is left of a short period; once an hour, here ten minutes, each has all of it."""
    assert web_poller.FULL_LIMIT_PERIOD == 3600
    monkeypatch.setattr(web_poller, "FULL_LIMIT_PERIOD", 600.0)
    host = Host()
    host.takes = {"/a": 1e6, "/b": 1e6}

    async def scenario() -> None:
        async with serving(host.serve) as port:
            await host.watched(port, 1400, period=10)

    virtual_time.run(scenario())
    for page in ("/a", "/b"):
        lasted = [seconds for _, path, seconds in host.lasted if path == page]
        assert len([one for one in lasted if one > TIMEOUT - 1]) == 3, "at first, and then twice"
        assert all(one < 10.5 for one in lasted if one <= TIMEOUT - 1)
    good = [at for at, measurement, value in host.read if measurement == "c/temp1"]
    late = [two - one for one, two in pairwise(good) if two - one > 10.5]
    assert len(late) <= 6, "only where a page had all its time"


def test_a_slow_page_that_answers_again_is_read_within_a_period() -> None:
    host = Host()
    host.takes["/a"] = 1e6
    mended_at = 1800.0

    async def scenario() -> None:
        async with serving(host.serve) as port:
            loop = asyncio.get_running_loop()
            loop.call_at(loop.time() + mended_at, host.takes.clear)
            host.read.clear()
            began = loop.time()
            await host.watched(port, mended_at + 2 * PERIOD)
            first = next(at for at, measurement, value in host.read if measurement == "a/temp1" and value is not None)
            assert mended_at <= first - began <= mended_at + PERIOD + 1

    virtual_time.run(scenario())
    paths = [path for _, path in host.asked]
    assert paths[-4:] in (["/b", "/c", "/d", "/a"], ["/a", "/b", "/c", "/d"])


def test_a_slow_page_that_answers_in_time_that_it_is_busy_is_slow_no_more() -> None:
    host = Host()
    host.takes["/a"] = 1e6
    host.answers["/a"] = BUSY

    async def scenario() -> None:
        async with serving(host.serve) as port:
            loop = asyncio.get_running_loop()
            loop.call_later(1.5 * PERIOD, host.takes.clear)
            await host.watched(port, 3.5 * PERIOD)

    virtual_time.run(scenario())
    assert "".join(path[1] for _, path in host.asked) == "abcd" + "bcda" + "bcda" + "abcd"


SHORT_PERIOD, WINDOW = 3.0, 10.0


def spoilt(host: Host, kind: str) -> None:
    """Make pages of the host behave as `kind` says."""
    match kind:
        case "one hangs":
            host.takes["/a"] = 1e6
        case "two hang":
            host.takes = {"/a": 1e6, "/b": 1e6}
        case "one takes a little too long":
            host.takes["/a"] = TIMEOUT + 0.1
        case "one drips":
            host.drips = {"/a"}
        case "one hangs up":
            host.hangs_up = {"/a"}
        case "one hangs up late":
            host.hangs_up = {"/a"}
            host.takes["/a"] = 20.0
        case "one is busy late":
            host.answers["/a"] = BUSY
            host.takes["/a"] = 20.0
        case "one takes 5 s":
            host.takes["/a"] = 5.0
        case "all hang":
            host.takes = dict.fromkeys(("/a", "/b", "/c", "/d"), 1e6)


def mended(host: Host) -> None:
    """Let all pages answer again."""
    host.takes.clear()
    host.answers.clear()
    host.drips.clear()
    host.hangs_up.clear()


KINDS = [
    "one hangs", "two hang", "one takes a little too long", "one drips", "one hangs up", "one hangs up late",
    "one is busy late", "one takes 5 s",
]  # fmt: skip


@pytest.mark.parametrize("begins", [0.0, 95.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_bad_page_costs_no_other_a_window_of_ten_seconds(kind: str, begins: float) -> None:
    """Seven minutes of rounds of three seconds; the bad page is bad from the start, or begins to be when it was good.

    Then it answers, and is read again within a minute.
    """
    host = Host()
    mended_at = 420.0

    async def scenario() -> float:
        async with serving(host.serve) as port:
            loop = asyncio.get_running_loop()
            began = loop.time()
            if begins:
                loop.call_at(began + begins, spoilt, host, kind)
            else:
                spoilt(host, kind)
            loop.call_at(began + mended_at, mended, host)
            await host.watched(port, mended_at + 90, period=SHORT_PERIOD, window=WINDOW)
            return began

    began = virtual_time.run(scenario())
    good = "cd" if kind == "two hang" else "bcd"
    for name in good:
        assert set(host.values(name)) == {21.0}
        times = [began, *(at for at, measurement, _ in host.read if measurement == f"{name}/temp1")]
        assert max(two - one for one, two in pairwise(times)) < WINDOW
    for name in "ab":
        again = [at for at, measurement, value in host.read if measurement == f"{name}/temp1" and value is not None]
        assert min(at for at in again if at >= began + mended_at) <= began + mended_at + 60
        assert sum(at >= began + mended_at + 60 for at in again) >= 9
    if kind == "one takes 5 s":
        bad = [at for at, measurement, value in host.read if measurement == "a/temp1" and value is not None]
        assert max(two - one for one, two in pairwise(at for at in bad if at > began + begins + 20)) < WINDOW


@pytest.mark.parametrize("takes", [0.0, 1.0])
def test_a_host_of_which_all_pages_hung_is_read_again_within_a_minute(takes: float) -> None:
    host = Host()
    mended_at = 420.0

    async def scenario() -> float:
        async with serving(host.serve) as port:
            loop = asyncio.get_running_loop()
            began = loop.time()
            spoilt(host, "all hang")
            loop.call_at(began + mended_at, host.takes.update, dict.fromkeys(host.takes, takes))
            await host.watched(port, mended_at + 200, period=SHORT_PERIOD, window=WINDOW)
            return began

    began = virtual_time.run(scenario())
    for name in "abcd":
        again = [at for at, measurement, value in host.read if measurement == f"{name}/temp1" and value is not None]
        assert min(again) >= began + mended_at
        assert min(again) <= began + mended_at + (60 if takes == 0 else 120)


def test_acquisition_tells_the_poller_of_a_host_how_long_its_windows_are() -> None:
    """Or all this would be for nothing."""
    host = Host()
    host.takes["/a"] = 1e6

    async def scenario() -> float:
        async with serving(host.serve) as port, http_client() as client:
            began = host.now()
            entries = [web_device(f"http://127.0.0.1:{port}/{name}", ["temp1"], name=name) for name in "abcd"]
            settings = Configuration(
                token="t" * 64, url="http://127.0.0.1:1", interval=10, http=HttpSettings(period=SHORT_PERIOD)
            )
            supervisor = Supervisor(host.health.troubles)
            acquisition = Acquisition(
                settings, client, NameLookups(), supervisor, DevicesInForce(10, listed()), host.sink, host.health,
                UnitMemory(lambda text: None),
            )  # fmt: skip
            await acquisition.adopt(listed(*entries))
            await asyncio.sleep(120)
            await acquisition.adopt(listed())
            return began

    began = virtual_time.run(scenario())
    times = [began, *(at for at, measurement, _ in host.read if measurement == "b/temp1")]
    assert max(two - one for one, two in pairwise(times)) < WINDOW
