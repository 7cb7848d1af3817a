"""A sensor page that misbehaves, asked over plain sockets."""

import asyncio
import gzip
import http.client
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from inviseobox.simulator import page_faults
from inviseobox.simulator.fault_choice import Script, Times
from inviseobox.simulator.sensor_page import PageFault, SensorPage

WITHIN = 10.0
DOCUMENT = {"temp1": 4.5, "hum1": "63.50"}


def with_page(scenario: Callable[[SensorPage], None], *faults: PageFault) -> tuple[SensorPage, list[Any]]:
    """Run `scenario` beside a page; return the page and the documents that count as served."""
    served: list[Any] = []

    async def run() -> SensorPage:
        page = SensorPage(lambda: DOCUMENT, served=served.append)
        page.set_faults(*faults)
        await page.http.listener.start()
        try:
            await asyncio.wait_for(asyncio.to_thread(scenario, page), WITHIN)
        finally:
            await page.http.listener.stop()
        return page

    return asyncio.run(run()), served


def fetch(page: SensorPage, path: str = "/", timeout: float = 5.0) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=timeout)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def test_a_page_without_faults_is_served_and_counts() -> None:
    def scenario(page: SensorPage) -> None:
        status, headers, body = fetch(page)
        assert (status, headers["Content-Type"], json.loads(body)) == (200, "text/html", DOCUMENT)

    page, served = with_page(scenario)
    assert served == [DOCUMENT]
    assert [request.path for request in page.requests] == ["/"]


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        (page_faults.status(503), 503, json.dumps(DOCUMENT).encode()),
        (page_faults.instead(b"", code=204), 204, b""),
        (page_faults.instead(b"\xff\xfe{}", "application/json"), 200, b"\xff\xfe{}"),
        (page_faults.not_json, 200, b"<html><body><h1>Starting...</h1></body></html>"),
        (page_faults.nested(3), 200, b"[[[]]]"),
        (page_faults.huge(200_000), 200, b"[0" + b" " * 199_997 + b"]"),
        (page_faults.drip(0.001), 200, json.dumps(DOCUMENT).encode()),
    ],
)
def test_answers_that_are_not_to_be_used_do_not_count(fault: PageFault, status: int, body: bytes) -> None:
    def scenario(page: SensorPage) -> None:
        answer = fetch(page)
        assert (answer[0], answer[2]) == (status, body)

    assert with_page(scenario, fault)[1] == []


def test_values_that_are_no_numbers_and_keys_that_are_missing() -> None:
    def scenario(page: SensorPage) -> None:
        page.set_faults(page_faults.with_value("temp1", float("nan")), page_faults.without("hum1"))
        assert fetch(page)[2] == b'{"temp1": NaN}'
        page.set_faults(page_faults.with_value("hum1", "21,5"))
        assert json.loads(fetch(page)[2]) == {"temp1": 4.5, "hum1": "21,5"}

    assert len(with_page(scenario)[1]) == 2


def test_a_slow_page_is_slow() -> None:
    def scenario(page: SensorPage) -> None:
        with pytest.raises(TimeoutError):
            fetch(page, timeout=0.1)
        assert fetch(page)[0] == 200

    with_page(scenario, page_faults.slow(0.3))


def test_a_page_may_hang_or_hang_up() -> None:
    def scenario(page: SensorPage) -> None:
        with pytest.raises(TimeoutError):
            fetch(page, timeout=0.1)
        with pytest.raises(ConnectionResetError):
            fetch(page)
        with pytest.raises(http.client.IncompleteRead):
            fetch(page)
        assert fetch(page)[0] == 200

    assert len(with_page(scenario, Script(page_faults.hang, page_faults.hang_up, page_faults.cut_short))[1]) == 1


def test_the_body_of_an_endless_page_never_ends() -> None:
    def scenario(page: SensorPage) -> None:
        connection = http.client.HTTPConnection(urlsplit(page.url).netloc, timeout=5)
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.headers["Content-Length"] is None
        assert response.read(5_000_000) == b"[" + b" " * 4_999_999
        connection.close()

    with_page(scenario, page_faults.endless())


def test_the_small_body_of_a_bomb_unpacks_to_a_huge_one() -> None:
    def scenario(page: SensorPage) -> None:
        _, headers, body = fetch(page)
        assert headers["Content-Encoding"] == "gzip"
        assert len(body) < 20_000
        unpacked = gzip.decompress(body)
        assert len(unpacked) == 10_000_000
        assert json.loads(unpacked) == [0]

    with_page(scenario, page_faults.bomb(10_000_000))


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/page", "/page"),
        ("/hop/3", "/hop/3 /hop/2 /hop/1 /page"),
        ("/", "/ / / / /"),
    ],
)
def test_a_page_redirects_on_the_same_host(location: str, path: str) -> None:
    def scenario(page: SensorPage) -> None:
        status, headers, _ = fetch(page)
        for _ in path.split():
            assert status == 302
            status, headers, body = fetch(page, headers["Location"])
        if location != "/":
            assert (status, json.loads(body)) == (200, DOCUMENT)

    page, _ = with_page(scenario, page_faults.redirect(location))
    assert [request.path for request in page.requests] == ["/", *path.split()]


def test_a_page_redirects_to_another_host() -> None:
    def scenario(page: SensorPage) -> None:
        status, headers, _ = fetch(page)
        assert (status, headers["Location"]) == (308, "http://127.0.0.2:8080/")

    with_page(scenario, page_faults.redirect("http://127.0.0.2:8080/", 308))


def test_a_fault_of_a_page_may_last_for_the_next_requests_only() -> None:
    def scenario(page: SensorPage) -> None:
        assert [fetch(page)[0] for _ in range(3)] == [500, 500, 200]

    with_page(scenario, Times(2, page_faults.status(500)))


def test_the_reader_of_a_page_may_go_away_in_the_middle() -> None:
    def scenario(page: SensorPage) -> None:
        with socket.create_connection((page.http.listener.host, page.http.listener.port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(100)
        page.set_faults()
        assert fetch(page)[0] == 200

    with_page(scenario, page_faults.huge(100_000_000))
