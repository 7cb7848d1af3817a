"""All values of an answer at once are what they are one by one."""

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.devices.answer_decoder import AnswerDecoder
from inviseobox.devices.register_codec import VALUE_CLASSES, ByteOrder
from inviseobox.devices.registers import FunctionCode, Span
from inviseobox.devices.sources import RegisterSource
from inviseobox.errors import UnusableValue

START = 100
WORDS = st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x7FC0, 0x7F80, 0x0A5B]) | st.integers(0, 0xFFFF)


@st.composite
def sources(draw: st.DrawFn) -> list[RegisterSource]:
    """Return sources that may touch, overlap and be equal, of all classes and orders."""
    found = []
    for _ in range(draw(st.integers(1, 8))):
        value_class = VALUE_CLASSES[draw(st.sampled_from(sorted(VALUE_CLASSES)))]
        count = value_class.width + draw(st.integers(0, 2))
        span = Span(1, FunctionCode.HOLDING_REGISTERS, START + draw(st.integers(0, 20)), count)
        invalid = frozenset(draw(st.lists(st.integers(0, 3), max_size=2)))
        found.append(RegisterSource(span, value_class, draw(st.sampled_from(list(ByteOrder))), invalid))
    return found


def one_by_one(source: RegisterSource, registers: list[int]) -> tuple[Any, str | None]:
    own = registers[source.span.address - START : source.span.end - START]
    try:
        return source.value(own), source.likely_mark(own)
    except UnusableValue as error:
        return str(error), None


@given(sources(), st.lists(WORDS, min_size=30, max_size=30))
def test_an_answer_gives_each_source_the_value_that_it_would_have_alone(
    wanted: list[RegisterSource], registers: list[int]
) -> None:
    decoder = AnswerDecoder(START, wanted)
    values, problems = decoder.values(registers)
    marks = dict(decoder.likely_marks(registers, values))
    for place, (source, value) in enumerate(zip(wanted, values, strict=True)):
        right, mark = one_by_one(source, registers)
        assert (str(problems[place]) if place in problems else value) == right
        assert marks.get(place) == mark
        assert math.isfinite(value) == (place not in problems)


@given(st.lists(st.integers(0, 1), min_size=16, max_size=16), st.lists(st.integers(0, 15), min_size=1, max_size=4))
def test_bits_are_values_too(bits: list[int], addresses: list[int]) -> None:
    boolean = VALUE_CLASSES["BOOLEAN"]
    wanted = [RegisterSource(Span(1, FunctionCode.COILS, at, 1), boolean, ByteOrder.DCBA) for at in addresses]
    values, problems = AnswerDecoder(0, wanted).values(bits)
    assert (list(values), problems) == ([float(bits[at]) for at in addresses], {})
