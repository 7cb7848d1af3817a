"""The device list: what is understood of it counts, and a disk that is full delays nothing but its keeping."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inviseobox import events
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault
from inviseobox.records import Reading
from inviseobox.server.device_list import DeviceList
from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Request, Response
from tests.support import virtual_time
from tests.support.buffers import series, stamp
from tests.support.disks import SmallDisk
from tests.support.entries import web_device
from tests.support.virtual_time import until

from .disks import small_disk
from .minutes import MINUTE, START
from .uplinks import Box, box, central


@dataclass
class Handing:
    """A server that writes its list in another way each time, and a box that asks for it once a minute."""

    box: Box
    server: CentralServer
    devices: list[Any] = field(default_factory=list)
    interval: int = MINUTE
    adopted: list[list[str]] = field(default_factory=list)
    asked: int = 0

    async def adopt(self, inventory: Inventory) -> None:
        """Take a device list and read nothing."""
        self.adopted.append([device.name for device in inventory.devices])

    def answer(self, request: Request) -> Outcome:
        """Hand out the list as it is now."""
        self.asked += 1
        devices = [entry | {"updatedAt": self.asked} if isinstance(entry, dict) else entry for entry in self.devices]
        worker = {"updatedAt": self.asked, "interval": self.interval, "devices": devices}
        return Outcome(Response(200, {}, json.dumps(worker, indent=self.asked % 4).encode()))

    async def run(self, minutes: int) -> None:
        """Begin anew, as after a restart, and run for some time."""
        device_list = DeviceList(self.box.buffer, self.box.server, self.box.health, DevicesInForce(MINUTE), self)
        running = asyncio.ensure_future(device_list.run())
        await asyncio.sleep(MINUTE * minutes + 1)
        running.cancel()
        await asyncio.wait([running])
        await self.box.buffer.commit()

    async def kept_at(self) -> object:
        """Return which answer of the server is the one that is kept."""
        return json.loads(await self.box.buffer.setting("device list") or "")["devices"][0]["updatedAt"]


@asynccontextmanager
async def handing(folder: Path) -> AsyncIterator[Handing]:
    """Yield a server and a box."""
    async with central() as server, box(folder / "data.db", server.url) as one:
        both = Handing(one, server)
        server.script("list", both.answer)
        yield both


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return and forget the lines of the device list."""
    ids = {events.DEVICE_LIST_ADOPTED.id, events.DEVICE_LIST_REMARK.id}
    told = [one.getMessage() for one in caplog.records if vars(one).get("MESSAGE_ID") in ids]
    caplog.clear()
    return told


SENSOR = web_device("http://192.0.2.34/", ["k"])
NO_IDENTITY = "it has no _id, a text of 1 to 200 printable characters"


def test_a_list_that_is_only_written_in_another_way_is_not_new(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        async with handing(tmp_path) as one:
            one.devices = [SENSOR, None]
            await one.run(5)
            assert one.asked > 5
            assert one.adopted == [["sensor"]]
            first = await one.kept_at()
            assert lines(caplog) == [
                "device list: 1 devices, 1 measurements",
                f"device list: device 2 is left out: {NO_IDENTITY}",
            ]
            await one.run(5)
            assert one.adopted == [["sensor"], ["sensor"]], "the kept one is adopted, and not again"
            assert len(lines(caplog)) == 2, "each run tells of its list once"
            assert await one.kept_at() == first

    virtual_time.run(scenario())


def test_a_list_of_which_only_the_remarks_change_disturbs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        async with handing(tmp_path) as one:
            one.devices = [SENSOR, None]
            running = asyncio.ensure_future(one.run(20))
            await asyncio.sleep(2.5 * MINUTE)
            assert len(lines(caplog)) == 2
            for changed, told in (
                ([SENSOR, None, {"name": "hall"}], [f"device 3 (hall) is left out: {NO_IDENTITY}"]),
                ([SENSOR, {"name": "hall"}], [f"device 2 (hall) is left out: {NO_IDENTITY}"]),
                ([SENSOR], []),
                (
                    [SENSOR, *[None] * 15],
                    [*(f"device {n} is left out: {NO_IDENTITY}" for n in range(2, 12)), "… and 5 more"],
                ),
                ([SENSOR, *[None] * 17], ["… and 7 more"]),
                ([SENSOR, *[None] * 17], []),
            ):
                one.devices = changed
                await asyncio.sleep(2 * MINUTE)
                assert lines(caplog) == [f"device list: {text}" for text in told]
            await running
            assert one.adopted == [["sensor"]]
            assert '"hall"' not in (await one.box.buffer.setting("device list") or "")
            assert (await one.box.buffer.setting("device list") or "").count("null") == 17

    virtual_time.run(scenario())


def test_a_list_with_other_devices_or_another_interval_is_new(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        async with handing(tmp_path) as one:
            one.devices = [SENSOR, None]
            running = asyncio.ensure_future(one.run(5))
            await asyncio.sleep(2.5 * MINUTE)
            assert len(lines(caplog)) == 2
            one.devices = [SENSOR | {"name": "hall"}, None]
            await asyncio.sleep(1.5 * MINUTE)
            assert one.adopted == [["sensor"], ["hall"]]
            assert len(lines(caplog)) == 2
            one.interval = 2 * MINUTE
            await running
            assert one.adopted == [["sensor"], ["hall"], ["hall"]]
            assert len(lines(caplog)) == 2
            assert '"hall"' in (await one.box.buffer.setting("device list") or "")

    virtual_time.run(scenario())


@pytest.mark.parametrize("first", [False, True], ids=["a new list", "the first list"])
def test_a_device_list_that_cannot_be_kept_is_in_force(tmp_path: Path, first: bool) -> None:
    adopted: list[list[str]] = []

    class Adopting:
        """Takes a device list and reads nothing."""

        async def adopt(self, inventory: Inventory) -> None:
            adopted.append([device.name for device in inventory.devices])

    async def scenario(disk: SmallDisk) -> None:
        async with central() as server, box(disk.folder / "data.db", server.url) as one:

            def asked() -> int:
                return len([exchange for exchange in server.exchanges if exchange.method == "GET"])

            def listing(name: str) -> "asyncio.Task[None]":
                server.devices = [web_device("http://192.0.2.34/", ["k"], name=name)]
                devices = DevicesInForce(MINUTE)
                return asyncio.ensure_future(DeviceList(one.buffer, one.server, one.health, devices, Adopting()).run())

            if not first:
                task = listing("old")
                await until(lambda: adopted == [["old"]], within=10)
                await one.buffer.commit()
                task.cancel()
            disk.fill()
            one.buffer.record(stamp(START), MINUTE, [Reading(series(f"m{number}"), 1.0) for number in range(400)])
            with pytest.raises(BufferFault):
                await one.buffer.commit()
            task = listing("new")
            await until(lambda: adopted[-1:] == [["new"]], within=2 * MINUTE)
            before = asked()
            await asyncio.sleep(10 * MINUTE)
            assert asked() <= before + 11, "it is not fetched more often"
            assert one.health.troubles.current() == []
            disk.free()
            await one.buffer.commit()
            task.cancel()
            assert '"new"' in (await one.buffer.setting("device list") or "")
            assert await one.buffer.setting("api form") == "documented"

    with small_disk(tmp_path) as disk:
        virtual_time.run(scenario(disk))
    assert adopted == ([["new"]] if first else [["old"], ["old"], ["new"]])
