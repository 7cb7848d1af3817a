"""Device lists made to harm: they take little memory, few lines and no time from others, and change nothing."""

import asyncio
import gzip
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inviseobox import events
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.server.device_list import DeviceList
from inviseobox.simulator.central_server import Outcome
from inviseobox.simulator.http_server import Response
from tests.support.entries import modbus_device, web_device

from .uplinks import box, central

SIZE = 16_777_216
"""Bytes of the longest answer that is taken."""


def repeated(value: str, count: int = SIZE) -> str:
    """Write a list of one value again and again, within the size of an answer."""
    return "[" + ",".join([value] * min(count, (SIZE - 2) // (len(value.encode()) + 1))) + "]"


def numbered(value: str, count: int) -> str:
    """Write a list of values, each with its number in the place of every `#`."""
    return "[" + ",".join(value.replace("#", f"{number:07d}") for number in range(count)) + "]"


def devices(count: int) -> str:
    """Write a device list as a server does, with two measurements for each device."""
    return json.dumps(
        [
            modbus_device(502, {number % 247 + 1: [0, 2]}, name=f"{number:024x}", byte_order="3-2-1-0")
            | {"measurements": [measurement(number, place) for place in (1, 2)]}
            for number in range(count)
        ]
    )


def measurement(device: int, place: int) -> dict[str, object]:
    parameters = {
        "register": "0x04",
        "address": 2 * place,
        "slave": device % 247 + 1,
        "count": 2,
        "byte_order": "3-2-1-0",
        "value_class": "FLOAT32",
    }
    settings = {"parameters": parameters, "response_format": ["min", "max", "avg"]}
    name = f"Puissance chambre froide {device}"
    return {
        "_id": f"{device:022x}{place:02d}",
        "name": name,
        "type": "puissance",
        "unit": "W",
        "configuration": settings,
    }


def one_device(key: str, value: str) -> str:
    """Write a list of one device that holds `value` under a key."""
    return '[{"_id":"d","' + key + '":' + value + "}]"


REFUSED: dict[str, Callable[[], str]] = {
    "objects": lambda: repeated("{}"),
    "strings": lambda: repeated('"ab"'),
    "long strings": lambda: repeated('"' + "x" * 500 + '"'),
    "numbers": lambda: repeated("1"),
    "lists": lambda: repeated("[]"),
    "nested lists": lambda: repeated("[" * 400 + "]" * 400),
    "deep lists": lambda: "[" * (SIZE // 2) + "]" * (SIZE // 2),
    "deep objects": lambda: '[{"a":' * (SIZE // 6),
    "distinct keys": lambda: numbered('{"#":"#"}', 490_000),
    "one large object": lambda: "[{" + numbered('"#":"#"', 700_000)[1:-1] + "}]",
    "one large string": lambda: '["' + "x" * (SIZE - 4) + '"]',
    "measurements": lambda: one_device("measurements", numbered('{"_id":"#"}', 110_000)),
    "measurements of many devices": lambda: numbered('{"_id":"#","measurements":[0,0,0,0,0,0,0]}', 20_000),
}
BOUNDED: dict[str, Callable[[], str]] = {
    "many bad devices": lambda: repeated("{}", 20_000),
    "many bad measurements": lambda: one_device("measurements", repeated("{}", 70_000)),
    "many devices": lambda: numbered('{"_id":"#","name":"#"}', 20_000),
    "many measurements": lambda: numbered(
        '{"_id":"#","measurements":[{"_id":"#/1"},{"_id":"#/2"},{"_id":"#/3"},{"_id":"#/4"},{"_id":"#/5"}]}', 20_000
    ),
    "one device of distinct keys": lambda: one_device("x", numbered('{"#":"#"}', 45_000)),
    "one device of nested lists": lambda: one_device("x", repeated("[" * 400 + "]" * 400, 370)),
    "ten thousand real devices": lambda: devices(10_000),
}

PARSING = """
import sys, time
from pathlib import Path
from inviseobox.devices import inventory
from inviseobox.devices.list_text import without_token
from inviseobox.errors import InventoryError

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))

before = peak()
body = Path(sys.argv[1]).read_bytes()
text = body.decode()
try:
    listed = inventory.parse(text)
    without_token(text)
except InventoryError as error:
    print("refused:", error)
else:
    print("read:", len(listed.devices), len(listed.remarks.texts), listed.remarks.more)
print(peak() - before)
"""


def parsed(folder: Path, text: str) -> tuple[str, int]:
    """Parse a list in a process of its own; return what came of it, and by how many kB its memory grew."""
    assert len(text) <= SIZE
    (folder / "list").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", PARSING, str(folder / "list")], capture_output=True, text=True, check=True, timeout=50
    )
    outcome, growth = done.stdout.splitlines()
    return outcome, int(growth)


@pytest.mark.parametrize("write", REFUSED.values(), ids=REFUSED)
def test_a_list_that_is_too_large_is_refused_in_little_memory(tmp_path: Path, write: Callable[[], str]) -> None:
    outcome, growth = parsed(tmp_path, write())
    assert outcome.startswith("refused: the server's device list")
    assert growth < 60_000


@pytest.mark.parametrize("write", BOUNDED.values(), ids=BOUNDED)
def test_the_largest_lists_that_are_read_take_little_memory(tmp_path: Path, write: Callable[[], str]) -> None:
    outcome, growth = parsed(tmp_path, write())
    assert outcome.startswith("read: ")
    assert growth < 60_000


class Adopting:
    """Takes device lists and reads nothing."""

    def __init__(self) -> None:
        self.adopted: list[int] = []
        self.came = asyncio.Event()

    async def adopt(self, inventory: Inventory) -> None:
        self.adopted.append(len(inventory.devices))
        self.came.set()


@asynccontextmanager
async def longest_stand() -> AsyncIterator[list[float]]:
    """Measure for how many seconds the loop stands still; the list that is yielded holds the longest in the end."""
    loop = asyncio.get_running_loop()
    longest = [0.0]

    async def tick() -> None:
        while True:
            began = loop.time()
            await asyncio.sleep(0.01)
            longest[0] = max(longest[0], loop.time() - began)

    ticking = asyncio.ensure_future(tick())
    try:
        yield longest
        # It may have stood until now.
        await asyncio.sleep(0.05)
    finally:
        ticking.cancel()


def told(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [one.getMessage() for one in caplog.records if vars(one).get("MESSAGE_ID") == event]


def test_a_small_answer_that_is_a_huge_list_costs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    bomb = Response(200, {"Content-Encoding": "gzip"}, gzip.compress(repeated("{}").encode()))
    assert len(bomb.body) < 50_000

    async def scenario() -> None:
        async with central() as server, box(tmp_path / "data.db", server.url) as one, longest_stand() as longest:
            server.devices = [web_device("http://192.0.2.34/", ["k"])]
            adopting = Adopting()
            listing = DeviceList(one.buffer, one.server, one.health, DevicesInForce(1), adopting)
            running = asyncio.ensure_future(listing.run())
            await adopting.came.wait()
            server.script("list", lambda request: Outcome(bomb))
            before = len(server.exchanges)
            await server.wait_until(lambda: len(server.exchanges) > before + 2, 30)
            running.cancel()
            await asyncio.wait([running])
            assert adopting.adopted == [1]
            assert longest[0] < 1
            (trouble,) = one.health.troubles.current()
            assert "more than 1,000,000 values" in trouble.cause

    asyncio.run(scenario())
    assert len(told(caplog, events.SERVER_FAILS.id)) == 1
    assert "the device list kept from before stays in force" in told(caplog, events.SERVER_FAILS.id)[0]
    assert len(caplog.records) < 10


def test_a_list_of_twenty_thousand_bad_entries_costs_a_dozen_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        async with central() as server, box(tmp_path / "data.db", server.url) as one:
            server.script("list", lambda request: Outcome(Response(200, {}, repeated("{}", 20_000).encode())))
            adopting = Adopting()
            listing = DeviceList(one.buffer, one.server, one.health, DevicesInForce(600), adopting)
            running = asyncio.ensure_future(listing.run())
            await adopting.came.wait()
            running.cancel()
            await asyncio.wait([running])

    asyncio.run(scenario())
    remarks = told(caplog, events.DEVICE_LIST_REMARK.id)
    assert len(remarks) == 11
    assert remarks[-1] == "device list: … and 19990 more"


def test_a_long_list_that_is_kept_is_read_while_the_loop_goes_on(tmp_path: Path) -> None:
    async def scenario() -> tuple[float, list[int]]:
        async with central() as server, box(tmp_path / "data.db", server.url) as one:
            await one.buffer.write_setting("device list", devices(18_000))
            server.script("list", lambda request: Outcome(Response(500)))
            adopting = Adopting()
            listing = DeviceList(one.buffer, one.server, one.health, DevicesInForce(600), adopting)
            async with longest_stand() as longest:
                running = asyncio.ensure_future(listing.run())
                await adopting.came.wait()
            running.cancel()
            await asyncio.wait([running])
            return longest[0], adopting.adopted

    longest, adopted = asyncio.run(scenario())
    assert adopted == [18_000]
    assert longest < 0.5
