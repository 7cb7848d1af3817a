"""A unit whose answers are lost again and again: what is kept of that is bounded."""

import random
import tracemalloc
from collections.abc import Sized

from inviseobox.acquisition.attempt import Answer
from inviseobox.acquisition.modbus_units import units_of
from inviseobox.acquisition.unit_plan import UnitPlan, over
from inviseobox.acquisition.unit_round import attempts
from inviseobox.configuration import ModbusSettings
from inviseobox.devices.link_content import by_link
from inviseobox.devices.registers import FunctionCode, Span
from tests.support.entries import listed, modbus_device

PERIOD = 10
SPANS = 30
MOST = 500
"""Entries of all that a plan may hold of so many spans, of which 465 different runs can be read."""


def entries(plan: UnitPlan) -> int:
    return sum(len(held) for held in vars(plan).values() if isinstance(held, Sized))


def lossy_round(plan: UnitPlan, now: float, dice: random.Random, lost: float, *, was_silent: bool) -> bool:
    """Do a round in which a share of the answers is `lost`; return whether the unit answered."""
    work = attempts(plan, now, was_silent=was_silent)
    try:
        attempt = next(work)
        while True:
            is_read = attempt is None or any(dice.random() >= lost for _ in range(attempt.tries))
            attempt = work.send(Answer.READ if is_read else Answer.SILENT)
    except StopIteration as end:
        return bool(end.value)


def test_a_plan_grows_with_what_is_wanted_and_not_with_what_was_lost() -> None:
    wanted = frozenset(Span(1, FunctionCode.INPUT_REGISTERS, address, 1) for address in range(SPANS))
    plan = UnitPlan(wanted, 8, 10, has_numbers=False)
    dice = random.Random(10)  # noqa: S311
    answers = True
    for number in range(2000):
        answers = lossy_round(plan, number * PERIOD, dice, dice.choice([0.15, 0.3]), was_silent=not answers)
        assert entries(plan) <= MOST
    assert plan.good == wanted


def test_of_many_different_reads_only_some_are_kept() -> None:
    addresses = range(120)
    spans = [Span(1, FunctionCode.INPUT_REGISTERS, address, 1) for address in addresses]
    plan = UnitPlan(frozenset(spans), 8, 125)
    for first in addresses:
        for last in addresses[first:]:
            read = over(spans[first : last + 1])
            plan.note_read(read)
            plan.probe(other_than=read)
    assert entries(plan) <= 800


def test_thirty_units_whose_answers_are_lost_take_a_few_megabytes() -> None:
    """What is kept of one that was read in a thousand different pieces, as it is within a day of 15 % loss."""
    addresses = range(100)
    (content,) = by_link(listed(modbus_device(502, {1: [*addresses]})))
    (unit,) = units_of(content.name, content.measurements, ModbusSettings())
    spans = sorted(unit.plan.wanted)
    pieces = [spans[first:last] for first in addresses for last in range(first + 1, len(spans) + 1)]
    random.Random(1).shuffle(pieces)  # noqa: S311
    tracemalloc.start()
    try:
        for piece in pieces[:1000]:
            read = over(piece)
            unit.begin_round()
            assert set(unit.readings(read, [7] * len(piece)).values) == {7.0}
            unit.plan.note_read(read)
            unit.plan.probe(other_than=read)
            if tracemalloc.get_traced_memory()[0] > 500_000:
                raise AssertionError(f"{tracemalloc.get_traced_memory()[0]} bytes")
    finally:
        tracemalloc.stop()
