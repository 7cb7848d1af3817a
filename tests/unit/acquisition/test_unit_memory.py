"""What was learned of devices, over restarts."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.attempt import Answer, Attempt
from inviseobox.acquisition.unit_memory import UnitMemory
from inviseobox.acquisition.unit_plan import UnitPlan
from inviseobox.acquisition.unit_round import attempts
from inviseobox.devices.registers import FunctionCode, Span

SPANS = tuple(Span(1, FunctionCode.HOLDING_REGISTERS, address, 2) for address in (0, 2, 6, 8))


def plan(*spans: Span) -> UnitPlan:
    return UnitPlan(frozenset(spans or SPANS), 8, 125)


def taught() -> UnitPlan:
    known = plan()
    known.cut(SPANS[2], 1000)
    known.isolate(SPANS[0], 1000, is_refused=True)
    known.shorten(8, 1000)
    return known


def after_restart(text: str) -> UnitMemory:
    memory = UnitMemory(lambda text: None)
    memory.load(text)
    return memory


def saved() -> str:
    texts: list[str] = []
    UnitMemory(texts.append).note("gateway:502 1", taught())
    return texts[-1]


def test_a_unit_is_remembered_over_a_restart() -> None:
    fresh = plan()
    after_restart(saved()).teach("gateway:502 1", fresh)
    assert fresh.requests() == taught().requests()
    assert set(fresh.cuts) == {SPANS[2]}
    assert set(fresh.isolated) == {SPANS[0]}
    assert fresh.shortened == 8


def test_isolated_registers_are_tried_again_at_once_after_a_restart_and_the_rest_after_a_minute() -> None:
    fresh = plan()
    after_restart(saved()).teach("gateway:502 1", fresh)
    asked = [attempt.request.wanted for attempt in read_all(fresh, 5000)]
    assert asked == [(SPANS[1],), SPANS[2:], (SPANS[0],)]
    assert [attempt.request.wanted for attempt in read_all(fresh, 5065)][:2] == [SPANS[:2], SPANS[2:]]
    assert [request.wanted for request in fresh.requests()] == [SPANS], "neither cut nor length is needed"


def read_all(plan: UnitPlan, now: float) -> list[Attempt]:
    """Do a round of a unit that gives all."""
    asked = []
    work = attempts(plan, now)
    try:
        attempt = next(work)
        while True:
            if attempt is not None:
                asked.append(attempt)
            attempt = work.send(Answer.READ)
    except StopIteration:
        return asked


def test_a_span_that_is_read_in_its_least_part_stays_so_over_a_restart() -> None:
    whole, least = Span(1, FunctionCode.HOLDING_REGISTERS, 20, 4), Span(1, FunctionCode.HOLDING_REGISTERS, 20, 2)
    texts: list[str] = []
    narrowed, fresh = (UnitPlan(frozenset([whole]), 8, 125, {whole: least}) for _ in range(2))
    narrowed.narrow(whole)
    UnitMemory(texts.append).note("u", narrowed)
    after_restart(texts[-1]).teach("u", fresh)
    assert fresh.wanted == {least}


@pytest.mark.parametrize("name", ["gateway:502 2", "other:502 1"])
def test_knowledge_of_a_unit_teaches_another_unit_nothing(name: str) -> None:
    fresh = plan()
    after_restart(saved()).teach(name, fresh)
    assert fresh == plan()


def test_knowledge_of_a_unit_is_void_for_other_measurements() -> None:
    fresh = plan(*SPANS[:3])
    after_restart(saved()).teach("gateway:502 1", fresh)
    assert fresh == plan(*SPANS[:3])


def test_only_changes_of_what_is_known_are_saved() -> None:
    texts: list[str] = []
    memory = UnitMemory(texts.append)
    memory.note("u", taught())
    memory.note("u", taught())
    assert len(texts) == 1
    memory.keep_only(["u"])
    assert len(texts) == 1
    memory.keep_only([])
    assert len(texts) == 2
    fresh = plan()
    after_restart(texts[-1]).teach("u", fresh)
    assert fresh == plan()


def test_of_a_unit_that_is_read_as_any_other_nothing_is_kept() -> None:
    """Of thousands of them, the text would be written anew with each."""
    texts: list[str] = []
    memory = UnitMemory(texts.append)
    memory.note("u", plan())
    assert texts == []
    memory.note("u", taught())
    memory.note("u", plan())
    assert json.loads(texts[-1]) == {}
    nothing: dict[str, object] = {"of": "", "cuts": [], "isolated": [], "narrowed": [], "shortened": None}
    again = UnitMemory(texts.append)
    again.load(json.dumps({"u": nothing}))
    again.note("u", plan())
    assert len(texts) == 2


def test_the_memory_of_a_unit_does_not_change_with_the_plan_it_came_from() -> None:
    texts: list[str] = []
    memory = UnitMemory(texts.append)
    unit = taught()
    memory.note("u", unit)
    unit.cut(SPANS[3], 0)
    memory.note("u", unit)
    assert len(texts) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["u", "of", "cuts"]), inner),
    max_leaves=6,
)


@given(st.text() | JSON.map(json.dumps))
def test_any_text_teaches_nothing_and_breaks_nothing(text: str) -> None:
    fresh = plan()
    memory = after_restart(text)
    memory.teach("u", fresh)
    assert fresh == plan()
    memory.keep_only(["u"])


@given(st.sampled_from([None, "of", "cuts", "isolated", "narrowed", "shortened"]), JSON)
def test_damaged_knowledge_breaks_nothing(key: str | None, value: object) -> None:
    """As after a change of the format, by an update or by one that was rolled back."""
    known = json.loads(saved())["gateway:502 1"]
    for damaged in ({name: known[name] for name in known if name != key}, known | {key or "new": value}):
        fresh = plan()
        after_restart(json.dumps({"u": damaged})).teach("u", fresh)
        assert {span for request in fresh.requests() for span in request.wanted} | set(fresh.isolated) == set(SPANS)


def test_a_text_that_is_nested_without_end_teaches_nothing() -> None:
    after_restart("[" * 100_000)
