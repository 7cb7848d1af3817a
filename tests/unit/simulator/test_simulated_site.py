"""The site as a whole: its instruments hold what its list promises, its log tells what they gave away."""

import ast
import asyncio
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

import inviseobox.simulator
from inviseobox.simulator.background import RunningSite, running_site
from inviseobox.simulator.site import Site
from tests.support.processes import started

POWER, VOLTAGE = "65a000000000000000000104", "65a000000000000000000101"
COLD_POWER, SENSED = "65a000000000000000000201", "65a000000000000000000401"


def read_registers(site: RunningSite, unit: int, function_code: int, address: int, count: int) -> bytes:
    """Return the data bytes of one answer of the gateway."""
    listener = site.site.gateway.listener
    with socket.create_connection((listener.host, listener.port), timeout=5) as connection:
        connection.sendall(struct.pack(">HHHBBHH", 1, 0, 6, unit, function_code, address, count))
        with connection.makefile("rb") as answer:
            _, _, length, _, code = struct.unpack(">HHHBB", answer.read(8))
            assert code == function_code, f"exception {answer.read(1)!r}"
            return answer.read(length - 2)[1:]


def float32(data: bytes, byte_order: str) -> float:
    """Decode a float by the byte order's digits, which are the significance of each wire byte."""
    significance = [int(digit) for digit in byte_order.split("-")]
    ordered = bytes(byte for _, byte in sorted(zip(significance, data, strict=True), reverse=True))
    return float(struct.unpack(">f", ordered)[0])


def fetch(url: str, context: ssl.SSLContext | None = None) -> tuple[int, str, bytes]:
    """Fetch a URL; return status, Content-Type and body."""
    parts = urlsplit(url)
    if context is None:
        connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    else:
        connection = http.client.HTTPSConnection(parts.netloc, timeout=5, context=context)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        response = connection.getresponse()
        return response.status, response.headers["Content-Type"], response.read()
    finally:
        connection.close()


def page(site: RunningSite) -> tuple[Any, str]:
    status, kind, body = fetch(site.site.sensor.url)
    assert status == 200
    return json.loads(body), kind


@contextmanager
def simulator(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Start `python3 -m inviseobox.simulator`, of the code under test wherever the test runs."""
    with started(
        [sys.executable, "-m", "inviseobox.simulator", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(inviseobox.simulator.__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            # A site with a serial port has something to remove.
            process.terminate()
            process.wait(10)


def listed(site: RunningSite) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [(device, measurement) for device in site.devices for measurement in device["measurements"]]


def test_every_listed_register_can_be_read_as_it_is_described() -> None:
    with running_site() as site:
        gateway = site.site.gateway.listener
        seen = 0
        for device, measurement in listed(site):
            connection = device["communication"]["configuration"]
            if device["communication"]["protocol"] != "Modbus":
                continue
            assert connection.get("host", connection.get("ip")) == gateway.host
            assert int(connection["port"]) == gateway.port
            parameters = measurement["configuration"]["parameters"]
            place = [int(str(parameters[key]), 0) for key in ("slave", "register", "address", "count")]
            data = read_registers(site, place[0], place[1], place[2], place[3])
            assert parameters["value_class"].upper() == "FLOAT32"
            value = float32(data, parameters["byte_order"])
            (served,) = site.served.of(measurement["_id"])
            assert served.value == value
            assert -60 < value < 2_000_000
            seen += 1
        assert seen == 11


def test_the_device_list_is_as_varied_as_a_real_server_s() -> None:
    with running_site() as site:
        formats = [set(measurement["configuration"]["response_format"]) for _, measurement in listed(site)]
        assert {"min", "max", "avg", "diff"} in formats
        assert {"diff"} in formats
        parameters = [measurement["configuration"]["parameters"] for _, measurement in listed(site)]
        assert {type(entry["address"]) for entry in parameters if "address" in entry} == {int, str}
        orders = {entry["byte_order"] for entry in parameters if "byte_order" in entry}
        assert orders == {"3-2-1-0", "1-0-3-2", "2-3-0-1", "0-1-2-3"}
        identities = [item["_id"] for pair in listed(site) for item in pair]
        assert all(len(identity) == 24 and int(identity, 16) for identity in identities)
        assert set(site.served.measurements()) == {measurement["_id"] for _, measurement in listed(site)}


def test_a_value_counts_only_when_all_its_registers_were_in_one_answer() -> None:
    with running_site() as site:
        read_registers(site, 1, 4, 52, 1)
        read_registers(site, 1, 4, 53, 1)
        assert site.served.of(POWER) == ()
        before = time.time()
        data = read_registers(site, 1, 4, 0, 80)
        after = time.time()
        (power,), (voltage,) = site.served.of(POWER), site.served.of(VOLTAGE)
        assert power.value == struct.unpack(">f", data[104:108])[0]
        assert voltage.value == struct.unpack(">f", data[0:4])[0]
        assert before <= power.at <= after
        assert site.served.of(COLD_POWER) == ()


def test_holes_in_the_cold_room_meter_are_refused() -> None:
    with running_site() as site, pytest.raises(AssertionError, match=r"exception b'\\x02'"):
        read_registers(site, 2, 3, 4096, 6)


def test_the_sensor_page_is_json_under_another_name() -> None:
    with running_site() as site:
        document, kind = page(site)
        assert kind == "text/html"
        assert isinstance(document["hum1"], str)
        assert [reading.value for reading in site.served.of(SENSED)] == [document["temp1"]]
        values = {identity: site.served.of(identity)[-1].value for identity in (f"{SENSED[:-1]}{n}" for n in "234")}
        assert list(values.values()) == [
            float(document["hum1"]),
            document["nested"]["a"][1],
            document["pulses"],
        ]
        assert fetch(site.site.sensor.url + "other")[0] == 404


def test_the_instruments_follow_the_clock() -> None:
    now = [1_735_054_200.0]
    with running_site(clock=lambda: now[0]) as site:
        first = read_registers(site, 1, 4, 52, 2), page(site)[0]
        assert (read_registers(site, 1, 4, 52, 2), page(site)[0]) == first
        now[0] += 5
        later = read_registers(site, 1, 4, 52, 2), page(site)[0]
        assert later[0] != first[0]
        assert later[1] != first[1]
        assert [reading.at for reading in site.served.of(POWER)] == [now[0] - 5, now[0] - 5, now[0]]
        epoch = now[0] - 5
    with running_site(clock=lambda: now[0], epoch=epoch) as again:
        assert (read_registers(again, 1, 4, 52, 2), page(again)[0]) == later


def test_waiting_for_a_served_value_ends_with_the_value_or_in_time() -> None:
    with running_site() as site:
        with pytest.raises(TimeoutError):
            site.wait_until(lambda: bool(site.served.of(SENSED)), 0.01)
        page(site)
        site.wait_until(lambda: bool(site.served.of(SENSED)), 5)


def test_a_site_runs_in_the_loop_of_its_user() -> None:
    async def scenario() -> None:
        async with Site() as site:
            reader = asyncio.create_task(asyncio.to_thread(fetch, site.sensor.url))
            await site.wait_until(lambda: bool(site.served.of(SENSED)), 5)
            assert (await reader)[0] == 200
            with pytest.raises(TimeoutError, match="3 windows"):
                await site.wait_for_windows(3, 0.01)

    asyncio.run(scenario())


def test_a_site_on_a_taken_port_is_an_error_and_leaves_nothing_behind() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.create_server(("127.0.0.1", 0)) as free:
        gateway_port = free.getsockname()[1]
        free.close()
        arguments = {"port": taken.getsockname()[1], "gateway_port": gateway_port}
        with pytest.raises(OSError, match="in use"), running_site(**arguments):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", gateway_port), timeout=5).close()


def test_the_api_of_a_site_is_served_over_tls(tmp_path: Path) -> None:
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    files = ["-keyout", key, "-out", certificate]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate, key)
    client_side = ssl.create_default_context(cafile=str(certificate))
    with running_site(ssl_context=server_side) as site:
        assert site.url.startswith("https://")
        url = f"{site.url}/workers/devices/data?token={site.token}"
        assert json.loads(fetch(url, client_side)[2]) == site.devices


def test_the_simulator_imports_only_itself_and_the_standard_library() -> None:
    folder = Path(inviseobox.simulator.__file__).parent
    for module in folder.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            for name in names:
                own = name == "inviseobox.simulator" or name.startswith("inviseobox.simulator.")
                assert own or name.split(".")[0] in sys.stdlib_module_names, f"{module.name} imports {name}"


@pytest.mark.parametrize(("form", "path"), [("documented", "/workers/devices/data"), ("deployed", "/workers")])
def test_the_simulator_command_says_where_the_site_is_and_ends_at_sigterm(form: str, path: str) -> None:
    with simulator("--form", form, "--interval", "5") as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        document = json.loads(fetch(f"{where['url']}{path}?token={where['token']}")[2])
        assert "temp1" in json.loads(fetch(where["sensor"])[2])
        socket.create_connection((where["gateway"]["host"], where["gateway"]["port"]), timeout=5).close()
        process.terminate()
        assert process.wait(10) == 0
    assert (document["interval"] == 5) if form == "deployed" else (len(document) == 4)


def test_the_simulator_command_has_serial_links() -> None:
    with simulator("--rtu", "--all-values") as process:
        assert process.stdout is not None
        where = json.loads(process.stdout.readline())
        port = Path(where["serial"]["port"])
        assert port.is_char_device()
        server = where["serial_server"]
        socket.create_connection((server["host"], server["port"]), timeout=5).close()
        process.terminate()
        assert process.wait(10) == 0
    assert not port.is_symlink()


def test_the_simulator_command_with_a_taken_port_says_so() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        simulator("--port", str(taken.getsockname()[1])) as process,
    ):
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.startswith("the site cannot be set up: ")
    assert output == ""
