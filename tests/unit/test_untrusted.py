"""Texts and numbers that others sent."""

import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inviseobox.untrusted import MAX_TEXT, clean_text, number, pick, shown, whole_number

ANY_TEXT = st.text(st.characters())  # with surrogates, which JSON can hold
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("untrusted", "clean"),
    [
        ("Compteur général n° 5", "Compteur général n° 5"),
        ("  spaces around  ", "spaces around"),
        ("two\nlines", "two\ufffdlines"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("half a pair \ud83d", "half a pair \ufffd"),
        ("turned \u202e round", "turned \ufffd round"),
        ("<b>markup & more</b>", "<b>markup & more</b>"),
        pytest.param("x" * 201, "x" * 200, id="long"),
        (5, ""),
        (None, ""),
        (["x"], ""),
    ],
)
def test_clean_text_replaces_what_is_not_printable(untrusted: object, clean: str) -> None:
    assert clean_text(untrusted) == clean


@pytest.mark.parametrize("space", ["\u00a0", "\u202f"])
def test_the_spaces_of_french_typography_are_no_control_characters(space: str) -> None:
    assert "\ufffd" not in clean_text(f"Température{space}: 5{space}°C")


@given(ANYTHING)
def test_clean_text_is_one_short_printable_line_that_utf8_can_hold(untrusted: object) -> None:
    clean = clean_text(untrusted)
    assert len(clean) <= MAX_TEXT
    assert len(clean.splitlines()) <= 1
    assert not any(mark < " " or mark == "\x7f" for mark in clean)
    clean.encode("utf-8")


@given(ANYTHING)
@example(10**4000)
@example("\n" * 1000)
def test_shown_is_short_printable_ascii(untrusted: object) -> None:
    text = shown(untrusted)
    assert 0 < len(text) <= 60
    assert text.isascii()
    assert text.isprintable()


def test_shown_names_small_values_as_they_are() -> None:
    assert shown("n/a") == "'n/a'"
    assert shown(52) == "52"
    assert shown(None) == "None"


@pytest.mark.parametrize(
    ("untrusted", "read"),
    [
        (52, 52),
        ("52", 52),
        (" 52 ", 52),
        ("0x34", 52),
        ("0X34", 52),
        ("-3", -3),
        (52.0, 52),
        (2**70, 2**70),
        (52.5, None),
        ("52.5", None),
        ("", None),
        ("0x", None),
        ("x", None),
        (None, None),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        (1e300, None),
        ([52], None),
        ({"a": 1}, None),
        pytest.param("9" * 5000, None, id="long"),
        ("\u0665\u0662", None),
    ],
)
def test_whole_number_reads_numbers_and_texts(untrusted: object, read: int | None) -> None:
    assert whole_number(untrusted) == read


@pytest.mark.parametrize("untrusted", ["5_2", "0x3_4"])
def test_whole_number_takes_no_digits_apart(untrusted: str) -> None:
    assert whole_number(untrusted) is None


@pytest.mark.parametrize(
    ("untrusted", "read"),
    [
        (63.5, 63.5),
        (63, 63.0),
        ("63.5", 63.5),
        (" 63.5\n", 63.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("+1e3", 1000.0),
        (True, 1.0),
        (False, 0.0),
        pytest.param(10**400, None, id="huge"),
        pytest.param(-(10**400), None, id="-huge"),
        (1e308 * 10, None),
        (math.nan, None),
        ("1e999", None),
        ("nan", None),
        ("inf", None),
        ("Infinity", None),
        ("n/a", None),
        ("21,5", None),
        ("1_000", None),
        ("0x34", None),
        ("", None),
        ("63.5 %", None),
        ("\u0665", None),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_number_reads_numbers_and_texts(untrusted: object, read: float | None) -> None:
    assert number(untrusted) == read


@given(ANYTHING)
@example("\x1c5")
@example("5\x1f")
@example("\u20285")
def test_number_gives_a_finite_number_or_none(untrusted: object) -> None:
    read = number(untrusted)
    assert read is None or math.isfinite(read)


@given(ANYTHING)
def test_whole_number_gives_a_whole_number_or_none(untrusted: object) -> None:
    read = whole_number(untrusted)
    assert read is None or (type(read) is int)


PAGE = json.loads('{"hum1": 63.5, "a.b": 1, "a": {"b": 2, "c": [10, {"d": 20}]}, "": 3, "n": null, "0": 4}')


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("hum1", 63.5),
        ("a.b", 1),  # the top-level key of that name comes first
        ("a.c.0", 10),
        ("a.c.1.d", 20),
        ("0", 4),
        ("", 3),
        ("n", None),
        ("missing", None),
        ("a.c.2", None),
        ("a.c.-1", None),
        ("a.c.+1", None),
        ("a.c.\u0660", None),
        ("a.c.99999999999999999999", None),
        ("a.c.1_0", None),
        ("hum1.x", None),
        ("a.", None),
        (".a", None),
    ],
)
def test_pick_finds_a_key_or_a_path_of_keys(key: str, found: object) -> None:
    assert pick(PAGE, key) == found


def test_pick_steps_into_a_list_at_the_top() -> None:
    assert pick([5, [6, 7]], "1.0") == 6


@given(ANYTHING, ANY_TEXT)
def test_pick_never_fails(document: object, key: str) -> None:
    pick(document, key)
