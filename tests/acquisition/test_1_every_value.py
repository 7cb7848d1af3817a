"""Every value class in every byte order comes out right, over every transport and with every function code."""

import asyncio
import itertools

import pytest

from inviseobox.simulator.device_list import BUS, GATEWAY, SERIAL_SERVER
from inviseobox.simulator.site import Site

from .wires import Box

_NAMES = """
    FLOAT32 SINGLE REAL UNIXTIMEF32 FLOAT64 DOUBLE FLOAT LREAL UNIXTIMEF64 INT16 INT UINT16 UINT WORD INT32 UINT32 DWORD
    UNIXTIMEI32 INT48 UINT48 INT64 UNIXTIMEI64 UINT64 INT8 UINT8 BYTE BCD16 BCD24 BCD32 BOOLEAN BOOL
"""
VALUE_CLASSES = _NAMES.split()
BYTE_ORDERS = ("3-2-1-0", "1-0-3-2", "2-3-0-1", "0-1-2-3")


def place(communication: dict[str, str]) -> str:
    if communication["mode"] == "TCP":
        return GATEWAY
    return BUS if communication["mode"] == "RTU" else SERIAL_SERVER


@pytest.mark.parametrize("link", [GATEWAY, SERIAL_SERVER, BUS], ids=["tcp", "rtu over tcp", "serial"])
def test_every_value_class_and_byte_order_is_read_right(link: str) -> None:
    async def scenario() -> None:
        async with Site(rtu=True, all_values=True, baudrate=None) as site:
            devices = [
                device
                for device in site.devices
                if device["name"] == "Toutes les valeurs" and place(device["communication"]) == link
            ]
            (device,) = devices
            parameters = {one["_id"]: one["configuration"]["parameters"] for one in device["measurements"]}
            encodings = {(one["value_class"].upper(), one["byte_order"]) for one in parameters.values()}
            assert encodings >= set(itertools.product(VALUE_CLASSES, BYTE_ORDERS))
            assert {one["register"] for one in parameters.values()} == {"0x01", "0x02", "0x03", "0x04"}
            box = Box()
            async with box.polling(*devices):
                values = await box.next_round(len(parameters))
        wrong = {
            key: (parameters[key], values[key], site.expected[key])
            for key in parameters
            if repr(values[key]) != repr(site.expected[key])
        }
        assert wrong == {}
        good = [value for value in values.values() if value is not None]
        assert len(good) > 600
        assert len(values) - len(good) == 11, "NaN, infinities and digits above 9 are no values"

    asyncio.run(scenario())
