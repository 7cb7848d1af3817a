"""A server that refuses an item, a size, or everything."""

import asyncio
from pathlib import Path

import pytest

from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Request

from . import virtual_time
from .buffers import series
from .deliveries import HOUR, delivering, rejected
from .uplinks import KEYS, TOKEN, Box, Seen, answer, box, central, known, told, window
from .virtual_time import until


def holding_the_token(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if TOKEN.encode() in file.read_bytes()]


def test_the_token_is_in_no_file(tmp_path: Path) -> None:
    """Not in the device list that is kept either, though the deployed form hands it out again."""

    async def run() -> None:
        async with central("deployed") as server, box(tmp_path / "data.db", server.url) as one:

            def echoing(number: int, request: Request) -> Outcome | None:
                if any(field["measurement"] == "poison" for field in told(request)):
                    return answer(400, b'{"message": "refused", "received": ' + request.body + b"}")
                return None

            server.script("fields", Seen(outcome=echoing))
            _, text = await one.server.device_list()
            await one.buffer.write_note("device list", text)
            await window(one, 0, [known("m0"), series("poison"), known("m1")])
            one.start()
            await asyncio.sleep(HOUR)
            assert len(server.received) == 2
        assert holding_the_token(tmp_path) == []
        assert len(rejected(tmp_path / "data.db")) == 1

    virtual_time.run(run())


def test_413_halves(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.max_body = 3000
        seen = Seen()
        server.script("fields", seen)
        end = await window(one, 0, [known(key) for key in KEYS])
        one.start()
        await until(lambda: len(server.received) == len(KEYS), within=60)
        assert server.window_ends([f"sensor/{key}" for key in KEYS]) == [end]
        assert all(batch.size <= 3000 for batch in server.batches)
        assert all(batch.idempotency_key == batch.digest for batch in server.batches)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize("place", [0, 13, 29])
def test_one_poisoned_item_is_found_and_everything_else_arrives(tmp_path: Path, status: int, place: int) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        def refusing(number: int, request: Request) -> Outcome | None:
            if any(field["measurement"] == "poison" for field in told(request)):
                return answer(status, b'{"message":"unknown measurement poison"}')
            return None

        server.script("fields", Seen(outcome=refusing))
        measurements = [known(key) for key in KEYS[:30]]
        # The content of a window is sorted by measurement.
        names = sorted(one.measurement for one in measurements)
        measurements.remove(next(one for one in measurements if one.measurement == names[place]))
        end = await window(one, 0, [*measurements, series("poison", device="sensor")])
        healthy = await window(one, 1, [known("m0")])
        one.start()
        await until(lambda: len(server.received) == 30, within=HOUR)
        assert server.window_ends() == [end, healthy]
        await asyncio.sleep(HOUR)
        assert await one.buffer.backlog() == 0
        assert rejected(tmp_path / "data.db") == [
            (["poison"], f'it answered {status}: {{"message":"unknown measurement poison"}}')
        ]

    delivering(tmp_path, scenario, strict=False)


def test_several_poisoned_items_are_found(tmp_path: Path) -> None:
    poisons = {"poison", "sensor/m100 is bad", "zero", "a bad one"}

    async def scenario(one: Box, server: CentralServer) -> None:
        def refusing(number: int, request: Request) -> Outcome | None:
            if any(field["measurement"] in poisons for field in told(request)):
                return answer(400, b"no")
            return None

        server.script("fields", Seen(outcome=refusing))
        await window(one, 0, [*map(known, KEYS[:60]), *(series(name, device="sensor") for name in poisons)])
        one.start()
        await asyncio.sleep(6 * HOUR)
        assert len(server.received) == 60
        assert sorted(names[0] for names, _ in rejected(tmp_path / "data.db")) == sorted(poisons)
        assert await one.buffer.backlog() == 0

    delivering(tmp_path, scenario, strict=False)


def test_an_item_alone_in_its_window_is_not_rejected_on_its_own_word(tmp_path: Path) -> None:
    """Nothing proves that it is the item: the server may refuse everything today."""

    async def scenario(one: Box, server: CentralServer) -> None:
        refusing = True
        server.script("fields", Seen(outcome=lambda number, request: answer(400, b"no") if refusing else None))
        end = await window(one, 0, [known("m0")])
        one.start()
        await asyncio.sleep(6 * HOUR)
        assert rejected(tmp_path / "data.db") == []
        refusing = False
        await until(lambda: server.window_ends() == [end], within=400)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_server_that_refuses_everything_gets_everything_later(tmp_path: Path, status: int) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=lambda number, request: answer(status, b"Bad Request"))
        server.script("fields", seen)
        ends = [await window(one, number, [known(key) for key in KEYS[:20]]) for number in range(3)]
        one.start()
        await asyncio.sleep(HOUR)
        assert one.is_at_work()
        assert rejected(tmp_path / "data.db") == []
        server.script("fields", None)
        await until(lambda: len(server.received) == 60, within=400)
        assert server.window_ends() == ends

    delivering(tmp_path, scenario)


def test_a_refused_window_does_not_hold_up_the_next_ones(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        loop = asyncio.get_running_loop()

        def refusing(number: int, request: Request) -> Outcome | None:
            return answer(400, b"no") if any(field["measurement"] == "poison" for field in told(request)) else None

        server.script("fields", Seen(outcome=refusing))
        await window(one, 0, [series("poison")])
        one.start()
        await asyncio.sleep(HOUR)
        for number in range(1, 5):
            began = loop.time()
            end = await window(one, number, [known("m0")])
            await until(lambda end=end: end in server.window_ends(), within=400)  # type: ignore[misc]
            assert loop.time() - began <= 301
            await asyncio.sleep(600)

    delivering(tmp_path, scenario, strict=False)


def test_after_a_long_refusal_of_everything_good_items_beside_a_bad_one_wait_for_hours_at_most(tmp_path: Path) -> None:
    """However long it lasted: searches must not get ever rarer."""

    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=lambda number, request: answer(400, b"no")))
        await window(one, 0, [known("m0"), known("m1"), series("poison", device="sensor")])
        one.start()
        await asyncio.sleep(2 * 24 * HOUR)
        assert rejected(tmp_path / "data.db") == []

        def refusing(number: int, request: Request) -> Outcome | None:
            return answer(400, b"no") if any(field["measurement"] == "poison" for field in told(request)) else None

        server.script("fields", Seen(outcome=refusing))
        await until(lambda: len(server.received) == 2, within=6.2 * HOUR)
        await until(lambda: [names for names, _ in rejected(tmp_path / "data.db")] == [["poison"]], within=HOUR)

    delivering(tmp_path, scenario, strict=False)
