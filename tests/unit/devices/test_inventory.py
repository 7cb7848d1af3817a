"""The device list: what is understood, and that nothing which is not touches the rest."""

import copy
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.devices.inventory import Device, Inventory, Measurement, Remarks, parse
from inviseobox.devices.link_content import by_link
from inviseobox.devices.links import Framing, SerialLink, TcpLink, WebLink
from inviseobox.devices.register_codec import ByteOrder, decode_registers
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.devices.sources import JsonSource, RegisterSource, Unusable
from inviseobox.errors import InventoryError, UnusableValue
from inviseobox.records import Aggregate

PORT = "/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0"
# The two examples of the contract with the server.
METER = json.loads(
    """{"_id":"65a000000000000000000100","name":"Compteur Modbus","communication":{"protocol":"Modbus","mode":"RTU",
 "type":"RS-485","configuration":{"port":"/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0","baudrate":9600,
 "bytesize":8,"parity":"N","stopbits":1}},
 "measurements":[{"_id":"65a000000000000000000101","name":"Puissance chambre froide stockage","type":"puissance",
 "unit":"W","configuration":{"parameters":{"register":"0x04","address":52,"slave":2,"count":2,"byte_order":"3-2-1-0",
 "value_class":"FLOAT32"},"response_format":["min","max","avg"]}}]}"""
)
SENSOR = json.loads(
    """{"_id":"65a000000000000000000200","name":"Capteur hygrométrie mur","communication":{"protocol":"WebService",
 "configuration":{"url":"http://192.0.2.34/"}},
 "measurements":[{"_id":"65a000000000000000000201","name":"Mesure 1 (Chambre froide)","unit":"%",
 "configuration":{"parameters":{"key":"hum1"},"response_format":["min","max","avg"]}}]}"""
)
WORKER = {"_id": "w", "name": "Site", "site": "s", "interval": 900, "devices": [METER, SENSOR], "token": "0" * 64}


def listed(*devices: object) -> Inventory:
    return parse(json.dumps(devices))


def meter(identity: str = "d", measurement: str = "m", **settings: object) -> dict[str, Any]:
    """Describe a meter on a serial port, or on TCP where `host` is given."""
    entry: dict[str, Any] = copy.deepcopy(METER)
    entry["_id"] = identity
    entry["measurements"][0]["_id"] = measurement
    entry["communication"]["configuration"].update(settings)
    return entry


def sensor(identity: str = "s", measurement: str = "h", url: str = "http://192.0.2.34/") -> dict[str, Any]:
    entry: dict[str, Any] = copy.deepcopy(SENSOR)
    entry["_id"] = identity
    entry["communication"]["configuration"]["url"] = url
    entry["measurements"][0]["_id"] = measurement
    return entry


def with_parameters(**parameters: object) -> dict[str, Any]:
    entry = meter()
    entry["measurements"][0]["configuration"]["parameters"].update(parameters)
    return entry


def the_measurement(inventory: Inventory) -> Measurement:
    [listed] = inventory.measurements
    return listed.measurement


def sources(inventory: Inventory) -> dict[str, object]:
    return {one.id: one.measurement.source for one in inventory.measurements}


def reason(inventory: Inventory, measurement: str) -> str:
    source = sources(inventory)[measurement]
    assert isinstance(source, Unusable)
    return source.reason


@pytest.mark.parametrize(("text", "interval"), [(json.dumps([METER, SENSOR]), None), (json.dumps(WORKER), 900)])
def test_the_device_lists_of_the_contract_are_understood_in_both_forms(text: str, interval: int | None) -> None:
    inventory = parse(text)
    assert inventory.interval == interval
    assert inventory.remarks == Remarks()
    modbus, web = inventory.devices
    assert (modbus.id, modbus.name) == ("65a000000000000000000100", "Compteur Modbus")
    assert modbus.link == SerialLink(PORT, 9600, 8, "N", 1)
    (power,) = modbus.measurements
    assert power.name == "Puissance chambre froide stockage"
    assert power.series.measurement == "65a000000000000000000101"
    assert power.series.device == "65a000000000000000000100"
    assert power.series.aggregates == (Aggregate.MIN, Aggregate.MAX, Aggregate.AVG)
    assert isinstance(power.source, RegisterSource)
    assert power.source.span == Span(2, FunctionCode.INPUT_REGISTERS, 52, 2)
    assert power.source.byte_order is ByteOrder.ABCD
    assert isinstance(web.link, WebLink)
    assert web.name == "Capteur hygrométrie mur"
    assert web.measurements[0].source == JsonSource("http://192.0.2.34/", "hum1")


@pytest.mark.parametrize("text", ["[]", '{"devices": []}'])
def test_an_empty_device_list_is_a_device_list(text: str) -> None:
    assert parse(text) == Inventory()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "OK",
        "<!DOCTYPE html><p>Login</p>",
        "null",
        "5",
        '"text"',
        "{}",
        '{"error": "no such worker"}',
        '{"devices": null}',
        '{"devices": {}}',
        '{"devices": "[]"}',
        "[",
        "[{}",
        pytest.param("9" * 5000, id="huge number"),
        pytest.param("[" * 100_000 + "]" * 100_000, id="deep list"),
        pytest.param('{"devices":' * 100_000, id="deep object"),
    ],
)
def test_a_text_that_is_not_a_device_list_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(InventoryError) as caught:
        parse(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("interval", "read"),
    [(1800, 1800), ("1800", 1800), (1800.0, 1800), (1, 1), (86_400, 86_400), (None, None)],
)
def test_the_interval_of_the_worker_is_read(interval: object, read: int | None) -> None:
    inventory = parse(json.dumps({"interval": interval, "devices": []}))
    assert inventory.interval == read
    assert inventory.remarks == Remarks()


@pytest.mark.parametrize("interval", [0, -1, 86_401, pytest.param(10**300, id="huge"), "soon", 0.5, True, [1800], {}])
def test_an_invalid_interval_is_ignored_with_a_line(interval: object) -> None:
    inventory = parse(json.dumps({"interval": interval, "devices": [METER]}))
    assert inventory.interval is None
    assert len(inventory.devices) == 1
    (remark,) = inventory.remarks.texts
    assert "interval" in remark
    assert len(remark) < 300


def test_unknown_keys_are_ignored_in_every_object() -> None:
    entry = meter()
    inner = entry["measurements"][0]
    for part in (
        entry,
        entry["communication"],
        entry["communication"]["configuration"],
        inner,
        inner["configuration"],
        inner["configuration"]["parameters"],
    ):
        part["brand_new"] = {"x": [1]}
    assert listed(entry) == listed(meter())
    assert listed(entry).remarks == Remarks()


def test_optional_keys_of_a_device_list_may_be_missing() -> None:
    entry = meter()
    del entry["name"], entry["measurements"][0]["name"], entry["measurements"][0]["unit"]
    del entry["measurements"][0]["type"]
    inventory = listed(entry)
    assert inventory.remarks == Remarks()
    assert inventory.devices[0].name == "d"
    assert the_measurement(inventory).name == "m"


def test_numbers_in_a_device_list_may_be_texts() -> None:
    entry = with_parameters(address="0x34", slave="2", count="2")
    entry["communication"]["configuration"].update(baudrate="9600", bytesize="8", stopbits="1")
    assert listed(entry) == listed(meter())


@pytest.mark.parametrize(
    ("response_format", "aggregates"),
    [
        (["diff"], (Aggregate.DIFF,)),
        (["avg", "min"], (Aggregate.MIN, Aggregate.AVG)),
        (["min", "min"], (Aggregate.MIN,)),
        (["min", "max", "avg", "diff"], tuple(Aggregate)),
    ],
)
def test_response_format_chooses_the_aggregates(response_format: object, aggregates: tuple[Aggregate, ...]) -> None:
    entry = meter()
    entry["measurements"][0]["configuration"]["response_format"] = response_format
    inventory = listed(entry)
    assert set(the_measurement(inventory).series.aggregates) == set(aggregates)
    assert len(the_measurement(inventory).series.aggregates) == len(aggregates)
    assert inventory.remarks == Remarks()


@pytest.mark.parametrize("unknown", ["median", "MIN", "", None, 5, ["min"], {"a": 1}, math.nan])
def test_an_unknown_aggregate_is_ignored_with_a_line(unknown: object) -> None:
    entry = meter()
    entry["measurements"][0]["configuration"]["response_format"] = ["min", unknown]
    inventory = listed(entry)
    assert the_measurement(inventory).series.aggregates == (Aggregate.MIN,)
    assert isinstance(the_measurement(inventory).source, RegisterSource)
    assert len(inventory.remarks.texts) == 1


def test_the_line_about_an_unknown_aggregate_names_it() -> None:
    entry = meter()
    entry["measurements"][0]["configuration"]["response_format"] = ["min", "median"]
    assert "median" in listed(entry).remarks.texts[0]
    entry["measurements"][0]["configuration"]["response_format"] = ["min", {"S3CRET": 1}, ["S3CRET"], "a", "b", "c"]
    (remark,) = listed(entry).remarks.texts
    assert remark.endswith("ignored: {...}, [...], 'a' (+2); known are min, max, avg, diff")


@pytest.mark.parametrize("response_format", [None, [], "min", {"min": True}, 5])
def test_a_measurement_that_asks_for_no_aggregate_is_still_read(response_format: object) -> None:
    entry = meter()
    entry["measurements"][0]["configuration"]["response_format"] = response_format
    inventory = listed(entry)
    assert the_measurement(inventory).series.aggregates == ()
    assert isinstance(the_measurement(inventory).source, RegisterSource)
    assert inventory.remarks.texts


@pytest.mark.parametrize(
    "broken",
    [
        {"_id": "x", "communication": None, "measurements": [{"_id": "y"}]},
        {"_id": "x", "measurements": [{"_id": "y", "configuration": 5}]},
        meter("x", "y", port="/etc/passwd"),
        {"_id": "x", "communication": METER["communication"], "measurements": [{"_id": "y"}]},
        {"_id": "x", "communication": METER["communication"], "measurements": [{"_id": "y", "configuration": {}}]},
        {"_id": "x", "communication": SENSOR["communication"], "measurements": [{"_id": "y", "configuration": {}}]},
    ],
)
def test_an_entry_that_cannot_be_understood_is_dead_with_a_reason_and_touches_no_other(broken: dict[str, Any]) -> None:
    inventory = listed(meter("a", "a1"), broken, sensor("b", "b1"))
    alone = listed(meter("a", "a1"), sensor("b", "b1"))
    assert (inventory.devices[0], inventory.devices[2]) == alone.devices
    assert reason(inventory, "y")
    assert inventory.remarks.texts


@pytest.mark.parametrize("entry", [None, 5, "x", [], {}, {"_id": None}, {"_id": 5}, {"_id": ""}, {"_id": "a\nb"}])
def test_an_entry_without_identity_is_left_out_with_a_line(entry: object) -> None:
    inventory = listed(entry, meter("a", "a1"))
    assert [device.id for device in inventory.devices] == ["a"]
    assert len(inventory.remarks.texts) == 1
    inside = meter()
    inside["measurements"].insert(0, entry)
    assert list(sources(listed(inside))) == ["m"]
    assert len(listed(inside).remarks.texts) == 1


def test_an_entry_without_identity_is_named_by_its_number_and_its_name() -> None:
    """Never by its content, which may hold a password."""
    url = "http://user:S3CRET@192.0.2.34/?apikey=S3CRET"
    unnamed, named = sensor(url=url), meter("a") | {"name": "hall\n"}
    del unnamed["_id"]
    unnamed["name"] = ["S3CRET"]
    named["measurements"][:0] = ["S3CRET", {"name": "power", "configuration": {"S3CRET": url}}]
    inventory = listed(url, meter("z", "z1"), unnamed, unnamed | {"name": "sensor"}, named)
    right = "it has no _id, a text of 1 to 200 printable characters"
    assert inventory.remarks == Remarks(
        (
            f"device 1 is left out: {right}",
            f"device 3 is left out: {right}",
            f"device 4 (sensor) is left out: {right}",
            f"device hall\ufffd: measurement 1 is left out: {right}",
            f"device hall\ufffd: measurement 2 (power) is left out: {right}",
        )
    )


@pytest.mark.parametrize("measurements", [None, {}, "m", 5])
def test_a_device_without_a_list_of_measurements_is_listed_with_a_line(measurements: object) -> None:
    inventory = listed(meter() | {"measurements": measurements})
    assert inventory.devices[0].measurements == ()
    assert len(inventory.remarks.texts) == 1


def test_of_a_repeated_measurement_the_first_is_taken() -> None:
    first, second = meter("a", "m"), meter("b", "m")
    second["measurements"][0]["configuration"]["parameters"]["address"] = 99
    inventory = listed(first, second)
    assert inventory.devices[0] == listed(first).devices[0]
    assert [one.device.id for one in inventory.measurements] == ["a"]
    assert any("_id" in remark and "m" in remark for remark in inventory.remarks.texts)


def test_of_a_repeated_device_the_first_is_taken_and_the_measurements_of_the_later_are_dead_with_that_reason() -> None:
    inventory = listed(meter("a", "m1"), meter("a", "m2"), sensor("b", "h"))
    assert isinstance(sources(inventory)["m1"], RegisterSource)
    assert isinstance(sources(inventory)["h"], JsonSource)
    assert "_id" in reason(inventory, "m2")
    assert inventory.remarks.texts


@pytest.mark.parametrize("other", [{"baudrate": 19200}, {"bytesize": 7}, {"parity": "E"}, {"stopbits": 2}])
def test_of_different_settings_of_one_port_the_first_are_taken(other: dict[str, Any]) -> None:
    inventory = listed(meter("a", "a1"), meter("b", "b1", **other), meter("c", "c1"))
    assert isinstance(sources(inventory)["a1"], RegisterSource)
    assert isinstance(sources(inventory)["c1"], RegisterSource)
    assert PORT in reason(inventory, "b1")
    assert {device.link for device in inventory.devices if device.link} == {SerialLink(PORT)}


def test_devices_that_write_one_port_in_two_ways_are_read_over_one_link() -> None:
    inventory = listed(meter("a", "a1"), meter("b", "b1", port=PORT.replace("/dev/", "/dev//")))
    (content,) = by_link(inventory)
    assert content.link == SerialLink(PORT)
    assert [one.id for one in content.measurements] == ["a1", "b1"]
    other = listed(meter("a", "a1"), meter("b", "b1", port=PORT.replace("/dev/", "/dev//"), parity="E"))
    assert reason(other, "b1") == f"an earlier device uses {PORT} with other settings"


def test_of_different_framings_on_one_host_and_port_the_first_is_taken() -> None:
    first, second = meter("a", "a1", host="192.0.2.7", port=502), meter("b", "b1", host="192.0.2.7", port=502)
    first["communication"]["mode"] = "TCP"
    second["communication"]["mode"] = "RTUoverTCP"
    inventory = listed(first, second)
    assert inventory.devices[0].link == TcpLink("192.0.2.7", 502, Framing.TCP)
    assert "192.0.2.7:502" in reason(inventory, "b1")


def test_pages_of_one_host_share_a_link_and_do_not_conflict() -> None:
    inventory = listed(sensor("a", "a1"), sensor("b", "b1", "http://192.0.2.34/other"))
    links = [device.link for device in inventory.devices]
    assert links[0]
    assert links[1]
    assert links[0].name == links[1].name
    assert sources(inventory)["b1"] == JsonSource("http://192.0.2.34/other", "hum1")


def test_names_of_devices_and_measurements_are_made_harmless() -> None:
    entry = meter()
    entry["name"] = "a\x1b[31m\nSTATUS=\ud800"
    entry["measurements"][0]["name"] = "x" * 10_000
    inventory = listed(entry)
    assert inventory.devices[0].name == "a\ufffd[31m\ufffdSTATUS=\ufffd"
    assert the_measurement(inventory).name == "x" * 200


def fingerprint(entry: object) -> str:
    return the_measurement(listed(entry)).series.fingerprint


def test_the_fingerprint_tells_ways_of_reading_apart_and_nothing_else() -> None:
    renamed = meter() | {"name": "another"}
    renamed["measurements"][0]["unit"] = "kW"
    renamed["measurements"][0]["configuration"]["response_format"] = ["diff"]
    assert fingerprint(renamed) == fingerprint(meter())
    tcp = meter(host="192.0.2.7", port=502)
    tcp["communication"]["mode"] = "TCP"
    over = copy.deepcopy(tcp)
    over["communication"]["mode"] = "RTUoverTCP"
    other_key = sensor()
    other_key["measurements"][0]["configuration"]["parameters"]["key"] = "hum2"
    ways = [
        meter(),
        meter(port="/dev/ttyUSB1"),
        meter(baudrate=19200),
        with_parameters(address=54),
        with_parameters(slave=3),
        with_parameters(register="0x03"),
        with_parameters(byte_order="1-0-3-2"),
        with_parameters(value_class="UINT32"),
        tcp,
        over,
        sensor(),
        sensor(url="http://192.0.2.34/other"),
        other_key,
    ]
    assert len({fingerprint(way) for way in ways}) == len(ways)


def test_the_recipe_of_the_fingerprint_is_for_ever() -> None:
    # Baselines on boxes in the field are kept under these; computed by hand from the recipe with sha256sum.
    assert fingerprint(METER) == "6aa46890daf6fa30"
    assert fingerprint(SENSOR) == "e241c47b4564210d"
    # Of a path that is written in another way, the recipe takes what is written.
    assert fingerprint(meter(port=PORT.replace("/dev/", "/dev//./"))) == "1c8dc45411651461"


WORDS = ["", "0x01", "0x04", "INT48", "0-1-2-3", "min", "/dev/ttyUSB0", "\x00", "TCP", "RTUoverTCP", "9" * 30]
TEXT = st.text(st.characters(), max_size=8) | st.sampled_from(WORDS)
NUMBER = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400), 2**53, 65_535, 0])
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.just("_id"), inner, max_size=3),
    max_leaves=6,
)


def places(node: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        inner = list(node.items())
    elif isinstance(node, list):
        inner = list(enumerate(node))
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def replaced(document: object, path: tuple[Any, ...], value: object) -> object:
    if not path:
        return value
    changed: Any = copy.copy(document)
    changed[path[0]] = replaced(changed[path[0]], path[1:], value)
    return changed


def harmless(text: str) -> bool:
    return len(text) < 1000 and text.isprintable()


def read(text: str) -> Inventory | InventoryError:
    try:
        return parse(text)
    except InventoryError as error:
        return error


def check(inventory: Inventory | InventoryError) -> None:
    """Hold everything that the rest of the program relies on."""
    if isinstance(inventory, InventoryError):
        assert harmless(str(inventory))
        return
    assert all(harmless(remark) for remark in inventory.remarks.texts)
    assert inventory.interval is None or 1 <= inventory.interval <= 86_400
    identities = [one.id for one in inventory.measurements]
    assert len(set(identities)) == len(identities)
    settings_of: dict[str, object] = {}
    for device in inventory.devices:
        assert harmless(device.name)
        if device.link and not isinstance(device.link, WebLink):
            assert harmless(device.link.name)
            assert settings_of.setdefault(device.link.name, device.link) == device.link
        for measurement in device.measurements:
            check_measurement(device, measurement)


def check_measurement(device: Device, measurement: Measurement) -> None:
    assert harmless(measurement.name)
    assert measurement.series.device == device.id
    match measurement.source:
        case Unusable(reason):
            assert reason
            assert harmless(reason)
        case JsonSource(url, _):
            assert isinstance(device.link, WebLink)
            assert url == device.link.url
        case RegisterSource(span, value_class, byte_order):
            assert isinstance(device.link, SerialLink | TcpLink)
            assert 0 <= span.address < span.end <= 65_536
            assert 0 <= span.unit <= 255
            try:
                assert math.isfinite(decode_registers([1] * span.count, value_class, byte_order))
            except UnusableValue:
                return


@given(data=st.data(), value=JSON)
def test_any_value_anywhere_gives_an_inventory_or_the_one_error(data: st.DataObject, value: object) -> None:
    document: object = WORKER
    for _ in range(data.draw(st.integers(1, 3))):
        document = replaced(document, data.draw(st.sampled_from(places(document))), value)
    check(read(json.dumps(document)))


@given(st.text(st.characters()))
def test_any_text_gives_an_inventory_or_the_one_error(text: str) -> None:
    check(read(text))


METERS = st.builds(meter, st.sampled_from("abc"), st.sampled_from("mno"), baudrate=st.sampled_from([1200, 9600]))


@given(st.lists(METERS))
def test_any_mixture_of_repeated_and_conflicting_entries_is_consistent(devices: list[dict[str, Any]]) -> None:
    inventory = listed(*devices)
    check(inventory)
    assert {device.id for device in inventory.devices} == {device["_id"] for device in devices}


def test_nesting_below_the_limit_of_the_parser_is_only_a_bad_entry() -> None:
    deep = json.loads("[" * 500 + "]" * 500)
    inventory = listed(deep, meter(), with_parameters(address=deep) | {"_id": "deep"})
    assert isinstance(sources(inventory)["m"], RegisterSource)


def test_ten_remarks_are_kept_and_the_others_counted() -> None:
    assert listed(*[{}] * 10).remarks.more == 0
    remarks = parse(json.dumps({"devices": [{}] * 500, "interval": -1})).remarks
    assert "interval" in remarks.texts[0], "where all is to be read at the wrong times, that comes first"
    assert [text.split()[1] for text in remarks.texts[1:]] == [str(number) for number in range(1, 10)]
    assert remarks.more == 491


def test_remarks_are_told_against_those_that_are_known() -> None:
    nothing, some = Remarks(), Remarks(("a", "b"))
    assert some.news(nothing) == ["a", "b"]
    assert nothing.news(some) == []
    assert some.news(some) == []
    assert Remarks(("b", "c")).news(some) == ["c"]
    many = Remarks(some.texts, 5)
    assert many.news(nothing) == ["a", "b", "… and 5 more"]
    assert many.news(many) == []
    assert Remarks(some.texts, 6).news(many) == ["… and 6 more"]
    assert Remarks(("a", "c"), 5).news(many) == ["c", "… and 5 more"]
    assert some.news(many) == []


def test_inventories_are_compared_by_what_is_read() -> None:
    entry = meter()
    assert listed(entry | {"updatedAt": 1}, None) == listed(entry | {"updatedAt": 2})
    assert listed(entry) != listed(entry | {"name": "another"})
    assert parse(json.dumps({"devices": [], "interval": 5})) != parse(json.dumps({"devices": [], "interval": 6}))


def test_a_listed_measurement_is_compared_without_the_others_of_its_device() -> None:
    def measurement_of(entry: dict[str, Any]) -> object:
        return next(iter(listed(entry).measurements))

    more = meter()
    more["measurements"].append({"_id": "other"})
    assert measurement_of(more) == measurement_of(meter())
    assert hash(measurement_of(more)) == hash(measurement_of(meter()))
    for other in (
        meter() | {"name": "n"},
        meter("e"),
        meter(baudrate=300),
        with_parameters(address=1),
        meter("d", "n"),
    ):
        assert measurement_of(other) != measurement_of(meter())
    assert measurement_of(meter()) != "d"


def test_measurements_of_a_large_device_are_compared_in_a_moment() -> None:
    text = json.dumps([meter() | {"measurements": [{"_id": str(number)} for number in range(10_000)]}])
    one, other = list(parse(text).measurements), list(parse(text).measurements)
    began = time.process_time()
    assert one == other
    assert time.process_time() - began < 5


def test_a_list_with_another_unit_is_another_list() -> None:
    """Nothing is read in another way, but people must see the unit that holds."""
    changed = meter()
    changed["measurements"][0]["unit"] = "MW"
    assert listed(changed) != listed(meter())
    assert fingerprint(changed) == fingerprint(meter())
