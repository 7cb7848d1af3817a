"""The register plan, by its properties and against every other way to group."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.register_plan import Request, plan
from inviseobox.devices.registers import FunctionCode, Span

from .fewest_requests import fewest_requests, longest_gap

HOLDING = FunctionCode.HOLDING_REGISTERS


def registers(address: int, count: int, unit: int = 1, function: FunctionCode = HOLDING) -> Span:
    return Span(unit, function, address, count)


def spans(max_address: int, max_count: int, units: int = 2) -> st.SearchStrategy[Span]:
    return st.builds(
        Span,
        st.integers(1, units),
        st.sampled_from([FunctionCode.COILS, FunctionCode.HOLDING_REGISTERS, FunctionCode.INPUT_REGISTERS]),
        st.integers(0, max_address),
        st.integers(1, max_count),
    )


def limit_of(span: Span, max_registers: int) -> int:
    """Return the longest read, from the protocol: 125 registers or 2,000 bits, 16 of which fit a register."""
    return min(16 * max_registers, 2000) if span.function in (1, 2) else max_registers


@given(st.lists(spans(400, 12)), st.integers(4, 125), st.integers(0, 124))
def test_every_wanted_span_is_covered_by_exactly_one_request_within_the_limits(
    wanted: list[Span], max_registers: int, gap: int
) -> None:
    requests = plan(wanted, max_registers=max_registers, gap=gap)
    covered = [span for request in requests for span in request.wanted]
    assert sorted(covered) == sorted(set(wanted))
    for request in requests:
        asked = request.span
        for span in request.wanted:
            assert (span.unit, span.function) == (asked.unit, asked.function)
            assert asked.address <= span.address
            assert span.end <= asked.end
        # It asks for nothing beyond the outermost spans, and bridges no longer gap than it may.
        assert asked.address == min(span.address for span in request.wanted)
        assert asked.end == max(span.end for span in request.wanted)
        assert longest_gap(request.wanted) <= gap
        # Only a span that is too long by itself may be too long.
        assert asked.count <= limit_of(asked, max_registers) or asked in request.wanted


@given(
    st.lists(spans(24, 4), max_size=8) | st.lists(spans(40, 8, units=1), max_size=8),
    st.integers(8, 20),
    st.integers(0, 8),
)
def test_no_grouping_of_spans_takes_fewer_requests_than_the_plan(
    wanted: list[Span], max_registers: int, gap: int
) -> None:
    fewest = fewest_requests(wanted, gap, lambda span: limit_of(span, max_registers), lambda first, last: True)
    assert len(plan(wanted, max_registers=max_registers, gap=gap)) == fewest


@given(st.lists(spans(60, 6)), st.randoms(use_true_random=False))
def test_the_order_and_repeats_of_the_wanted_do_not_matter(wanted: list[Span], random: Random) -> None:
    mixed = wanted * 2
    random.shuffle(mixed)
    assert plan(mixed, gap=4) == plan(wanted, gap=4)


def test_a_plan_for_no_spans_has_no_requests() -> None:
    assert plan([]) == []


def test_neighbouring_spans_are_merged() -> None:
    first, second = registers(52, 2), registers(54, 2)
    assert plan([second, first]) == [Request(registers(52, 4), (first, second))]


def test_requests_keep_to_the_limits_of_the_protocol() -> None:
    assert [request.span.count for request in plan([registers(address, 1) for address in range(250)])] == [125, 125]
    bits = [registers(address, 1, function=FunctionCode.COILS) for address in range(4000)]
    assert [request.span.count for request in plan(bits)] == [2000, 2000]


def test_a_shorter_limit_holds_for_bits_in_proportion() -> None:
    bits = [registers(address, 1, function=FunctionCode.DISCRETE_INPUTS) for address in range(320)]
    assert [request.span.count for request in plan(bits, max_registers=10)] == [160, 160]


def test_a_gap_is_bridged_up_to_its_limit() -> None:
    wanted = [registers(0, 2), registers(10, 2)]
    assert [request.span for request in plan(wanted, gap=8)] == [registers(0, 12)]
    assert [request.span for request in plan(wanted, gap=7)] == wanted


def test_units_and_function_codes_are_not_mixed() -> None:
    wanted = [registers(0, 2), registers(2, 2, unit=2), registers(4, 2, function=FunctionCode.INPUT_REGISTERS)]
    assert {request.span for request in plan(wanted, gap=100)} == set(wanted)


def test_a_span_longer_than_the_limit_is_asked_alone_and_carries_what_lies_inside() -> None:
    long, inside, after = registers(0, 20), registers(5, 2), registers(20, 2)
    assert plan([long, inside, after], max_registers=4) == [
        Request(long, (long, inside)),
        Request(after, (after,)),
    ]


def test_spans_at_the_last_addresses_are_merged() -> None:
    assert [request.span for request in plan([registers(65_534, 2), registers(65_530, 1)], gap=8)] == [
        registers(65_530, 6)
    ]
