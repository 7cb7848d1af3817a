"""Units that are silent, busy or confused: nobody else pays for them."""

import asyncio
import logging
import random
from collections import Counter

import pytest

from inviseobox import events
from inviseobox.acquisition.polling import poll
from tests.support import virtual_time

from .benches import SETTINGS, Bench, Fault, one_round
from .frames import Asked


def test_a_silent_unit_is_no_trouble_for_the_others_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        bench = Bench({unit: [0, 1, 2, 100] for unit in range(1, 11)})
        async with bench.listening(), bench.rounds() as rounds:
            await one_round(rounds)
            assert bench.bad() == set()
            bench.silent = {4}
            for _ in range(60):
                began = loop.time()
                await one_round(rounds)
                assert bench.bad() == {f"4/{address}" for address in (0, 1, 2, 100)}
                assert loop.time() - began < 3.5 * SETTINGS.timeout
                await asyncio.sleep(began + SETTINGS.period - loop.time())
            bench.silent = set()
            began = loop.time()
            while True:
                await one_round(rounds)
                if not bench.bad():
                    break
                await asyncio.sleep(SETTINGS.period)
            assert loop.time() - began <= 60
            assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
            assert "unit 4" in caplog.messages[0]
            assert "unit 4" in caplog.messages[1]
            told = events.DEVICE("no answer", link=rounds.name, unit="4", device="meter", device_id="meter")
            assert vars(caplog.records[0]).items() >= told.begins.items()
            assert vars(caplog.records[1]).items() >= told.ends.items()

    virtual_time.run(scenario())


def test_a_single_lost_answer_costs_no_reading() -> None:
    """Silence is asked about once more, at once."""

    async def scenario() -> None:
        bench = Bench({1: [0, 50], 2: [0, 50], 3: [7]})
        lost: set[tuple[int, int]] = set()

        async def losing(asked: Asked, response: bytes) -> bytes | None:
            if (asked.unit, asked.address) not in lost:
                lost.add((asked.unit, asked.address))
                return None
            return response

        bench.fault = losing
        async with bench.listening(), bench.rounds() as rounds:
            await one_round(rounds)
            assert bench.bad() == set()
            assert len(lost) == 5

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [5, 6])
def test_a_busy_unit_is_asked_again(code: int) -> None:
    async def scenario() -> None:
        bench = Bench({1: [0], 2: [0]})
        seen: list[int] = []

        async def busy(asked: Asked, response: bytes) -> bytes | None:
            seen.append(asked.unit)
            return bytes([asked.function | 0x80, code]) if seen.count(asked.unit) == 1 else response

        bench.fault = busy
        async with bench.listening(), bench.rounds() as rounds:
            await one_round(rounds)
            assert bench.bad() == set()

    virtual_time.run(scenario())


@pytest.mark.parametrize("code", [10, 11])
def test_a_gateway_that_finds_a_unit_silent_is_not_silent_itself(code: int) -> None:
    async def scenario() -> None:
        bench = Bench({1: [0], 2: [0], 3: [0]})

        async def unreachable(asked: Asked, response: bytes) -> bytes | None:
            return bytes([asked.function | 0x80, code]) if asked.unit == 2 else response

        bench.fault = unreachable
        async with bench.listening(), bench.rounds() as rounds:
            for _ in range(5):
                await one_round(rounds)
                assert bench.bad() == {"2/0"}
                await asyncio.sleep(10)
            bench.fault = None
            await asyncio.sleep(30)
            await one_round(rounds)
            assert bench.bad() == set()

    virtual_time.run(scenario())


def test_a_gateway_that_never_answers_costs_each_unit_three_time_outs_a_round() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        bench = Bench({unit: [0, 100] for unit in range(1, 6)})
        bench.silent = set(bench.units)
        async with bench.listening(), bench.rounds() as rounds:
            began = loop.time()
            await one_round(rounds)
            assert len(bench.bad()) == 10
            # Once it is tried for longer whether the fresh connection wants time before it answers.
            assert loop.time() - began <= 5 * 3 * SETTINGS.timeout + 5

    virtual_time.run(scenario())


EXCEPTIONS = (1, 2, 3, 4, 5, 6, 8, 10, 11, 99)


def misbehaving(dice: random.Random) -> Fault:
    """Return a bus on which most answers are right."""

    async def silent(asked: Asked, response: bytes) -> bytes | None:
        return None

    async def refusing(asked: Asked, response: bytes) -> bytes | None:
        return bytes([asked.function | 0x80, dice.choice(EXCEPTIONS)])

    async def short(asked: Asked, response: bytes) -> bytes | None:
        return response[:-2]

    async def straying(asked: Asked, response: bytes) -> bytes | None:
        return bytes([4]) + response[1:]

    async def hanging_up(asked: Asked, response: bytes) -> bytes | None:
        raise ConnectionResetError

    async def babbling(asked: Asked, response: bytes) -> bytes | None:
        return dice.randbytes(dice.randrange(1, 20))

    async def slow(asked: Asked, response: bytes) -> bytes | None:
        await asyncio.sleep(dice.uniform(0, 2.5))
        return response

    async def right_answer(asked: Asked, response: bytes) -> bytes | None:
        return response

    kinds = [silent, silent, refusing, short, straying, hanging_up, babbling, slow, *[right_answer] * 4]

    async def one_of_them(asked: Asked, response: bytes) -> bytes | None:
        return await dice.choice(kinds)(asked, response)

    return one_of_them


@pytest.mark.parametrize("seed", range(6))
def test_every_round_has_one_reading_of_each_measurement_and_no_wrong_one_whatever_the_bus_does(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311

    async def scenario() -> None:
        bench = Bench({unit: [0, 1, 2, 9, 10, 60, 61, 199] for unit in (1, 2, 3)}, missing={(1, 1), (2, 60), (3, 5)})

        bench.fault = misbehaving(dice)
        async with bench.listening(), bench.rounds() as rounds:
            for _ in range(25):
                await one_round(rounds)
                bench.bad()
                await asyncio.sleep(10)
            # And once it behaves again, nothing stays behind but what it really lacks.
            bench.fault = None
            await asyncio.sleep(700)
            for _ in range(3):
                await one_round(rounds)
                bad = bench.bad()
                await asyncio.sleep(31)
            assert bad == {"1/1", "2/60"}

    virtual_time.run(scenario())


def test_rounds_keep_their_schedule_while_a_unit_is_silent() -> None:
    """Ten units, one of them dead: over ten minutes of 10 s the nine others keep 95 % of their readings."""

    async def scenario() -> None:
        bench = Bench({unit: [0, 1] for unit in range(1, 11)})
        bench.silent = {5}
        async with bench.listening(), bench.rounds() as rounds:
            task = asyncio.ensure_future(poll(rounds, 10, bench.health))
            await asyncio.sleep(595)
            task.cancel()
            await asyncio.wait([task])
        good = Counter(reading.series.measurement for reading in bench.readings if reading.value is not None)
        assert all(good[f"{unit}/0"] >= 57 for unit in range(1, 11) if unit != 5), good

    virtual_time.run(scenario())
