"""Texts and numbers that others sent."""

import json
import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inviseobox.untrusted import MAX_TEXT, NOT_SHOWN, clean_text, number, pick, shown, shown_url, whole_number

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
    ("untrusted", "text"),
    [
        (["http://u:pw@h/"], "[...]"),
        ({"apikey": "pw"}, "{...}"),
        ([], "[]"),
        ({}, "{}"),
        pytest.param([[]] * 10_000_000, "[...]", id="long"),
        ("http://u:pw@192.0.2.7:80/page?apikey=pw#pw", "'http://192.0.2.7:80/page'"),
        ("u:pw@192.0.2.7", NOT_SHOWN),
        ("192.0.2.7/page?apikey=pw", NOT_SHOWN),
        ("192.0.2.7?pw", NOT_SHOWN),
        ("?apikey=pw", NOT_SHOWN),
        ("ftp://u:pw@192.0.2.7/", NOT_SHOWN),
        ("n/a", "'n/a'"),
        ("n/a?", "'n/a?'"),
        ("#N/A", "'#N/A'"),
        ("21,5 °C", r"'21,5 \xb0C'"),
    ],
)
def test_shown_tells_nothing_that_a_url_may_hide(untrusted: object, text: str) -> None:
    assert shown(untrusted) == text


def test_shown_of_a_long_text_full_of_marks_takes_no_time() -> None:
    began = time.process_time()
    for text in ("? " * 5_000_000, "?" * 10_000_000, "a?" * 5_000_000, "/ " * 5_000_000, "x" * 16_000_000):
        shown(text)
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://192.0.2.34/", "http://192.0.2.34/"),
        ("http://192.0.2.34", "http://192.0.2.34"),
        ("https://Sensor.example:8443/a/b.json", "https://sensor.example:8443/a/b.json"),
        ("http://user:pw@192.0.2.34/page", "http://192.0.2.34/page"),
        ("http://user@192.0.2.34/page", "http://192.0.2.34/page"),
        ("http://us@er:p@w@192.0.2.34/page", "http://192.0.2.34/page"),
        ("http://192.0.2.34/page?apikey=pw", "http://192.0.2.34/page"),
        ("http://192.0.2.34?apikey=pw", "http://192.0.2.34"),
        ("http://192.0.2.34/page#pw", "http://192.0.2.34/page"),
        ("http://[2001:db8::7]:80/", "http://[2001:db8::7]:80/"),
        ("http://192.0.2.34/\nSTATUS=\u202e", "http://192.0.2.34/STATUS=\ufffd"),
        ("http://user:p/w@192.0.2.34/", NOT_SHOWN),
        ("http://user:1/w@192.0.2.34/", NOT_SHOWN),
        ("http://user:p?w@192.0.2.34/", NOT_SHOWN),
        ("user:pw@192.0.2.34/", NOT_SHOWN),
        ("192.0.2.34/?apikey=pw", NOT_SHOWN),
        ("ftp://user:pw@192.0.2.34/", NOT_SHOWN),
        ("http://user:pw@[::1/", NOT_SHOWN),
        ("http://user:pw@", NOT_SHOWN),
        ("http://", NOT_SHOWN),
        ("", NOT_SHOWN),
        pytest.param("http://192.0.2.34/" + "x" * 1000, "http://192.0.2.34/" + "x" * 182, id="long"),
        pytest.param("http://" + "x" * 5000 + ":pw@192.0.2.34/", NOT_SHOWN, id="too long"),
    ],
)
def test_shown_url_is_origin_and_path(url: str, text: str) -> None:
    assert shown_url(url) == text


HIDDEN = "S3CRET"
HOSTS = st.sampled_from(["192.0.2.34", "sensor.example", "[2001:db8::7]", "h:8080"])
BEFORE_HOST = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, blacklist_characters="/?#[]"), max_size=8)
BEHIND_HOST = st.text(st.characters(min_codepoint=32), max_size=8)


@given(
    scheme=st.sampled_from(["http://", "https://", "HTTP://", "ftp://", "//", ""]),
    user=st.none() | st.tuples(BEFORE_HOST, BEFORE_HOST),
    host=HOSTS,
    path=st.sampled_from(["", "/", "/page", "/a/b.json"]),
    query=st.none() | st.tuples(BEHIND_HOST, BEHIND_HOST),
    fragment=st.none() | st.tuples(BEHIND_HOST, BEHIND_HOST),
)
def test_shown_and_shown_url_tell_no_secret_of_a_url(
    scheme: str,
    user: tuple[str, str] | None,
    host: str,
    path: str,
    query: tuple[str, str] | None,
    fragment: tuple[str, str] | None,
) -> None:
    url = scheme + (HIDDEN.join(user) + "@" if user else "") + host + path
    url += ("?" + HIDDEN.join(query) if query else "") + ("#" + HIDDEN.join(fragment) if fragment else "")
    for text in (shown_url(url), shown(url), shown({"url": url})):
        assert HIDDEN.lower() not in text.lower()


@given(ANY_TEXT | st.builds("http://{}".format, ANY_TEXT))
@example("http://h/" + "\n" * 1000)
@example("http://\uff0f@h/")
def test_shown_url_is_one_short_printable_line(url: str) -> None:
    text = shown_url(url)
    assert 0 < len(text) <= MAX_TEXT
    assert text.isprintable()


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
