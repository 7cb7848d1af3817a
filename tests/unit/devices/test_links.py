"""The `communication` of a device, as the contract with the server describes it."""

import json
from typing import Any

import pytest

from inviseobox.devices.links import Framing, Link, SerialLink, TcpLink, WebLink, read_link
from inviseobox.errors import NotUnderstood


def modbus(mode: object, **settings: object) -> dict[str, Any]:
    return {"protocol": "Modbus", "mode": mode, "configuration": settings}


def web(url: object) -> dict[str, Any]:
    return {"protocol": "WebService", "configuration": {"url": url}}


def refusal(communication: object) -> str:
    with pytest.raises(NotUnderstood) as caught:
        read_link(communication)
    text = str(caught.value)
    assert text.isprintable()
    assert len(text) < 350
    return text


BY_ID = "/dev/serial/by-id/usb-Silicon_Labs_CP2102_0001-if00-port0"


def test_a_serial_port_is_understood_with_all_its_settings() -> None:
    link = read_link(modbus("RTU", port=BY_ID, baudrate=19200, bytesize=7, parity="E", stopbits=2))
    assert link == SerialLink(BY_ID, 19200, 7, "E", 2)
    assert link.name == BY_ID


def test_a_serial_port_is_understood_with_nothing_but_its_path() -> None:
    assert read_link(modbus("RTU", port="/dev/ttyUSB0")) == SerialLink("/dev/ttyUSB0", 9600, 8, "N", 1)


WRITTEN = ["/dev//ttyUSB0", "/dev///ttyUSB0", "/dev/./ttyUSB0", "/dev/././/ttyUSB0", "/dev/ttyUSB0/", "/dev/ttyUSB0/."]


@pytest.mark.parametrize("path", WRITTEN)
def test_a_path_that_is_written_in_another_way_is_the_same_port(path: str) -> None:
    link = read_link(modbus("RTU", port=path))
    assert link == SerialLink("/dev/ttyUSB0")
    assert link.name == "/dev/ttyUSB0"


@pytest.mark.parametrize("path", ["//dev/ttyUSB0", "/./dev/ttyUSB0", "/dev/../dev/ttyUSB0", "/dev/.../../ttyUSB0"])
def test_a_path_that_does_not_begin_with_dev_or_leaves_it_is_none_of_a_port(path: str) -> None:
    assert "is not the path of a device under /dev" in refusal(modbus("RTU", port=path))


def test_serial_settings_may_be_texts() -> None:
    link = read_link(modbus("RTU", port="/dev/ttyUSB0", baudrate="19200", bytesize="8", stopbits="1"))
    assert link == SerialLink("/dev/ttyUSB0", 19200, 8, "N", 1)


@pytest.mark.parametrize("key", ["host", "ip", "address"])
def test_a_gateway_is_understood_under_each_name_of_its_host(key: str) -> None:
    assert read_link(modbus("TCP", **{key: " 192.0.2.7 "})) == TcpLink("192.0.2.7", 502, Framing.TCP)


@pytest.mark.parametrize(("port", "read"), [(None, 502), (1502, 1502), ("1502", 1502), ("0x5de", 1502), (65535, 65535)])
def test_the_port_of_a_gateway_may_be_a_number_a_text_or_missing(port: object, read: int) -> None:
    link = read_link(modbus("TCP", host="gateway", port=port))
    assert link == TcpLink("gateway", read, Framing.TCP)
    assert link.name == f"gateway:{read}"


@pytest.mark.parametrize("mode", ["RTUoverTCP", "RTU"])
def test_a_transparent_serial_server_is_understood_in_both_modes(mode: str) -> None:
    assert read_link(modbus(mode, host="192.0.2.8", port=4001)) == TcpLink("192.0.2.8", 4001, Framing.RTU)


def test_one_host_is_one_link_however_its_name_is_capitalised() -> None:
    assert read_link(modbus("TCP", host="Gateway.LOCAL")).name == read_link(modbus("TCP", host="gateway.local")).name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://192.0.2.34/", "http://192.0.2.34:80"),
        ("http://192.0.2.34/other?x=1", "http://192.0.2.34:80"),
        ("http://192.0.2.34:80", "http://192.0.2.34:80"),
        ("http://192.0.2.34:8080/", "http://192.0.2.34:8080"),
        ("https://Sensor.example/", "https://sensor.example:443"),
    ],
)
def test_pages_of_one_scheme_host_and_port_are_one_link(url: str, name: str) -> None:
    link = read_link(web(url))
    assert isinstance(link, WebLink)
    assert link.name == name
    assert link.url == url


@pytest.mark.parametrize(
    ("communication", "says"),
    [
        (None, "communication"),
        ("Modbus", "communication"),
        ([], "communication"),
        ({}, "configuration"),
        ({"protocol": "Modbus", "mode": "TCP", "configuration": None}, "configuration"),
        ({"protocol": "Modbus", "mode": "TCP", "configuration": []}, "configuration"),
        ({"protocol": "BACnet", "configuration": {}}, "BACnet"),
        ({"protocol": ["Modbus"], "configuration": {}}, "protocol"),
        ({"configuration": {}}, "protocol"),
        (modbus("ASCII", host="h"), "ASCII"),
        (modbus(["TCP"], host="h"), "mode"),
        (modbus("TCP"), "host"),
        (modbus("TCP", host=""), "host"),
        (modbus("TCP", host=5), "host"),
        (modbus("RTUoverTCP", port=4001), "host"),
        (modbus("TCP", host="a b"), "host"),
        (modbus("TCP", host="http://h/"), "host"),
        (modbus("TCP", host="a\nb"), "host"),
        (modbus("TCP", host="a\u202eb"), "host"),
        pytest.param(modbus("TCP", host="h" * 254), "host", id="long"),
        (modbus("TCP", host="h", port=0), "port"),
        (modbus("TCP", host="h", port=65536), "port"),
        (modbus("TCP", host="h", port="http"), "port"),
        (modbus("TCP", host="h", port=True), "port"),
        (modbus("RTU"), "port"),
        (modbus("RTU", port=5), "port"),
        (modbus("RTU", port="COM3"), "port"),
        (modbus("RTU", port="/etc/passwd"), "port"),
        (modbus("RTU", port="/dev/../etc/passwd"), "port"),
        (modbus("RTU", port="/dev/tty\nUSB0"), "port"),
        (modbus("RTU", port="/dev/tty\x00USB0"), "port"),
        (modbus("RTU", port="/dev/tty\ud800"), "port"),
        (modbus("RTU", port="/devices/ttyUSB0"), "port"),
        (modbus("RTU", port="/dev/tty\u202eUSB0"), "port"),
        pytest.param(modbus("RTU", port="/dev/" + "x" * 251), "port", id="long port"),
        (modbus("RTU", port="/dev/ttyUSB0", baudrate=0), "baudrate"),
        (modbus("RTU", port="/dev/ttyUSB0", baudrate=-9600), "baudrate"),
        (modbus("RTU", port="/dev/ttyUSB0", baudrate=10**9), "baudrate"),
        (modbus("RTU", port="/dev/ttyUSB0", baudrate="fast"), "baudrate"),
        (modbus("RTU", port="/dev/ttyUSB0", bytesize=9), "bytesize"),
        (modbus("RTU", port="/dev/ttyUSB0", bytesize=[8]), "bytesize"),
        (modbus("RTU", port="/dev/ttyUSB0", parity="X"), "parity"),
        (modbus("RTU", port="/dev/ttyUSB0", parity=["N"]), "parity"),
        (modbus("RTU", port="/dev/ttyUSB0", stopbits=3), "stopbits"),
        (modbus("RTU", port="/dev/ttyUSB0", stopbits=1.5), "stopbits"),
        (web(None), "url"),
        (web(5), "url"),
        (web(""), "url"),
        (web("192.0.2.34"), "url"),
        (web("ftp://192.0.2.34/"), "url"),
        (web("file:///etc/passwd"), "url"),
        (web("http://"), "url"),
        (web("http:///page"), "url"),
        (web("http://h:port/"), "url"),
        (web("http://h:99999/"), "url"),
        (web("http://[::1/"), "url"),
        (web("http://h/\r\nX: y"), "url"),
        (web("http://h/\ud800"), "url"),
        (web("http://h\u202e/"), "url"),
        (web("http://192.0.2..7/"), "url"),
        pytest.param(web("http://" + "x" * 254 + "/"), "url", id="long host"),
        pytest.param(web("http://192.0.2.34/" + "x" * 1983), "url", id="long url"),
    ],
)
def test_a_communication_that_is_not_a_link_says_why(communication: object, says: str) -> None:
    assert says in refusal(communication)


@pytest.mark.parametrize("host", ["a..b", ".local", "x" * 64, "..", "é" * 60])
def test_a_host_that_no_resolver_takes_is_no_host(host: str) -> None:
    # socket.getaddrinfo() meets these with UnicodeError, which is no OSError.
    assert "host" in refusal(modbus("TCP", host=host))


@pytest.mark.parametrize("host", ["meter-1.site.example", "192.0.2.7", "2001:db8::7", "zähler.example", "meter.local."])
def test_a_host_that_a_resolver_takes_is_a_host(host: str) -> None:
    link = read_link(modbus("TCP", host=host))
    assert isinstance(link, TcpLink)
    assert link.host == host


def test_a_foreign_key_beside_the_known_ones_is_ignored() -> None:
    communication = json.loads(
        '{"protocol":"Modbus","mode":"TCP","type":"x","new":[1],"configuration":{"host":"h","unit_id":4,"new":{}}}'
    )
    link: Link = TcpLink("h", 502, Framing.TCP)
    assert read_link(communication) == link


def test_a_port_and_a_url_may_be_as_long_as_they_are_told_to() -> None:
    assert read_link(modbus("RTU", port="/dev/" + "x" * 250)).name == "/dev/" + "x" * 250
    url = "http://192.0.2.34/" + "x" * 1982
    assert read_link(web(url)) == WebLink("http", "192.0.2.34", 80, url)


HIDDEN = "S3CRET"


@pytest.mark.parametrize(
    "communication",
    [
        web(f"192.0.2.34/?apikey={HIDDEN}"),
        web(f"user:{HIDDEN}@192.0.2.34/"),
        web(f"user:{HIDDEN}"),
        web(f"ftp://user:{HIDDEN}@192.0.2.34/"),
        web(f"http://user:{HIDDEN}@192.0.2..34/"),
        web(f"http://user:{HIDDEN}@h:port/?apikey={HIDDEN}"),
        web(f"http://user:{HIDDEN}/x@192.0.2.34/"),
        web(f"http://192.0.2.34\n/?apikey={HIDDEN}"),
        web(f"http://192.0.2.34/?apikey={HIDDEN}" + "x" * 2000),
        web({"url": f"http://192.0.2.34/?apikey={HIDDEN}"}),
        modbus("TCP", host=f"user:{HIDDEN}@192.0.2.7"),
        modbus("TCP", host=f"http://user:{HIDDEN}@192.0.2.7/"),
        modbus("TCP", host=f"192.0.2.7/?apikey={HIDDEN}"),
        modbus("TCP", host="192.0.2.7", port={"password": HIDDEN}),
        modbus("TCP", host="192.0.2.7", port=f"502/?apikey={HIDDEN}"),
        modbus(f"http://user:{HIDDEN}@192.0.2.7/", host="192.0.2.7"),
        modbus({"password": HIDDEN}, host="192.0.2.7"),
        modbus("RTU", port=f"http://user:{HIDDEN}@192.0.2.7/"),
        modbus("RTU", port=[HIDDEN]),
        modbus("RTU", port="/dev/ttyUSB0", baudrate={"password": HIDDEN}),
        {"protocol": f"http://user:{HIDDEN}@192.0.2.7/", "configuration": {}},
        {"protocol": {"password": HIDDEN}, "configuration": {}},
    ],
)
def test_the_error_of_a_communication_does_not_tell_what_its_url_may_hide(communication: dict[str, Any]) -> None:
    assert HIDDEN not in refusal(communication)


def test_the_name_of_a_page_s_link_hides_what_its_url_does() -> None:
    link = read_link(web(f"http://user:{HIDDEN}@192.0.2.34/page?apikey={HIDDEN}#{HIDDEN}"))
    assert isinstance(link, WebLink)
    assert HIDDEN in link.url
    assert link.name == "http://192.0.2.34:80"
    assert HIDDEN not in repr(link)
