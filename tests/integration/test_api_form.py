"""Which form of the API the server speaks, and its device list."""

import asyncio
import json
from pathlib import Path

import pytest

from inviseobox.configuration import ApiForm
from inviseobox.devices import inventory
from inviseobox.errors import DeliveryError
from inviseobox.simulator.central_server import CentralServer, Form, Outcome
from inviseobox.simulator.http_server import HttpServer, Request, Response
from tests.support import virtual_time
from tests.support.entries import web_device
from tests.support.virtual_time import until

from .deliveries import HOUR, delivering
from .uplinks import KEYS, TOKEN, Box, Seen, answer, box, central, known, window


@pytest.mark.parametrize("form", ["documented", "deployed"])
def test_either_form_of_the_api_is_found_and_remembered(tmp_path: Path, form: Form) -> None:
    async def run() -> None:
        async with central(form) as server:
            for number in range(2):
                async with box(tmp_path / "data.db", server.url) as one:
                    end = await window(one, number, [known("m0")])
                    one.start()
                    await until(lambda end=end: end in server.window_ends(), within=10)  # type: ignore[misc]
                    # What it does not know to have arrived it would send again.
                    await asyncio.sleep(1)
            lists = [exchange for exchange in server.exchanges if exchange.method == "GET"]
            assert [exchange.status for exchange in lists] == ([200] if form == "documented" else [404, 200])
            assert [exchange.status for exchange in server.exchanges if exchange.method == "POST"] == [200] * 4
            assert server.violations == []
            assert [len(status.devices) for status in server.statuses] == [1, 1]

    virtual_time.run(run())


def test_a_list_that_comes_again_byte_for_byte_is_not_taken_apart_again(tmp_path: Path) -> None:
    async def run() -> None:
        async with central("documented") as server, box(tmp_path / "data.db", server.url) as one:
            (first, text), (second, again) = [await one.server.device_list() for _ in range(2)]
            assert second is first
            assert again == text
            server.devices.append(web_device("http://192.0.2.34/", ["t"], name="new"))
            third, _ = await one.server.device_list()
            assert len(third.devices) == len(first.devices) + 1

    virtual_time.run(run())


@pytest.mark.parametrize("form", list(ApiForm))
def test_a_pinned_form_of_the_api_is_never_left(tmp_path: Path, form: ApiForm) -> None:
    other: Form = "deployed" if form is ApiForm.DOCUMENTED else "documented"

    async def run() -> None:
        async with central(other) as server, box(tmp_path / "data.db", server.url, pinned=form) as one:
            await window(one, 0, [known("m0")])
            one.start()
            with pytest.raises(DeliveryError):
                await one.server.device_list()
            await asyncio.sleep(HOUR)
            paths = {exchange.path for exchange in server.exchanges if exchange.status == 404}
            assert paths == (
                {"/api/workers/devices/data", "/api/fields/"}
                if form is ApiForm.DOCUMENTED
                else {"/api/workers", "/api/fields/bulk"}
            )
            assert server.received == []
            assert await one.buffer.backlog() == 1

    virtual_time.run(run())


def test_a_later_404_makes_the_box_ask_again_for_the_form_of_the_api(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        one.start()
        first = await window(one, 0, [known("m0")])
        await until(lambda: first in server.window_ends(), within=10)
        server.form = "deployed"
        second = await window(one, 1, [known("m0")])
        await until(lambda: second in server.window_ends(), within=60)
        server.form = "documented"
        third = await window(one, 2, [known("m0")])
        await until(lambda: third in server.window_ends(), within=60)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520])
def test_trouble_with_the_server_says_nothing_about_the_form_of_the_api(tmp_path: Path, status: int) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.form = "deployed"
        await one.server.device_list()
        server.script("list", Seen(outcome=lambda number, request: answer(status)))
        for _ in range(3):
            with pytest.raises(DeliveryError, match=str(status)):
                await one.server.device_list()
        assert {exchange.path for exchange in server.exchanges[2:]} == {"/api/workers"}

    delivering(tmp_path, scenario)


def test_a_device_list_behind_a_login_says_so(tmp_path: Path) -> None:
    async def run() -> None:
        async with central(token=TOKEN[::-1]) as server, box(tmp_path / "data.db", server.url) as one:
            with pytest.raises(DeliveryError, match="token"):
                await one.server.device_list()
            server.script("list", Seen(outcome=lambda number, request: answer(200, b"\n <html>Login</html>")))
            with pytest.raises(DeliveryError, match="web page"):
                await one.server.device_list()
            server.script("list", Seen(outcome=lambda number, request: answer(302, b"", Location="http://192.0.2.1/")))
            with pytest.raises(DeliveryError, match="redirect"):
                await one.server.device_list()
            for body in (b"", b"OK", b"{}", b"[", b'{"devices": 5}', b"[" * 20_000, b"\xff\xfe\x00", b"null"):
                server.script("list", Seen(outcome=lambda number, request, body=body: answer(200, body)))  # type: ignore[misc]
                with pytest.raises(DeliveryError):
                    await one.server.device_list()

    virtual_time.run(run())


def other_form_answers(server: CentralServer, devices: list[dict[str, object]] | None) -> None:
    """Let both forms give a list; `devices` is that of the form that the server does not speak."""

    def both(request: Request) -> Outcome | None:
        other = "/api/workers" if server.form == "documented" else "/api/workers/devices/data"
        if request.path == other and devices is not None:
            return Outcome(Response(200, {}, json.dumps(devices).encode()))
        return None

    server.script("list", both)


def test_values_go_to_the_form_that_takes_them_though_both_give_a_list(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.form = "deployed"
        one.devices.adopt(inventory.parse(json.dumps(server.devices)))
        other_form_answers(server, list(server.devices))
        await one.server.device_list()
        assert await one.buffer.setting("api form") in (None, "documented"), "as this test wants it"
        end = await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: end in server.window_ends(), within=60)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("strange", [[], [{"_id": "somebody else's", "measurements": []}]], ids=["empty", "foreign"])
def test_a_strange_list_of_the_other_form_changes_nothing(tmp_path: Path, strange: list[dict[str, object]]) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        listed, _ = await one.server.device_list()
        one.devices.adopt(listed)
        other_form_answers(server, strange)
        server.script("fields", Seen(outcome=lambda number, request: answer(404) if number <= 3 else None))
        end = await window(one, 0, [known("m0")])
        one.start()
        await until(lambda: end in server.window_ends(), within=60)
        assert (await one.server.device_list())[0] == listed

    delivering(tmp_path, scenario)


def test_a_form_that_was_noted_without_its_server_is_that_of_the_present_one(tmp_path: Path) -> None:
    async def run() -> None:
        async with central("deployed") as server, box(tmp_path / "data.db", server.url) as one:
            one.buffer.record_setting("api form", "deployed")
            await one.buffer.commit()
            seen = Seen()
            server.script("list", seen)
            await one.server.device_list()
            assert [request.path for request in seen.requests] == ["/api/workers"]
            await one.buffer.commit()
            assert await one.buffer.setting("api form url") == server.url

    virtual_time.run(run())


def test_a_box_that_is_given_another_server_takes_its_list_whatever_the_one_before_spoke(tmp_path: Path) -> None:
    async def run() -> None:
        async with central("documented") as workshop, box(tmp_path / "data.db", workshop.url) as one:
            listed, text = await one.server.device_list()
            one.buffer.record_setting("device list", text)
            await one.buffer.commit()
        async with central("deployed") as server:
            server.devices = [web_device("http://192.0.2.35/", ["k1"], name="hall")]
            async with box(tmp_path / "data.db", server.url) as one:
                one.devices.adopt(listed)
                found, _ = await one.server.device_list()
                assert [device.name for device in found.devices] == ["hall"]
                end = await window(one, 0, [known("m0")])
                one.start()
                await until(lambda: end in server.window_ends(), within=60)

    virtual_time.run(run())


@pytest.mark.parametrize(("status", "body"), [(401, b""), (403, b""), (405, b""), (410, b""), (200, b"<html>")])
def test_a_server_that_moved_is_found_after_ten_minutes(tmp_path: Path, status: int, body: bytes) -> None:
    """The old paths are answered with something that may mean something else; so the new ones are not asked at once."""
    devices = json.dumps([web_device("http://192.0.2.34/", KEYS[:3])]).encode()
    has_moved = False
    taken: list[float] = []

    async def handle(request: Request) -> Response:
        if has_moved and request.path in ("/api/workers/devices/data", "/api/fields/"):
            return Response(status, {}, body)
        if request.path == "/api/fields/bulk":
            taken.append(asyncio.get_running_loop().time())
        return Response(200, {}, devices if request.method == "GET" else b"OK")

    async def scenario() -> None:
        nonlocal has_moved
        server = HttpServer(handle)
        await server.listener.start()
        try:
            async with box(tmp_path / "data.db", f"{server.origin}/api") as one:
                one.devices.adopt((await one.server.device_list())[0])
                has_moved = True
                began = asyncio.get_running_loop().time()
                await window(one, 0, [known("m0")])
                one.start()
                await until(lambda: len(taken) == 1, within=HOUR)
                assert 590 <= taken[0] - began <= 600 + 310
        finally:
            await one.stop()
            await server.listener.stop()

    virtual_time.run(scenario())
