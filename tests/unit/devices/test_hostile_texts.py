"""Texts of the server that are made to harm: whatever they name, a line stays a line."""

import copy
import json
from typing import Any

import pytest

from inviseobox.devices.inventory import Inventory, parse
from inviseobox.devices.link_content import by_link
from inviseobox.devices.sources import Unusable
from tests.support.entries import modbus_device, web_device

TEXTS = {
    "new line": "a\nSTATUS=everything is well",
    "carriage return": "a\rb",
    "escape": "a\x1b[2J\x1b[31mb",
    "zero": "a\x00b",
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "bidi override": "a\u202eb",
    "bidi isolate": "a\u2067b",
    "zero width": "a\u200bb",
    "surrogate": "a\ud83d",
    "private use": "a\ue000",
    "unassigned": "a\U000e0080b",
    "long": "x" * 100_000,
    "long and wide": "\U0001f600" * 10_000,
    "blank": " \t ",
}
METER = modbus_device(502, {1: [5]})
SERIAL = METER | {"communication": {"protocol": "Modbus", "mode": "RTU", "configuration": {"port": "/dev/ttyUSB0"}}}
SENSOR = web_device("http://192.0.2.34/", ["temp1"])
MEASUREMENT = ("measurements", 0)
PARAMETERS = (*MEASUREMENT, "configuration", "parameters")
LINK = ("communication", "configuration")
PLACES: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
    (METER, ("_id",)),
    (METER, ("name",)),
    (METER, (*MEASUREMENT, "_id")),
    (METER, (*MEASUREMENT, "name")),
    (METER, (*MEASUREMENT, "unit")),
    (METER, (*MEASUREMENT, "configuration", "response_format")),
    (METER, (*MEASUREMENT, "configuration", "response_format", 0)),
    *((METER, (*PARAMETERS, key)) for key in ("register", "address", "slave", "count", "byte_order", "value_class")),
    (METER, ("communication", "protocol")),
    (METER, ("communication", "mode")),
    (METER, (*LINK, "host")),
    (METER, (*LINK, "port")),
    *((SERIAL, (*LINK, key)) for key in ("port", "baudrate", "bytesize", "parity", "stopbits")),
    (SENSOR, (*LINK, "url")),
    (SENSOR, (*PARAMETERS, "key")),
]
PREFIXES = {"host": ["", "h"], "port": ["", "/dev/"], "url": ["", "http://", "http://192.0.2.34/", "http://u:p@h/?"]}


def with_text(entry: dict[str, Any], path: tuple[Any, ...], text: str) -> dict[str, Any]:
    changed = copy.deepcopy(entry)
    part: Any = changed
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = text
    return changed


def told(inventory: Inventory) -> list[str]:
    """Return all that people and programs are told of what is listed."""
    texts = list(inventory.remarks.texts)
    for content in by_link(inventory):
        texts.append(content.name)
        for listed in content.measurements:
            texts += [listed.label, *listed.about.fields().values()]
            if isinstance(listed.measurement.source, Unusable):
                texts.append(listed.measurement.source.reason)
    return [*texts, *(device.link.name for device in inventory.devices if device.link)]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(("entry", "path"), PLACES, ids=["/".join(map(str, path)) for _, path in PLACES])
def test_a_hostile_text_anywhere_in_an_entry_is_told_as_one_short_line(
    entry: dict[str, Any], path: tuple[Any, ...], text: str
) -> None:
    for prefix in PREFIXES.get(str(path[-1]), [""]):
        hostile = with_text(entry, path, prefix + text)
        # Twice: what is told of an _id that comes again is told of it as well.
        for line in told(parse(json.dumps([hostile, hostile]))):
            assert line.isprintable()
            assert len(line) < 1000
            line.encode("utf-8")


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_hostile_text_around_the_devices_is_told_as_one_short_line(text: str) -> None:
    for document in ({"interval": text, "devices": [text]}, {text: text, "devices": [{"_id": text, "name": text}]}):
        for line in told(parse(json.dumps(document))):
            assert line.isprintable()
            assert len(line) < 1000


@pytest.mark.parametrize("mark", ["\n", "\x1b", "\u202e", "\u2067", "\u2028", "\ud800", "\x00"])
def test_an_id_with_a_mark_that_is_not_printable_is_not_valid(mark: str) -> None:
    entry = METER | {"_id": f"a{mark}b"}
    assert parse(json.dumps([entry])).devices == ()
    inside = with_text(METER, (*MEASUREMENT, "_id"), f"a{mark}b")
    assert parse(json.dumps([inside])).devices[0].measurements == ()


def test_an_id_has_200_characters_at_most() -> None:
    assert [one.id for one in parse(json.dumps([METER | {"_id": "x" * 200}])).devices] == ["x" * 200]
    assert parse(json.dumps([METER | {"_id": "x" * 201}])).devices == ()
