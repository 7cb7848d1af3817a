"""The value in a sensor's page."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.http_sensor import read_value
from inviseobox.errors import UnusableValue

PAGE = json.loads(
    '{"hum1": 63.5, "text": " 63.5 ", "on": true, "nested": {"a": [1, 2]}, "comma": "21,5", "none": null}'
)


@pytest.mark.parametrize(("key", "value"), [("hum1", 63.5), ("text", 63.5), ("on", 1.0), ("nested.a.1", 2.0)])
def test_a_value_of_a_page_is_read_by_its_key(key: str, value: float) -> None:
    assert read_value(PAGE, key) == value


@pytest.mark.parametrize("key", ["missing", "nested", "nested.a", "nested.a.2", "comma", "none"])
def test_a_key_without_a_usable_value_is_named(key: str) -> None:
    with pytest.raises(UnusableValue, match=key):
        read_value(PAGE, key)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def read(page: object, key: str) -> float | str:
    """Return the value, or what the error says if the page has no such value."""
    try:
        return read_value(page, key)
    except UnusableValue as error:
        return str(error)


@given(JSON, st.sampled_from(["a", "b", "a.b", "a.0", "0"]) | st.text(st.characters(), min_size=1))
def test_any_page_gives_a_finite_number_or_one_harmless_line(page: object, key: str) -> None:
    outcome = read(page, key)
    assert outcome.isprintable() if isinstance(outcome, str) else math.isfinite(outcome)


@pytest.mark.parametrize("key", ["a\nSTOPPING=1", "a\x1b[31m", "\ud800", pytest.param("x" * 100_000, id="long")])
def test_a_hostile_key_is_named_harmlessly(key: str) -> None:
    with pytest.raises(UnusableValue) as caught:
        read_value({}, key)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["\x1c5", "5\x1d", "\x1e5\x1f"])
def test_separators_around_a_number_are_no_crash(text: str) -> None:
    outcome = read({"a": text}, "a")
    assert outcome.isprintable() if isinstance(outcome, str) else outcome == 5.0
