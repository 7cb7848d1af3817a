"""A server that refuses an item, a size, or everything."""

import asyncio
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from inviseobox import events
from inviseobox.simulator.central_server import CentralServer, Outcome
from inviseobox.simulator.http_server import Request
from tests.support import entries, virtual_time
from tests.support.buffers import series
from tests.support.damages import damage, pages_in_use
from tests.support.entries import web_device
from tests.support.virtual_time import until

from .deliveries import HOUR, delivering, rejected, windows_go_on
from .uplinks import KEYS, TOKEN, Box, Seen, answer, box, central, known, told, window


def taken(server: CentralServer) -> set[tuple[str, str]]:
    """Return what the server took, each report once: a batch may be sent again under its key."""
    return {(field.measurement, field.timestamp) for field in server.received}


def holding_the_token(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if TOKEN.encode() in file.read_bytes()]


def values_of(server: CentralServer) -> set[tuple[str, str]]:
    """Return what the server took but for the values that let windows go on."""
    return {report for report in taken(server) if report[0] != "sensor/m399"}


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
            await one.buffer.write_setting("device list", text)
            await window(one, 0, [known("m0"), series("poison"), known("m1")])
            one.start()
            await windows_go_on(one, 1, 3)
            assert len(values_of(server)) == 2
        assert holding_the_token(tmp_path) == []
        assert len(rejected(tmp_path / "data.db")) == 1

    virtual_time.run(run())


def test_a_413_answer_halves_the_batch(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.max_body = 3000
        seen = Seen()
        server.script("fields", seen)
        end = await window(one, 0, [known(key) for key in KEYS])
        one.start()
        await until(lambda: len(taken(server)) == len(KEYS), within=60)
        assert server.window_ends([f"sensor/{key}" for key in KEYS]) == [end]
        assert all(batch.size <= 3000 for batch in server.batches)
        assert all(batch.idempotency_key == batch.digest for batch in server.batches)

    delivering(tmp_path, scenario)


@pytest.mark.parametrize("status", [400, 409, 418, 422, 500])
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
        await until(lambda: len(taken(server)) == 30, within=HOUR)
        assert server.window_ends() == [end, healthy]
        await windows_go_on(one, 2, 2.5)
        await asyncio.sleep(60)
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
        await windows_go_on(one, 1, 6)
        await asyncio.sleep(60)
        assert len(values_of(server)) == 60
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


@pytest.mark.parametrize("status", [400, 409, 422, 500])
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
        await until(lambda: len(taken(server)) == 60, within=600)
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
        await until(lambda: len(taken(server)) == 2, within=HOUR)
        await windows_go_on(one, 1, 3)
        assert [names for names, _ in rejected(tmp_path / "data.db")] == [["poison"]]

    delivering(tmp_path, scenario, strict=False)


def refusing_poison(number: int, request: Request) -> Outcome | None:
    """Answer as a server that refuses everything in which there is poison."""
    return answer(400, b"no such") if any(field["measurement"] == "poison" for field in told(request)) else None


@pytest.mark.parametrize("before", [1, 3, 8])
def test_a_server_that_takes_a_part_and_then_refuses_everything_for_half_a_day_proves_nothing(
    tmp_path: Path, before: int
) -> None:
    """However deep in a search it begins: what is refused then is refused with all the rest."""

    async def scenario(one: Box, server: CentralServer) -> None:
        loop = asyncio.get_running_loop()
        seen = Seen()

        def moody(number: int, request: Request) -> Outcome | None:
            if number > before and loop.time() < seen.at[0] + 12 * HOUR:
                return answer(400, b"out of order")
            return refusing_poison(number, request)

        seen.outcome = moody
        server.script("fields", seen)
        await window(one, 0, [*map(known, KEYS[:15]), series("poison", device="sensor")])
        one.start()
        await windows_go_on(one, 1, 12)
        assert rejected(tmp_path / "data.db") == []
        await windows_go_on(one, 100, 5)
        await asyncio.sleep(60)
        assert len(values_of(server)) == 15
        assert [names for names, _ in rejected(tmp_path / "data.db")] == [["poison"]]

    delivering(tmp_path, scenario, strict=False)


def test_an_item_that_is_refused_while_others_are_taken_is_set_aside_alone(tmp_path: Path) -> None:
    """Also where it has no neighbours in its window, as after it was queued again."""

    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=refusing_poison))
        await window(one, 0, [series("poison", device="sensor")])
        await window(one, 1, [known("m0")])
        one.start()
        await windows_go_on(one, 2, 2.5)
        await until(lambda: one.health.rejected == 1, within=60)
        assert len(rejected(tmp_path / "data.db")) == 1
        await until(lambda: one.health.backlog == 0, within=60)
        await until(lambda: one.health.troubles.current() == [], within=60)

    delivering(tmp_path, scenario, strict=False)


def test_a_delivery_of_which_nothing_is_taken_is_no_trouble_of_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line when it begins, one when it ends; everything else arrives meanwhile."""

    async def scenario(one: Box, server: CentralServer) -> None:
        mended = False

        def refusing(number: int, request: Request) -> Outcome | None:
            bad = any(field["measurement"] != "sensor/m0" for field in told(request))
            return answer(400, b"too old") if bad and not mended else None

        server.script("fields", Seen(outcome=refusing))
        one.start()
        for number in range(20):
            await window(one, number, map(known, KEYS[1:6]) if number == 1 else [known("m0")])
            if number != 1:
                await until(lambda number=number: len(taken(server)) >= number, within=HOUR)  # type: ignore[misc]
            await asyncio.sleep(HOUR / 10)
        assert rejected(tmp_path / "data.db") == []
        mended = True
        await until(lambda: not one.health.troubles.current(), within=HOUR)

    with caplog.at_level("INFO", logger="inviseobox"):
        delivering(tmp_path, scenario, strict=False)
    lines = [record.getMessage() for record in caplog.records if "deliveries" in record.getMessage()]
    assert [line.partition(":")[2].split()[0] for line in lines] == ["the", "the"], lines
    assert "too old" in lines[0]
    assert [record.getMessage() for record in caplog.records if record.getMessage().startswith("server")] == []


def test_a_measurement_whose_values_are_refused_is_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=refusing_poison))
        listed = web_device("http://192.0.2.34/", ["poison"])
        listed["name"] = "Sonde"
        listed["measurements"][0] |= {"_id": "poison", "name": "Hygrom\u00e9trie"}
        one.devices.adopt(entries.listed(listed))
        one.start()
        for number in range(12):
            await window(one, number, [known("m0"), known("m1"), series("poison", device="sensor")])
            await until(lambda number=number: len(taken(server)) == 2 * number + 2, within=HOUR)  # type: ignore[misc]
            await asyncio.sleep(HOUR / 2)
        assert len(rejected(tmp_path / "data.db")) >= 4

    with caplog.at_level("ERROR", logger="inviseobox"):
        delivering(tmp_path, scenario, strict=False)
    (line,) = [record.getMessage() for record in caplog.records if "refused a value" in record.getMessage()]
    assert "Sonde, Hygrom\u00e9trie" in line
    assert "no such" in line


def test_rejected_values_that_cannot_be_read_end_nothing(tmp_path: Path) -> None:
    path = tmp_path / "data.db"

    async def rejecting(one: Box, server: CentralServer) -> None:
        server.script("fields", Seen(outcome=refusing_poison))
        await window(one, 0, [known("m0"), series("poison", device="sensor")])
        one.start()
        await windows_go_on(one, 1, 3)
        assert len(rejected(path)) == 1

    async def offering(one: Box, server: CentralServer) -> None:
        size, pages = pages_in_use(path)
        damage(path, Random(1), [page for page, name in pages if name == "rejected_to_offer"], size)  # noqa: S311
        one.start()
        await until(lambda: one.is_at_work() and bool(one.health.troubles.current()), within=26 * HOUR)
        assert [trouble.kind for trouble in one.health.troubles.current()] == [events.BUFFER]
        # The next window goes into a fresh file, and arrives.
        end = await window(one, 2000, [known("m0")])
        await until(lambda: one.is_at_work() and end in server.window_ends(["sensor/m0"]), within=HOUR)

    delivering(tmp_path, rejecting, strict=False)
    delivering(tmp_path, offering, strict=False)


def test_a_rejected_value_is_offered_once_a_day_for_a_week_without_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        seen = Seen(outcome=refusing_poison)
        server.script("fields", seen)
        await window(one, 0, [known("m0"), series("poison", device="sensor")])
        one.start()
        await windows_go_on(one, 1, 3)
        assert len(rejected(tmp_path / "data.db")) == 1
        caplog.clear()
        for _ in range(10):
            await asyncio.sleep(24 * HOUR)
        offers = [at for at, names in zip(seen.at, seen.measurements(), strict=True) if names == ["poison"]][-7:]
        pauses = [later - earlier for earlier, later in pairwise(offers)]
        assert all(24 * HOUR - 60 <= pause <= 26 * HOUR for pause in pauses)
        assert seen.at[-1] == offers[-1]
        assert loop_time() - offers[-1] > 2 * 24 * HOUR, "no more than seven"
        assert caplog.records == []

    with caplog.at_level("INFO", logger="inviseobox"):
        delivering(tmp_path, scenario, strict=False)


def test_a_rejected_value_that_the_server_takes_after_all_is_gone(tmp_path: Path) -> None:
    async def scenario(one: Box, server: CentralServer) -> None:
        def refusing(number: int, request: Request) -> Outcome | None:
            bad = any(field["measurement"] == "sensor/m5" for field in told(request))
            return answer(400, b"not today") if bad else None

        seen = Seen(outcome=refusing)
        server.script("fields", seen)
        await window(one, 0, [known("m0"), known("m5")])
        one.start()
        await windows_go_on(one, 1, 3)
        assert len(rejected(tmp_path / "data.db")) == 1
        seen.outcome = lambda number, request: None
        await asyncio.sleep(26 * HOUR)
        assert rejected(tmp_path / "data.db") == []
        assert len(values_of(server)) == 2

    delivering(tmp_path, scenario)


def loop_time() -> float:
    return asyncio.get_running_loop().time()
