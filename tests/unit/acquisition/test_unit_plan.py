"""What a unit's refusals teach, with model devices that refuse in the ways that real ones do."""

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_plan import ISOLATED_RETRY, SHORTENED_TIME, Attempt, UnitPlan
from inviseobox.devices.registers import FunctionCode, Span

from .fewest_requests import fewest_requests

LIMIT = 12
GAP = 4
INPUT = FunctionCode.INPUT_REGISTERS


def registers(address: int, count: int) -> Span:
    return Span(1, INPUT, address, count)


@dataclass
class Device:
    """Refuses what touches a hole, and what is longer than it likes."""

    holes: frozenset[int] = frozenset()
    longest: int = 125
    asked: list[Attempt] = field(default_factory=list)

    def accepts(self, first: int, end: int) -> bool:
        return end - first <= self.longest and not self.holes & set(range(first, end))

    def answer(self, attempt: Attempt) -> bool:
        self.asked.append(attempt)
        return self.accepts(attempt.request.span.address, attempt.request.span.end)

    def has(self, span: Span) -> bool:
        return self.accepts(span.address, span.end)


@dataclass
class Round:
    """What came of one round."""

    read: list[Span]
    attempts: int
    refused: list[Request]


def do_round(plan: UnitPlan, device: Device, now: float = 0, *, attempts: int | None = None) -> Round:
    """Do a round; break it off after so many attempts, as silence does."""
    done = Round([], 0, [])
    learning = plan.attempts(now)
    attempt = next(learning, None)
    while attempt is not None and (attempts is None or done.attempts < attempts):
        check_request(attempt.request, plan)
        done.attempts += 1
        accepted = device.answer(attempt)
        if not accepted:
            done.refused.append(attempt.request)
        elif attempt.counts:
            done.read.extend(attempt.request.wanted)
        try:
            attempt = learning.send(accepted)
        except StopIteration:
            attempt = None
    learning.close()
    return done


def check_request(request: Request, plan: UnitPlan) -> None:
    assert set(request.wanted) <= plan.wanted
    assert request.span.address == min(span.address for span in request.wanted)
    assert request.span.end == max(span.end for span in request.wanted)
    assert request.span.count <= LIMIT


def taught(wanted: frozenset[Span], device: Device, now: float = 0) -> tuple[UnitPlan, Round]:
    """Let a plan learn until a round teaches nothing new; return it with that last round."""
    plan = UnitPlan(wanted, GAP, LIMIT)
    for _ in range(12):
        last = do_round(plan, device, now)
        if not last.refused:
            return plan, last
    raise AssertionError("it never stops asking for what is refused")


def built(steps: list[tuple[int, int]]) -> frozenset[Span]:
    """Build disjoint spans from the unused registers before each and its length."""
    spans = []
    address = 0
    for unused, count in steps:
        spans.append(registers(address + unused, count))
        address += unused + count
    return frozenset(spans)


DISJOINT = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 6]), st.sampled_from([1, 2, 2, 4])), min_size=1, max_size=8)
OVERLAPPING = st.frozensets(st.builds(registers, st.integers(0, 30), st.integers(1, 4)), min_size=1, max_size=10)
ANY = DISJOINT.map(built) | OVERLAPPING
HOLES = st.frozensets(st.integers(0, 40), max_size=6)
DEVICES = st.builds(Device, HOLES) | st.builds(Device, st.just(frozenset()), st.integers(4, 12)) | st.builds(
    Device, HOLES, st.integers(4, 12)
)  # fmt: skip


@given(ANY, DEVICES)
def test_each_span_that_can_be_read_is_read_once_in_every_round_and_the_others_are_isolated(
    wanted: frozenset[Span], device: Device
) -> None:
    plan = UnitPlan(wanted, GAP, LIMIT)
    readable = sorted(span for span in wanted if device.has(span))
    for _ in range(6):
        assert sorted(do_round(plan, device).read) == readable
        assert set(plan.isolated) == wanted - set(readable)


@given(ANY, DEVICES)
def test_a_read_known_to_be_refused_is_not_asked_again(wanted: frozenset[Span], device: Device) -> None:
    plan, last = taught(wanted, device)
    assert last.attempts == len(plan.requests())
    assert do_round(plan, device).attempts == len(plan.requests())


@given(DISJOINT.map(built), HOLES)
def test_no_grouping_takes_fewer_requests_than_a_plan_that_has_learned(
    wanted: frozenset[Span], holes: frozenset[int]
) -> None:
    device = Device(holes)
    _, last = taught(wanted, device)
    readable = [span for span in wanted if device.has(span)]
    assert last.attempts == fewest_requests(readable, GAP, lambda span: LIMIT, device.accepts)


@given(DISJOINT.map(built), HOLES)
def test_learning_costs_few_requests(wanted: frozenset[Span], holes: frozenset[int]) -> None:
    device = Device(holes)
    taught(wanted, device)
    bad = len(holes) + 1
    # Each bad place is found by halving: so many attempts for each halving of so many spans, and the rounds after it.
    assert len(device.asked) <= 4 * (len(wanted) + bad * (len(wanted).bit_length() + 1))


@given(ANY, DEVICES, st.lists(st.integers(0, 12), max_size=4))
def test_rounds_that_are_broken_off_leave_a_plan_that_reads_all(
    wanted: frozenset[Span], device: Device, broken_off: list[int]
) -> None:
    plan = UnitPlan(wanted, GAP, LIMIT)
    for attempts in broken_off:
        do_round(plan, device, attempts=attempts)
    readable = sorted(span for span in wanted if device.has(span))
    for _ in range(4):
        assert sorted(do_round(plan, device).read) == readable
        assert set(plan.isolated) == wanted - set(readable)


@given(DISJOINT.map(built), DEVICES, st.lists(st.booleans(), min_size=1, max_size=40))
def test_answers_that_teach_nothing_lose_no_measurement_for_good(
    wanted: frozenset[Span], device: Device, busy: list[bool]
) -> None:
    plan = UnitPlan(wanted, GAP, LIMIT)
    learning = plan.attempts(0)
    attempt = next(learning, None)
    for is_busy in itertools.chain(busy, itertools.repeat(False)):
        if attempt is None:
            break
        try:
            attempt = learning.send(None if is_busy else device.answer(attempt))
        except StopIteration:
            attempt = None
    readable = sorted(span for span in wanted if device.has(span))
    assert set(plan.isolated) <= wanted - set(readable)
    assert sorted(do_round(plan, device).read) == readable


@given(DISJOINT.map(built), HOLES)
def test_isolated_registers_are_tried_again_after_ten_minutes_and_taken_back(
    wanted: frozenset[Span], holes: frozenset[int]
) -> None:
    assert ISOLATED_RETRY == 600
    device = Device(holes)
    plan, _ = taught(wanted, device, now=1000)
    isolated = sorted(plan.isolated)

    assert do_round(plan, device, 1599.9).refused == []
    still_bad = do_round(plan, device, 1600)
    assert [request.wanted for request in still_bad.refused] == [(span,) for span in isolated]
    assert do_round(plan, device, 2199.9).refused == []

    device.holes = frozenset()
    healed = do_round(plan, device, 2200)
    assert sorted(healed.read) == sorted(wanted)
    assert plan.isolated == {}
    assert sorted(do_round(plan, device, 2210).read) == sorted(wanted)


def test_an_isolated_register_is_never_bridged() -> None:
    wanted = frozenset(registers(address, 2) for address in (0, 2, 4))
    device = Device(holes=frozenset({3}))
    plan, _ = taught(wanted, device)
    assert [request.span for request in plan.requests()] == [registers(0, 2), registers(4, 2)]


def test_a_register_that_is_isolated_beforehand_is_not_bridged_either() -> None:
    first, bad, last = (registers(address, 2) for address in (0, 2, 4))
    plan = UnitPlan(frozenset([first, bad, last]), GAP, LIMIT, isolated={bad: 600.0})
    assert [request.span for request in plan.requests()] == [first, last]


def test_a_gap_is_suspected_before_the_measurements() -> None:
    wanted = frozenset(registers(address, 1) for address in (0, 2, 3, 4, 5, 6, 7, 8))
    device = Device(holes=frozenset({1}))
    assert do_round(UnitPlan(wanted, GAP, LIMIT), device).attempts == 3


def test_a_hole_between_measurements_is_found_and_the_rest_stays_merged() -> None:
    wanted = frozenset(registers(address, 2) for address in (0, 2, 6, 8))
    plan, _ = taught(wanted, Device(holes=frozenset({5})))
    assert [request.span for request in plan.requests()] == [registers(0, 4), registers(6, 4)]


def test_refusals_of_one_function_code_do_not_touch_another() -> None:
    coils = frozenset(Span(1, FunctionCode.COILS, address, 1) for address in range(0, 40, 4))
    inputs = frozenset(registers(address, 2) for address in (0, 2, 6, 8))
    plan = UnitPlan(coils | inputs, GAP, LIMIT)
    device = Device(holes=frozenset({5}))

    def answer(attempt: Attempt) -> bool:
        span = attempt.request.span
        return span.function is FunctionCode.COILS or device.accepts(span.address, span.end)

    learning = plan.attempts(0)
    attempt = next(learning, None)
    while attempt is not None:
        try:
            attempt = learning.send(answer(attempt))
        except StopIteration:
            attempt = None
    requests = [request.span for request in plan.requests()]
    assert requests == [Span(1, FunctionCode.COILS, 0, 37), registers(0, 4), registers(6, 4)]


def test_the_shortest_read_is_of_a_span_that_is_not_isolated() -> None:
    plan = UnitPlan(frozenset([registers(0, 4), registers(10, 1), registers(20, 2)]), GAP, LIMIT)
    assert plan.shortest().span == registers(10, 1)
    plan.isolated[registers(10, 1)] = 600.0
    assert plan.shortest().span == registers(20, 2)
    only = UnitPlan(frozenset([registers(10, 1)]), GAP, LIMIT, isolated={registers(10, 1): 600.0})
    assert only.shortest().span == registers(10, 1)


def neighbours(count: int, function: FunctionCode = INPUT, width: int = 1) -> frozenset[Span]:
    return frozenset(Span(1, function, address, width) for address in range(0, width * count, width))


@pytest.mark.parametrize("count", [5, 8, 9, 16, 60, 124, 125])
def test_a_read_that_gets_no_answer_is_halved_until_four_registers(count: int) -> None:
    plan = UnitPlan(neighbours(250), GAP, 125)
    longest = count
    while longest > 4:
        plan.shorten(registers(0, longest), 0)
        shorter = max(request.span.count for request in plan.requests())
        assert shorter <= max(4, longest // 2)
        longest = shorter
    assert longest == 4
    plan.shorten(registers(0, 4), 0)
    assert max(request.span.count for request in plan.requests()) == 4


def test_a_limit_of_the_configuration_holds_beside_one_that_was_learned() -> None:
    plan = UnitPlan(neighbours(100), GAP, 10, shortened=60)
    assert max(request.span.count for request in plan.requests()) == 10


def test_every_value_can_still_be_read_when_reads_are_shortest() -> None:
    plan = UnitPlan(neighbours(10, width=4), GAP, 125)
    for _ in range(10):
        plan.shorten(plan.requests()[0].span, 0)
    assert [request.span.count for request in plan.requests()] == [4] * 10


@pytest.mark.parametrize("count", [10, 64, 65, 100, 1000, 1999, 2000, 4000])
def test_a_read_of_bits_that_gets_no_answer_is_shortened_too(count: int) -> None:
    plan = UnitPlan(neighbours(count, FunctionCode.COILS), GAP, 125)
    silent = plan.requests()[0].span
    plan.shorten(silent, 0)
    assert max(request.span.count for request in plan.requests()) <= max(64, silent.count // 2)


def test_long_reads_are_tried_again_after_an_hour() -> None:
    plan = UnitPlan(neighbours(60), GAP, 125)
    plan.shorten(registers(0, 60), 1000)
    assert [request.span.count for request in plan.requests()] == [30, 30]
    assert next(plan.attempts(1000 + SHORTENED_TIME - 1)).request.span.count == 30
    assert next(plan.attempts(1000 + SHORTENED_TIME)).request.span.count == 60
