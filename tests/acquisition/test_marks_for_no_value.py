"""Raw values with which a meter says that it has no value: failed reads where the device list names them."""

import asyncio
import logging
from typing import Any

import pytest

from inviseobox import events
from inviseobox.acquisition.modbus_link import ModbusLink
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, TcpLink
from inviseobox.health import health as health_module
from inviseobox.health.health import Health
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Reading
from tests.support.entries import listed, modbus_device
from tests.support.modbus_frames import mbap

from .benches import SETTINGS, ignored, one_round
from .frames import Asked, device

NO_VALUE = {0: [0xFFFF] * 4, 10: [0x8000, 0], 20: [0x7FFF, 0xFFFF], 30: [0xFFFF]}
CLASSES = {0: "UINT64", 10: "INT32", 20: "INT32", 30: "UINT16"}
WIDTHS = {0: 4, 10: 2, 20: 2, 30: 1}


class Meter:
    """A meter without values; each measurement is at one of the addresses of NO_VALUE."""

    def __init__(self, health: Health, **parameters: Any) -> None:
        self.health = health
        self.parameters = parameters
        self.registers = {at + place: word for at, words in NO_VALUE.items() for place, word in enumerate(words)}
        self.readings: list[Reading] = []

    async def act(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        words = [self.registers.get(asked.address + place, 5) for place in range(asked.count)]
        data = b"".join(word.to_bytes(2, "big") for word in words)
        writer.write(mbap(asked.transaction, asked.unit, bytes([asked.function, len(data)]) + data))

    async def read(self, rounds: int) -> list[float | None]:
        """Read that many rounds in one life of a poller; return the values of the last one, by address."""
        async with device(self.act) as port:
            entry = modbus_device(port, {1: list(NO_VALUE)}, **self.parameters)
            for address, measurement in zip(NO_VALUE, entry["measurements"], strict=True):
                measurement["configuration"]["parameters"] |= {
                    "value_class": CLASSES[address],
                    "count": WIDTHS[address],
                }
            (content,) = by_link(listed(entry))
            link = ModbusLink(TcpLink("127.0.0.1", port, Framing.TCP), SETTINGS.timeout, NameLookups())
            poller = ModbusPoller(link, content, SETTINGS, self.readings.extend, self.health, UnitMemory(ignored))
            for _ in range(rounds):
                self.readings.clear()
                await one_round(poller)
            await poller.close()
        found = {reading.series.measurement: reading.value for reading in self.readings}
        return [found[f"1/{address}"] for address in NO_VALUE]


def test_without_a_word_in_the_list_they_stay_values_and_one_line_names_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    health = Health()
    meter = Meter(health)
    for _ in range(2):
        assert asyncio.run(meter.read(3)) == [2.0**64, -(2.0**31), 2.0**31 - 1, 65535.0]
    lines = {vars(record)["INVISEOBOX_MEASUREMENT_ID"]: record for record in caplog.records}
    assert len(caplog.records) == len(lines) == 4, "once for each, also when the link is read anew"
    assert {vars(record)["MESSAGE_ID"] for record in caplog.records} == {events.LIKELY_NO_VALUE.id}
    for address, raw in {0: "0xFFFFFFFFFFFFFFFF", 10: "0x80000000", 20: "0x7FFFFFFF", 30: "0xFFFF"}.items():
        text = lines[f"1/{address}"].getMessage()
        assert raw in text
        assert "invalid" in text
        assert "device list" in text
    assert health.troubles.current() == []


def test_those_that_the_list_names_are_failed_reads(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    health = Health()
    meter = Meter(health, invalid=[-1])
    assert asyncio.run(meter.read(2)) == [None, -(2.0**31), 2.0**31 - 1, None]
    told = [record.getMessage() for record in caplog.records if vars(record)["MESSAGE_ID"] == events.VALUE_UNUSABLE.id]
    assert len(told) == 2
    assert all("mark for no value" in text for text in told)
    assert all(text.endswith("its sensor, its wiring, its settings") for text in told), "not how its value is described"
    assert len(caplog.records) == 4, "and a line each for the two that it does not name"


def test_the_lines_about_likely_marks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health_module, "MOST_LIKELY_MARKS", 2)
    health = Health()
    told = [health.is_news_of_mark(name) for name in ("a", "a", "b", "c", "b", "c")]
    assert told == [True, False, True, False, False, False]
