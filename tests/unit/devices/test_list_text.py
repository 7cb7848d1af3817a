"""A device list that is taken apart piece by piece is the one that the JSON parser sees, within bounds."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inviseobox.devices.inventory import MAX_DEVICES, MAX_MEASUREMENTS, parse
from inviseobox.devices.list_text import MAX_ENTRY, MAX_ENTRY_VALUES, MAX_VALUES, ListText, without_token
from inviseobox.errors import InventoryError
from tests.support.entries import modbus_device, web_device

TEXTS = st.text(st.characters(), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
BLANKS = st.text(" \t\n\r", max_size=2)


def elements(text: str) -> list[object] | None:
    """Take a list apart; return None if the text is not a valid list."""
    place = ListText(text)
    try:
        found = list(place.elements())
        place.end()
    except InventoryError:
        return None
    return found


def members(text: str) -> dict[str, object] | None:
    """Take an object apart; return None if the text is not a valid object."""
    place = ListText(text)
    found = {}
    try:
        for key in place.members():
            found[key] = place.value()
        place.end()
    except InventoryError:
        return None
    return found


def understood(text: str) -> object:
    """Return what the JSON parser makes of the text, None where it is not JSON."""
    try:
        return json.loads(text)
    except ValueError:
        return None


@given(st.lists(VALUES, max_size=4), st.dictionaries(TEXTS, VALUES, max_size=4), BLANKS, st.none() | st.integers(0, 4))
def test_a_list_taken_apart_is_the_list(
    listed: list[object], document: dict[str, object], blanks: str, indent: int | None
) -> None:
    separators = (f"{blanks},{blanks}", f"{blanks}:{blanks}")
    for ascii_only in (True, False):
        text = json.dumps(listed, indent=indent, separators=separators, ensure_ascii=ascii_only)
        assert elements(blanks + text + blanks) == listed
        text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=ascii_only)
        assert members(blanks + text + blanks) == document


@given(VALUES, st.integers(0, 200), st.text('[]{},:"x1 ', max_size=2), st.integers(0, 2))
@example([1], 2, ",", 0)
@example({"a": 1}, 4, "", 1)
def test_a_text_with_a_fault_is_refused_where_the_json_parser_refuses_it(
    document: object, at: int, instead: str, taken: int
) -> None:
    text = json.dumps(document)
    text = text[:at] + instead + text[at + taken :]
    expected = understood(text)
    assert elements(text) == (expected if isinstance(expected, list) else None)
    assert members(text) == (expected if isinstance(expected, dict) else None)


@pytest.mark.parametrize("size", [4090, 4096, 4100, 8192, 100_000, MAX_ENTRY - 10])
def test_an_element_of_any_size_within_the_bound_is_taken(size: int) -> None:
    listed = ["x" * size, 12, 1234567, True, {"a": "\u20ac" * (size // 2)}]
    for ascii_only in (True, False):
        if size < MAX_ENTRY // 4 or not ascii_only:
            assert elements(json.dumps(listed, ensure_ascii=ascii_only)) == listed


@pytest.mark.parametrize("before", range(4080, 4100))
def test_a_piece_that_ends_within_an_element_loses_nothing(before: int) -> None:
    listed = [[" " * before, 123456789, -1.5e10, True, None, '\U0001f600\\"'], 5]
    assert elements(json.dumps(listed)) == listed


def test_an_element_larger_than_the_bound_refuses_the_list() -> None:
    for text in (
        f'["{"x" * MAX_ENTRY}"]',
        "[[" + "1," * MAX_ENTRY_VALUES + "1]]",
        "[[" + "[]," * MAX_ENTRY_VALUES + "1]]",
        "[[" + "{}," * MAX_ENTRY_VALUES + "1]]",
        f'{{"devices": [], "x": "{"x" * MAX_ENTRY}"}}',
    ):
        with pytest.raises(InventoryError, match="1,048,576 characters or 150,000 values"):
            parse(text)


def test_a_list_of_too_many_values_is_refused_at_once() -> None:
    with pytest.raises(InventoryError, match="more than 1,000,000 values"):
        parse("[" + "{}," * (MAX_VALUES // 2) + "{}]")


def test_a_list_of_too_many_devices_is_refused() -> None:
    assert len(parse(json.dumps([{"_id": str(number)} for number in range(MAX_DEVICES)])).devices) == MAX_DEVICES
    with pytest.raises(InventoryError, match="more than 20,000 devices"):
        parse(json.dumps([{"_id": str(number)} for number in range(MAX_DEVICES + 1)]))
    with pytest.raises(InventoryError, match="more than 20,000 devices"):
        parse(json.dumps([None] * (MAX_DEVICES + 1)))


def with_measurements(number: int, count: int, ids: bool = True) -> dict[str, object]:
    measurements = [{"_id": f"{number}/{one}"} if ids else 0 for one in range(count)]
    return {"_id": str(number), "measurements": measurements}


@pytest.mark.parametrize("ids", [True, False])
def test_a_list_of_too_many_measurements_is_refused(ids: bool) -> None:
    half = MAX_MEASUREMENTS // 2
    listed = [with_measurements(0, half, ids), with_measurements(1, half, ids)]
    assert len(list(parse(json.dumps(listed)).measurements)) == (MAX_MEASUREMENTS if ids else 0)
    with pytest.raises(InventoryError, match="more than 100,000 measurements"):
        parse(json.dumps([*listed, with_measurements(2, 1, ids)]))


def test_ten_thousand_devices_as_a_server_writes_them_are_read() -> None:
    about = {
        "updatedAt": "2026-11-25T12:00:00.000Z",
        "createdAt": "2026-01-01T12:00:00.000Z",
        "__v": 3,
        "site": "0" * 24,
    }
    devices = []
    for number in range(10_000):
        if number % 10:
            entry = modbus_device(502, {number % 247 + 1: [0, 2]}, name=f"{number:024x}", byte_order="3-2-1-0")
        else:
            entry = web_device(f"http://192.0.2.34/{number}", ["temp1", "hum1"], name=f"{number:024x}")
        for place, measurement in enumerate(entry["measurements"]):
            more = {"_id": f"{number:022x}{place}", "name": "Énergie, active", "type": "index", "unit": "Wh"}
            measurement.update(more | about)
        devices.append(entry | about | {"usage": "général", "energy": "électricité"})
    inventory = parse(json.dumps({"interval": 900, "devices": devices, "token": "0" * 64}, ensure_ascii=False))
    assert len(inventory.devices) == 10_000
    assert len(list(inventory.measurements)) == 20_000
    assert inventory.remarks.texts == ()


@pytest.mark.parametrize(
    ("text", "interval", "devices"),
    [
        ('{"devices": [{"_id": "a"}], "interval": 5}', 5, ["a"]),
        ('{"interval": 4, "devices": [{"_id": "a"}], "devices": [{"_id": "b"}], "interval": 5}', 5, ["b"]),
        ('{"devices": null, "devices": []}', None, []),
        ('{"\\u0064evices": [{"_id": "a"}]}', None, ["a"]),
        (' \n[ {"_id" :"a"} ]\t', None, ["a"]),
    ],
)
def test_a_worker_is_read_in_whatever_order_it_is_written(text: str, interval: int | None, devices: list[str]) -> None:
    inventory = parse(text)
    assert inventory.interval == interval
    assert [device.id for device in inventory.devices] == devices


@pytest.mark.parametrize(
    "text",
    [
        '{"devices": [], "devices": null}',
        "[] []",
        "[],",
        "[{}",
        "[{}]]",
        '{"devices": []',
        '{"devices": [] "interval": 5}',
        '{"devices" []}',
        "{5: []}",
        '{5: 1, "devices": []}',
        '[{"_id": "a"} {"_id": "b"}]',
        "[,]",
        "\ufeff[]",
    ],
)
def test_a_text_that_is_almost_a_device_list_is_refused(text: str) -> None:
    with pytest.raises(InventoryError):
        parse(text)
    with pytest.raises(InventoryError):
        parse(text.replace("[", "[" + " " * 10_000))


def test_the_text_of_a_list_that_is_kept_says_all_that_is_read_from_it() -> None:
    devices = [modbus_device(502, {1: [0]}), {"_id": "\u20ac", "name": "é"}]
    worker = {"_id": "w", "token": "S3CRET", "interval": 900, "site": {"devices": ["S3CRET"]}, "devices": devices}
    for document in (worker, devices, {"devices": devices, "token": "S3CRET"}):
        for ascii_only in (True, False):
            text = json.dumps(document, ensure_ascii=ascii_only)
            kept = without_token(text)
            assert parse(kept) == parse(text)
            assert parse(kept).interval == parse(text).interval
            assert "S3CRET" not in kept
    assert json.loads(without_token(json.dumps(worker))) == {"interval": 900, "devices": devices}
    assert without_token('{"devices": []}') == '{"devices":  []}'
    with pytest.raises(InventoryError):
        without_token("[" + "{}," * MAX_VALUES + "{}]")
