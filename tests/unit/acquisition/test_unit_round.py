"""What a unit's answers teach, with model devices that misbehave in the ways that real ones do."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from inviseobox.acquisition.attempt import Answer, Attempt
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.retry import LATER, Retry
from inviseobox.acquisition.unit_plan import UnitPlan, alone, registers_of
from inviseobox.acquisition.unit_round import Attempts, attempts
from inviseobox.devices.registers import FunctionCode, Span

from .fewest_requests import fewest_requests

LIMIT = 12
GAP = 4
INPUT = FunctionCode.INPUT_REGISTERS


def registers(address: int, count: int) -> Span:
    return Span(1, INPUT, address, count)


@dataclass
class Device:
    """Answers what touches a hole, and what is longer than it likes, with one of `instead` after the other."""

    holes: frozenset[int] = frozenset()
    longest: int = 125
    instead: tuple[Answer, ...] = (Answer.REFUSED,)
    asked: list[Attempt] = field(default_factory=list)

    def accepts(self, first: int, end: int) -> bool:
        return end - first <= self.longest and not self.holes & set(range(first, end))

    def answer(self, attempt: Attempt) -> Answer:
        self.asked.append(attempt)
        span = attempt.request.span
        bad = self.instead[len(self.asked) % len(self.instead)]
        return Answer.READ if self.accepts(span.address, span.end) else bad

    def has(self, span: Span) -> bool:
        return self.accepts(span.address, span.end)


@dataclass
class Round:
    """What came of one round."""

    read: list[Span]
    attempts: int
    refused: list[Request]
    waits: int
    """How many time-outs it took."""
    is_answering: bool | None


def do_round(
    plan: UnitPlan,
    device: Callable[[Attempt], Answer],
    now: float = 0,
    *,
    broken_off: int | None = None,
    was_silent: bool = False,
) -> Round:
    """Do a round; break it off after so many attempts, as a port that goes away does."""
    done = Round([], 0, [], 0, None)
    work = attempts(plan, now, was_silent=was_silent)
    try:
        attempt = next(work)
        while broken_off is None or done.attempts < broken_off:
            if attempt is None:
                attempt = next(work)
                continue
            check_request(attempt.request, plan)
            done.attempts += 1
            answer = device(attempt)
            if answer is Answer.READ:
                done.read += [span for span in attempt.request.wanted if span not in done.read]
            else:
                done.refused.append(attempt.request)
            done.waits += attempt.tries * (not answer.is_valid)
            attempt = work.send(answer)
    except StopIteration as end:
        done.is_answering = end.value
    work.close()
    return done


def check_request(request: Request, plan: UnitPlan) -> None:
    assert set(request.wanted) <= plan.wanted | set(plan.least.values())
    assert request.span.address == min(span.address for span in request.wanted)
    assert request.span.end == max(span.end for span in request.wanted)
    assert registers_of(request.span) <= LIMIT


def taught(wanted: frozenset[Span], device: Device, now: float = 0) -> tuple[UnitPlan, Round]:
    """Let a plan learn until a round teaches nothing new; return it with that last round."""
    plan = UnitPlan(wanted, GAP, LIMIT)
    for _ in range(12):
        last = do_round(plan, device.answer, now)
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
        assert sorted(do_round(plan, device.answer).read) == readable
        assert set(plan.isolated) == wanted - set(readable)


@given(ANY, DEVICES)
def test_a_read_known_to_be_refused_is_not_asked_again(wanted: frozenset[Span], device: Device) -> None:
    plan, last = taught(wanted, device)
    assert last.attempts == len(plan.requests())
    assert do_round(plan, device.answer).attempts == len(plan.requests())


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
    for number in broken_off:
        do_round(plan, device.answer, broken_off=number)
    readable = sorted(span for span in wanted if device.has(span))
    for _ in range(4):
        assert sorted(do_round(plan, device.answer).read) == readable
        assert set(plan.isolated) == wanted - set(readable)


@given(DISJOINT.map(built), DEVICES, st.lists(st.booleans(), min_size=1, max_size=40))
def test_a_unit_that_is_busy_now_and_then_loses_no_measurement_for_good(
    wanted: frozenset[Span], device: Device, busy: list[bool]
) -> None:
    plan = UnitPlan(wanted, GAP, LIMIT)
    moods = iter(busy)
    do_round(plan, lambda attempt: Answer.BUSY if next(moods, False) else device.answer(attempt))
    readable = sorted(span for span in wanted if device.has(span))
    for now in (LATER, 2 * LATER):
        last = do_round(plan, device.answer, now)
    assert sorted(last.read) == readable


@given(DISJOINT.map(built), HOLES)
def test_isolated_registers_are_tried_again_after_ten_minutes_and_taken_back(
    wanted: frozenset[Span], holes: frozenset[int]
) -> None:
    assert LATER == 600
    device = Device(holes)
    plan, _ = taught(wanted, device, now=1000)
    isolated = sorted(plan.isolated)
    assume(plan.isolated.keys() < wanted)

    def refused_alone(now: float) -> list[Span]:
        return [one.wanted[0] for one in do_round(plan, device.answer, now).refused if one.wanted[0] in isolated]

    assert refused_alone(1599.9) == []
    assert refused_alone(1600) == isolated
    assert refused_alone(2199.9) == []

    device.holes = frozenset()
    assert sorted(do_round(plan, device.answer, 2200).read) == sorted(wanted)
    assert plan.isolated == {}
    assert sorted(do_round(plan, device.answer, 2210).read) == sorted(wanted)


def test_an_isolated_register_is_never_bridged() -> None:
    wanted = frozenset(registers(address, 2) for address in (0, 2, 4))
    device = Device(holes=frozenset({3}))
    plan, _ = taught(wanted, device)
    assert [request.span for request in plan.requests()] == [registers(0, 2), registers(4, 2)]


def test_a_register_that_is_isolated_beforehand_is_not_bridged_either() -> None:
    first, bad, last = (registers(address, 2) for address in (0, 2, 4))
    plan = UnitPlan(frozenset([first, bad, last]), GAP, LIMIT, isolated={bad: Retry(600, 600)})
    assert [request.span for request in plan.requests()] == [first, last]


def test_a_gap_is_suspected_before_the_measurements() -> None:
    wanted = frozenset(registers(address, 1) for address in (0, 2, 3, 4, 5, 6, 7, 8))
    device = Device(holes=frozenset({1}))
    assert do_round(UnitPlan(wanted, GAP, LIMIT), device.answer).attempts == 3


def test_a_hole_between_measurements_is_found_and_the_rest_stays_merged() -> None:
    wanted = frozenset(registers(address, 2) for address in (0, 2, 6, 8))
    plan, _ = taught(wanted, Device(holes=frozenset({5})))
    assert [request.span for request in plan.requests()] == [registers(0, 4), registers(6, 4)]


def test_refusals_of_one_function_code_do_not_touch_another() -> None:
    coils = frozenset(Span(1, FunctionCode.COILS, address, 1) for address in range(0, 40, 4))
    inputs = frozenset(registers(address, 2) for address in (0, 2, 6, 8))
    plan = UnitPlan(coils | inputs, GAP, LIMIT)
    device = Device(holes=frozenset({5}))

    def answer(attempt: Attempt) -> Answer:
        return Answer.READ if attempt.request.span.function is FunctionCode.COILS else device.answer(attempt)

    do_round(plan, answer)
    requests = [request.span for request in plan.requests()]
    assert requests == [Span(1, FunctionCode.COILS, 0, 37), registers(0, 4), registers(6, 4)]


FAULTS = st.lists(st.sampled_from([one for one in Answer if one is not Answer.READ]), min_size=1, max_size=3).map(tuple)


@given(DISJOINT.map(built), HOLES, st.sampled_from([4, 6, 125]), FAULTS, st.booleans())
def test_whatever_a_unit_does_with_some_reads_the_others_are_read(
    wanted: frozenset[Span], holes: frozenset[int], longest: int, instead: tuple[Answer, ...], has_numbers: bool
) -> None:
    """An hour of rounds: 90 % of the readings, twice the requests of the best plan, and few time-outs."""
    device = Device(holes, longest, instead)
    readable = [span for span in wanted if device.has(span)]
    plan = UnitPlan(wanted, GAP, LIMIT, has_numbers=has_numbers)
    is_silent = False
    read = dict.fromkeys(readable, 0)
    waits = 0
    for number in range(360):
        done = do_round(plan, device.answer, 10.0 * number, was_silent=is_silent)
        is_silent = not done.is_answering
        waits += done.waits
        for span in done.read:
            read[span] += 1
    if readable:
        assert min(read.values()) >= 0.9 * 360
        best = fewest_requests(readable, GAP, lambda span: LIMIT, device.accepts)
        assert len(device.asked) <= 2 * 360 * best
        assert waits <= 0.05 * 3600


def neighbours(count: int, function: FunctionCode = INPUT, width: int = 1) -> frozenset[Span]:
    return frozenset(Span(1, function, address, width) for address in range(0, width * count, width))


@pytest.mark.parametrize("instead", [Answer.SILENT, Answer.ODD, Answer.FAILED])
@pytest.mark.parametrize("longest", [4, 5, 30, 60, 100])
def test_a_unit_that_takes_no_long_reads_gets_shorter_ones(longest: int, instead: Answer) -> None:
    plan = UnitPlan(neighbours(120), GAP, 125)
    device = Device(longest=longest, instead=(instead,))

    rounds(plan, device.answer, [10.0 * number for number in range(20)])
    assert plan.shortened is not None
    assert longest / 2 <= plan.shortened <= longest
    assert plan.cuts == {}


def rounds(plan: UnitPlan, answer: Callable[[Attempt], Answer], starts: list[float]) -> list[list[Attempt]]:
    """Do rounds without a limit of length; return what was asked in each."""
    asked = []
    for start in starts:
        work = attempts(plan, start)
        asked.append(list(_driven(work, answer)))
    return asked


def _driven(work: Attempts, answer: Callable[[Attempt], Answer]) -> Iterator[Attempt]:
    try:
        attempt = next(work)
        while True:
            if attempt is None:
                attempt = next(work)
            else:
                yield attempt
                attempt = work.send(answer(attempt))
    except StopIteration:
        return


def test_a_longer_read_is_tried_after_the_good_reads_and_less_and_less_often() -> None:
    plan = UnitPlan(neighbours(60), GAP, 125, shortened=30)
    device = Device(longest=30, instead=(Answer.SILENT,))
    starts = [10.0 * number for number in range(8640)]
    asked = rounds(plan, device.answer, starts)
    trials = [start for start, one in zip(starts, asked, strict=True) if len(one) > 2]
    assert len(trials) <= 12, "a day"
    assert trials[0] <= 70
    for one in asked:
        assert [attempt.request.span.count for attempt in one[:2]] == [30, 30]
        assert [attempt.tries for attempt in one[2:]] in ([], [1])


def test_a_longer_read_that_is_answered_again_is_used_again() -> None:
    plan = UnitPlan(neighbours(120), GAP, 125, shortened=15)
    *_, last = rounds(plan, Device().answer, [10.0 * number for number in range(60)])
    assert [attempt.request.span.count for attempt in last] == [120]


def test_a_limit_of_the_configuration_holds_beside_one_that_was_learned() -> None:
    plan = UnitPlan(neighbours(100), GAP, 10, shortened=60)
    assert max(request.span.count for request in plan.requests()) == 10


@pytest.mark.parametrize("count", [64, 100, 1000, 1999])
def test_reads_of_bits_are_shortened_too(count: int) -> None:
    plan = UnitPlan(neighbours(count, FunctionCode.COILS), GAP, 125)
    device = Device(longest=max(64, count // 3), instead=(Answer.SILENT,))
    for number in range(8):
        rounds(plan, device.answer, [10.0 * number])
    assert all(device.has(request.span) for request in plan.requests())


def test_what_once_gave_values_is_asked_in_the_next_round_and_then_after_growing_pauses() -> None:
    plan = UnitPlan(frozenset([registers(0, 2)]), GAP, LIMIT)
    device = Device()
    do_round(plan, device.answer, 0)
    device.holes = frozenset({0})
    starts = [10.0 * number for number in range(1, 361)]
    asked = rounds(plan, device.answer, starts)
    tried = [start for start, one in zip(starts, asked, strict=True) if one]
    assert tried[:5] == [10, 20, 30, 50, 90]
    assert all(later - earlier <= 610 for earlier, later in pairwise(tried))


@given(st.integers(1, 60))
def test_an_outage_costs_at_most_twice_its_own_time(length: int) -> None:
    wanted = neighbours(20)
    plan = UnitPlan(wanted, GAP, 125)
    device = Device()
    do_round_without_limit = rounds(plan, device.answer, [0])
    assert len(do_round_without_limit[0]) == 1
    device.holes = frozenset(range(20))
    rounds(plan, device.answer, [10.0 * number for number in range(1, length + 1)])
    device.holes = frozenset()
    rounds(plan, device.answer, [10.0 * number for number in range(length + 1, 2 * length + 4)])
    assert plan.isolated == {}
    *_, last = rounds(plan, device.answer, [20.0 * length + 10.0 * number for number in range(4, 20)])
    assert len(last) == 1, "one read again"


def test_a_single_refusal_of_what_is_read_well_costs_no_reading() -> None:
    plan = UnitPlan(neighbours(12), GAP, LIMIT)
    do_round(plan, Device().answer, 0)
    moods = iter([Answer.REFUSED])
    done = do_round(plan, lambda attempt: next(moods, Answer.READ), 10)
    assert sorted(done.read) == sorted(plan.wanted)
    assert do_round(plan, Device().answer, 80).attempts == 3, (
        "the last time in two parts, with the trial of both together"
    )
    assert do_round(plan, Device().answer, 90).attempts == 1


def test_what_was_busy_is_asked_again_after_the_other_units_with_growing_pauses() -> None:
    plan = UnitPlan(frozenset([registers(0, 1), registers(50, 1)]), GAP, LIMIT)
    work = attempts(plan, 0)
    first = next(work)
    assert first is not None
    assert (first.request.span.address, first.pause) == (0, 0)
    second = work.send(Answer.BUSY)
    assert second is not None
    assert second.request.span.address == 50
    assert work.send(Answer.BUSY) is None, "now the other units"
    asked = []
    attempt = next(work)
    for answer in (Answer.BUSY, Answer.BUSY, Answer.READ, Answer.READ):
        assert attempt is not None
        asked.append((attempt.request.span.address, attempt.pause))
        try:
            attempt = work.send(answer)
        except StopIteration:
            break
    assert asked == [(0, 0), (0, 0.2), (0, 0.4), (50, 0)]


def test_a_unit_that_is_always_busy_is_not_waited_for_again() -> None:
    plan = UnitPlan(frozenset([registers(0, 1), registers(50, 1)]), GAP, LIMIT)
    first, second = rounds(plan, lambda attempt: Answer.BUSY, [0, 10])
    assert sum(attempt.pause for attempt in first) > 1
    assert sum(attempt.pause for attempt in second) == 0
    assert plan.isolated == {}, "nothing shows that it is about these registers"


@pytest.mark.parametrize("instead", [one for one in Answer if one is not Answer.READ])
def test_the_least_part_is_read_where_the_whole_count_gives_nothing(instead: Answer) -> None:
    whole, least, other = registers(0, 2), registers(0, 1), registers(50, 1)
    plan = UnitPlan(frozenset([whole, other]), GAP, LIMIT, {whole: least})
    device = Device(holes=frozenset({1}), instead=(instead,))
    done = do_round(plan, device.answer)
    assert least in done.read
    assert plan.wanted == {least, other}
    again = do_round(plan, device.answer, 10)
    assert again.refused == []
    assert set(again.read) == {least, other}


def test_a_count_that_the_unit_wants_is_kept() -> None:
    whole, least = registers(0, 2), registers(0, 1)
    plan = UnitPlan(frozenset([whole]), GAP, LIMIT, {whole: least})
    done = do_round(plan, lambda attempt: Answer.READ if attempt.request.span.count == 2 else Answer.REFUSED)
    assert (done.read, done.attempts) == ([whole], 1)


@given(DISJOINT.map(built), st.integers(2, 40))
def test_a_dead_unit_costs_three_time_outs_and_then_one_each_time_it_is_asked_and_each_span_has_its_turn(
    wanted: frozenset[Span], number: int
) -> None:
    plan = UnitPlan(wanted, GAP, LIMIT)
    first = do_round(plan, lambda attempt: Answer.SILENT)
    assert first.is_answering is False
    assert first.waits <= 3
    probed = []
    for again in range(len(wanted)):
        done = do_round(plan, lambda attempt: Answer.SILENT, 30.0 * again, was_silent=True)
        assert (done.is_answering, done.waits) == (False, 1)
        probed += done.refused
    assert {request.wanted for request in probed} == {(span,) for span in wanted}
    back = do_round(plan, Device().answer, 30.0 * (len(wanted) + 1), was_silent=True)
    assert back.is_answering
    assert set(back.read) == wanted


def test_the_lowest_register_that_is_silent_alone_costs_only_itself() -> None:
    wanted = frozenset([registers(10, 1), registers(100, 1), registers(300, 1)])
    plan = UnitPlan(wanted, GAP, LIMIT)
    device = Device(holes=frozenset({10}), instead=(Answer.SILENT,))
    others = set(wanted) - {registers(10, 1)}
    assert set(do_round(plan, device.answer).read) == others
    second = do_round(plan, device.answer, 10)
    assert set(second.read) == others
    assert second.refused == [alone(registers(10, 1))], "once more, after the others"
    assert do_round(plan, device.answer, 14).waits == 0


@pytest.mark.parametrize("starts_at", [8, 40, 200])
def test_a_unit_that_refuses_everything_until_it_has_started_is_read_soon_after(starts_at: int) -> None:
    wanted = frozenset([registers(10, 1), registers(48, 1), registers(52, 2), registers(300, 1)])
    plan = UnitPlan(wanted, GAP, LIMIT)
    requests = 0
    read_at = None
    for now in range(0, 600, 4):
        done = do_round(plan, Device().answer if now >= starts_at else lambda _: Answer.REFUSED, now)
        requests += done.attempts if now < starts_at else 0
        if set(done.read) == wanted:
            read_at = now
            break
    assert read_at is not None
    assert read_at <= 2 * starts_at + 10
    assert requests < 20


@dataclass
class DeafDevice:
    """Answers no read of `bad`, and for so many seconds after such a read nothing at all; a time-out takes one."""

    bad: int
    deaf_for: float
    now: float = 0.0
    deaf_until: float = 0.0

    def answer(self, attempt: Attempt) -> Answer:
        span = attempt.request.span
        for _ in range(attempt.tries):
            if self.now >= self.deaf_until:
                if not span.address <= self.bad < span.end:
                    return Answer.READ
                self.deaf_until = self.now + self.deaf_for
            self.now += 1
        return Answer.SILENT


@pytest.mark.parametrize("deaf_for", [0.0, 1.5, 2.5, 3.5])
@pytest.mark.parametrize("bad", [10, 48, 52, 54, 300, 302])
def test_a_read_that_makes_a_unit_deaf_for_a_while_costs_only_itself(bad: int, deaf_for: float) -> None:
    wanted = frozenset(registers(address, 1) for address in (10, 48, 52, 54, 300, 302))
    plan = UnitPlan(wanted, GAP, LIMIT)
    device = DeafDevice(bad, deaf_for)
    was_silent = False
    rounds: list[set[Span]] = []
    for start in range(0, 3600, 10):
        device.now = max(device.now, float(start))
        done = do_round(plan, device.answer, device.now, was_silent=was_silent)
        was_silent = not done.is_answering
        rounds.append(set(done.read))
    for span in wanted - {registers(bad, 1)}:
        assert sum(span in read for read in rounds) >= 0.9 * len(rounds), span
    assert set(plan.isolated) == {registers(bad, 1)}


@pytest.mark.parametrize("instead", [Answer.ODD, Answer.SILENT])
def test_the_question_whether_a_unit_lives_is_not_about_a_part_of_what_failed(instead: Answer) -> None:
    wanted = frozenset(registers(address, 1) for address in (48, 52, 54, 300))
    for bad in (48, 52, 54):
        plan = UnitPlan(wanted, GAP, LIMIT)
        done = do_round(plan, Device(holes=frozenset({bad}), instead=(instead,)).answer)
        assert done.is_answering
        assert registers(300, 1) in done.read


def test_without_numbers_a_late_answer_to_what_failed_cannot_be_taken_for_the_next_one() -> None:
    """The read that follows a silence has another length, where any has, and silent reads do not follow each other."""
    wanted = frozenset(registers(address, 1) for address in (0, 50, 51, 100, 101, 102))
    plan = UnitPlan(wanted, GAP, LIMIT, has_numbers=False)
    asked: list[tuple[Request, Answer]] = []

    def answer(attempt: Attempt) -> Answer:
        found = Answer.SILENT if attempt.request.span.address == 0 else Answer.READ
        asked.append((attempt.request, found))
        return found

    for now in range(0, 600, 10):
        do_round(plan, answer, now)
    after = [later for (_, found), (later, _) in pairwise(asked) if found is Answer.SILENT]
    assert after
    assert all(request.span.count != 1 or request.span.address == 0 for request in after)
