"""A measurement that is read in one way, then in another, and back: nothing that its meter moved is counted twice."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from inviseobox.records import Aggregate, Series
from tests.support.buffers import dating, opened, read, reports, series
from tests.support.entries import listed, modbus_device, web_device

from .minutes import MINUTE, START, end

ENERGY = series("energy", Aggregate.DIFF)
OTHER = replace(ENERGY, fingerprint="another address")


async def differences(path: Path, *windows: list[tuple[Series, float | None]]) -> list[Decimal]:
    """Read these values in consecutive windows; return the differences that are reported."""
    async with opened(path) as buffer:
        for number, readings in enumerate(windows):
            for one, value in readings:
                read(buffer, START + MINUTE * number, MINUTE, one, value)
            await buffer.commit()
            await buffer.seal(dating(end(number)))
        found = await reports(buffer)
        return [Decimal(found[key]["diff"]) for key in sorted(found)]


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ([[(ENERGY, 100.0), (ENERGY, 110.0)], [(OTHER, 115.0), (OTHER, 125.0)], [(ENERGY, 130.0), (ENERGY, 150.0)]],
         [10, 10, 20]),
        ([[(ENERGY, 100.0), (ENERGY, 110.0), (OTHER, 115.0), (OTHER, 125.0), (ENERGY, 130.0), (ENERGY, 150.0)]],
         [40]),
        ([[(ENERGY, 100.0)], [(OTHER, None), (OTHER, None)], [(ENERGY, 150.0)]], [0, 50]),
        ([[(ENERGY, 100.0), (OTHER, None), (ENERGY, 110.0)], [(OTHER, None)], [(ENERGY, 150.0)]], [10, 40]),
        ([[(ENERGY, 100.0)], [(OTHER, 120.0), (ENERGY, 130.0), (OTHER, 150.0)], [(OTHER, 160.0)]], [0, 0, 10]),
    ],
    ids=["between windows", "inside a window", "failed reads only", "failed reads beside good ones", "back and forth"],
)  # fmt: skip
def test_a_good_reading_in_another_way_ends_the_older_baseline(
    tmp_path: Path, windows: list[list[tuple[Series, float | None]]], told: list[int]
) -> None:
    assert asyncio.run(differences(tmp_path / "data.db", *windows)) == told


def ways(**parameters: Any) -> Series:
    """Return the series of one register that is described so."""
    (one,) = listed(modbus_device(502, {1: [0]}, count=2, **parameters)).measurements
    return one.series


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ways(value_class="FLOAT32"), ways(value_class="UINT32")),
        (ways(value_class="FLOAT32"), ways(value_class="FLOAT32", byte_order="1-0-3-2")),
        (ways(value_class="FLOAT32"), ways(value_class="FLOAT32", register="0x04")),
    ],
)
def test_another_class_order_or_function_is_another_way(first: Series, second: Series) -> None:
    assert first.fingerprint != second.fingerprint


def test_another_url_is_another_way() -> None:
    (one,), (other,) = (listed(web_device(f"http://192.0.2.34/{page}", ["t"])).measurements for page in "ab")
    assert one.series.fingerprint != other.series.fingerprint


def test_synonyms_of_a_class_are_one_way() -> None:
    names = ("FLOAT32", "SINGLE", "REAL", "UNIXTIMEF32", "single")
    found = [ways(value_class=name) for name in names]
    assert len({one.fingerprint for one in found}) == 1
    assert {len(one.synonyms) for one in found} == {3}
    assert found[0].fingerprint not in found[0].synonyms


def test_a_baseline_that_lies_under_a_synonym_is_carried_on(tmp_path: Path) -> None:
    """An earlier version had a fingerprint for each name of a class, and writes to its own after a roll-back."""
    path = tmp_path / "data.db"
    old = replace(ENERGY, fingerprint="single")
    new = replace(ENERGY, fingerprint="float32", synonyms=("single", "real"))

    async def one_window(number: int, one: Series, value: float) -> list[str]:
        async with opened(path) as buffer:
            read(buffer, START + MINUTE * number, MINUTE, one, value)
            await buffer.commit()
            await buffer.seal(dating(end(number)))
            return [found["diff"] for found in (await reports(buffer)).values()]

    assert asyncio.run(one_window(0, old, 100.0)) == ["0"]
    assert asyncio.run(one_window(1, new, 110.0)) == ["10"]
    # As the earlier version does.
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE series SET baseline = 130.0 WHERE fingerprint = 'single'")
    assert asyncio.run(one_window(2, new, 140.0)) == ["10"]
    assert asyncio.run(one_window(3, new, 145.0)) == ["5"]


def test_readings_of_a_window_in_which_a_class_is_renamed_are_one_segment(tmp_path: Path) -> None:
    old = replace(ENERGY, fingerprint="single")
    new = replace(ENERGY, fingerprint="float32", synonyms=("single",))
    told = asyncio.run(differences(tmp_path / "data.db", [(old, 100.0)], [(old, 110.0), (new, 125.0)], [(new, 126.0)]))
    assert told == [0, 25, 1]
