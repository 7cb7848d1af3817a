"""Which answers tell the time: those that are surely the server's own, and fresh."""

import asyncio
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path

import pytest

from inviseobox.configuration import ApiForm, Configuration
from inviseobox.devices.in_force import DevicesInForce
from inviseobox.errors import DeliveryError
from inviseobox.network.name_lookup import NameLookups
from inviseobox.records import Batch
from inviseobox.server.api import CentralApi
from inviseobox.server.server import Server
from tests.support.buffers import opened
from tests.support.tcp import serving

DATE = 1_800_000_000.0
UPTIME = 5000.0
OFFSET = DATE + 0.5 - UPTIME
"""A Date counts whole seconds."""


def heard(
    folder: Path, ask: str, answer: str, body: str, headers: str = "", pause: float = 0.0, head_pause: float = 0.0
) -> list[tuple[float, float]]:
    """Return what is heard of the time, and its doubt, where the server gives this answer.

    There is a pause before its last byte, and one before the last byte of its head.
    """
    head = f"HTTP/1.1 {answer}\r\nDate: {formatdate(DATE, usegmt=True)}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head[:-1].encode())
        await writer.drain()
        await asyncio.sleep(head_pause)
        writer.write((head[-1:] + body[:-1]).encode())
        await writer.drain()
        await asyncio.sleep(pause)
        writer.write(body[-1:].encode())
        await writer.drain()

    async def scenario() -> list[tuple[float, float]]:
        told: list[tuple[float, float]] = []
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with serving(serve) as port, opened(folder / "data.db") as buffer:
            configuration = Configuration(token="t", url=f"http://127.0.0.1:{port}/api")  # noqa: S106
            api = CentralApi(configuration, NameLookups(), lambda: UPTIME + loop.time() - began)
            server = Server(
                api, buffer, DevicesInForce(), ApiForm.DOCUMENTED, hear_clock=lambda *both: told.append(both)
            )
            with suppress(DeliveryError):
                match ask:
                    case "list":
                        await server.device_list()
                    case "status":
                        await server.send_status("[]")
                    case "values":
                        await server.send_values(Batch(1, 60, "[]", "digest", 1))
            await api.close()
        return told

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("ask", "answer", "body"),
    [
        ("list", "200 OK", "[]"),
        ("list", "200 OK", '{"devices": []}'),
        ("status", "200 OK", "OK"),
        ("values", "201 Created", "OK"),
    ],
)
def test_an_answer_of_the_server_s_own_tells_the_time(tmp_path: Path, ask: str, answer: str, body: str) -> None:
    ((offset, doubt),) = heard(tmp_path, ask, answer, body)
    assert offset == pytest.approx(OFFSET, abs=5)
    assert doubt >= 0.5


@pytest.mark.parametrize("ask", ["list", "status", "values"])
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        ("200 OK", " <html>log in"),
        ("302 Found", "[]"),
        ("304 Not Modified", ""),
        ("400 Bad Request", "no"),
        ("401 Unauthorized", "who are you?"),
        ("404 Not Found", "[]"),
        ("500 Internal Server Error", "oops"),
        ("503 Service Unavailable", "[]"),
    ],
)
def test_a_stranger_s_answer_tells_none(tmp_path: Path, ask: str, answer: str, body: str) -> None:
    assert heard(tmp_path, ask, answer, body) == []


@pytest.mark.parametrize("body", ["OK", "{}", "[", "null", '"<html>"'])
def test_a_success_that_is_no_device_list_tells_none_where_one_was_asked_for(tmp_path: Path, body: str) -> None:
    assert heard(tmp_path, "list", "200 OK", body) == []


def test_what_a_cache_kept_tells_none(tmp_path: Path) -> None:
    assert heard(tmp_path, "list", "200 OK", "[]", "Age: 86400\r\n") == []
    assert heard(tmp_path, "list", "200 OK", "[]", "Age: 0\r\n")[0][0] == pytest.approx(OFFSET, abs=5)


def test_a_body_that_takes_its_time_does_not_shift_the_clock(tmp_path: Path) -> None:
    """The Date is that of the head; a long list may take minutes over a slow uplink."""
    quick, slow = (heard(tmp_path, "list", "200 OK", "[]", pause=pause)[0][0] for pause in (0.0, 6.0))
    assert quick == pytest.approx(slow, abs=4)


@pytest.mark.parametrize("ask", ["list", "status", "values"])
def test_an_answer_that_was_long_on_its_way_says_how_far_it_may_be_off(tmp_path: Path, ask: str) -> None:
    """The Date is of a moment after the request began to be sent, and before the head has come."""
    ((offset, doubt),) = heard(tmp_path, ask, "200 OK", "[]", head_pause=6.0)
    assert doubt >= 3.5
    assert abs(offset - OFFSET) <= doubt
