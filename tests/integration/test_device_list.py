"""The device list on a disk that is full: it is obeyed at once, and kept once there is room."""

import asyncio
from pathlib import Path

import pytest

from inviseobox.devices.in_force import DevicesInForce
from inviseobox.devices.inventory import Inventory
from inviseobox.errors import BufferFault
from inviseobox.records import Reading
from inviseobox.server.device_list import DeviceList
from tests.support import virtual_time
from tests.support.buffers import series
from tests.support.disks import SmallDisk
from tests.support.entries import web_device
from tests.support.virtual_time import until

from .disks import small_disk
from .minutes import MINUTE, START
from .uplinks import box, central


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
            one.buffer.record(START, MINUTE, [Reading(series(f"m{number}"), 1.0) for number in range(400)])
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
