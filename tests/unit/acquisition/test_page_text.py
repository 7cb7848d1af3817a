"""What small sensors write in the place of JSON."""

import contextlib
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.http_sensor import read_value
from inviseobox.acquisition.page_text import parse_page
from inviseobox.errors import InvalidAnswer, UnusableValue

OTHERS = {"humidity": 41.2, "pressure": 1013.2}
# printf of glibc, newlib and two generations of Microsoft's, Arduino's print and dtostrf, Java, Go, JavaScript, Python.
WORDS = [
    "nan", "-nan", "NaN", "-NaN", "+NaN", "NAN", "-NAN", "nan(ind)", "-nan(ind)", "nan(snan)", "nan(0x8000000000000)",
    "nanq", "inf", "-inf", "+inf", "Inf", "+Inf", "-Inf", "INF", "-INF", "infinity", "Infinity", "-Infinity",
    "+Infinity", "INFINITY", "1.#IND", "-1.#IND", "-1.#IND00", "1.#INF", "-1.#INF", "1.#INF00", "1.#QNAN", "1.#QNAN0",
    "1.#SNAN", "-1.#J", "ovf", "-ovf", "undefined", "None", "NULL", "n/a", "N/A", "--", "---", "***", "err", "#REF!",
    "0x1F", "1e", "1.2.3", "°", "--5",
]  # fmt: skip


def page(word: str) -> bytes:
    return f'{{"temperature":{word},"humidity":41.2,"pressure":1013.2}}'.encode()


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("blank", ["", " ", "\r\n\t"])
def test_a_bare_word_costs_its_own_key_and_is_named(word: str, blank: str) -> None:
    document = parse_page(page(blank + word + blank))
    for key, value in OTHERS.items():
        assert read_value(document, key) == value
    with pytest.raises(UnusableValue, match=r"temperature is .*, not a number") as caught:
        read_value(document, "temperature")
    if "1.#" in word:
        word = "inf" if "INF" in word else "nan"
    if word.isascii():
        assert word.lstrip("+-").lower()[:3] in str(caught.value).lower()


@pytest.mark.parametrize("word", WORDS)
def test_a_bare_word_may_stand_anywhere_in_a_page(word: str) -> None:
    document = parse_page(f'{{"list":[{word},1,[{word}],{word}],"a":{{"b":{word}}},"c":7,"d":{word}}}'.encode())
    assert read_value(document, "c") == 7.0
    assert read_value(document, "list.1") == 1.0
    for key in ("list.0", "list.2.0", "list.3", "a.b", "d"):
        with pytest.raises(UnusableValue):
            read_value(document, key)
    assert parse_page(f"[{word}]".encode()) != []


@pytest.mark.parametrize("word", WORDS)
def test_a_word_inside_a_string_stays_there(word: str) -> None:
    text = f'a {word}, :{word},]}} \\ " {word}'
    document: Any = parse_page(b'{"t":nan,"name":%b,"key %b":5}' % (json.dumps(text).encode(), word.encode()))
    assert document["name"] == text
    assert document[f"key {word}"] == 5


@pytest.mark.parametrize(
    ("number", "value"),
    [("+21.5", 21.5), ("021.5", 21.5), ("-07", -7.0), (".5", 0.5), ("21.", 21.0), ("+1e2", 100.0), ("-.5E1", -5.0)],
)
def test_a_number_as_c_writes_it_is_one(number: str, value: float) -> None:
    assert read_value(parse_page(page(number)), "temperature") == value


@pytest.mark.parametrize("number", ["0", "-0", "21.5", "-1.5e-3", "1E5", "12345678901234567890"])
def test_a_number_beside_a_bare_word_is_what_it_is_alone(number: str) -> None:
    document = parse_page(f'{{"bad":nan,"temperature":{number}}}'.encode())
    assert read_value(document, "temperature") == float(number)


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 5000, "1e999", "9" * 5000 + ".5"])
@pytest.mark.parametrize("other", ["41.2", "nan"])
def test_a_number_beyond_all_bounds_costs_its_own_key_only(number: str, other: str) -> None:
    document = parse_page(f'{{"temperature":{number},"other":{other},"humidity":41.2}}'.encode())
    assert read_value(document, "humidity") == 41.2
    with pytest.raises(UnusableValue, match="not a number"):
        read_value(document, "temperature")


@pytest.mark.parametrize(
    ("text", "document"),
    [
        ('{"a":,"b":2}', {"a": None, "b": 2}),
        ('{"b":2,"a": \r\n}', {"b": 2, "a": None}),
        ('{"a":1,}', {"a": 1}),
        ('{"a":[1,2, ], }', {"a": [1, 2]}),
        ("{a: 1, b_2: true}", {"a": 1, "b_2": True}),
        ('{"a":"two\nlines\t\x00\x1f","b":2}', {"a": "two\nlines\t\x00\x1f", "b": 2}),
        ('{"a":nan,"b":"two\nlines"}', {"a": "nan", "b": "two\nlines"}),
    ],
)
def test_what_can_mean_one_thing_only_is_understood(text: str, document: object) -> None:
    assert parse_page(text.encode()) == document


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nan",
        "temp1=21.5",
        "21,5",
        '{"a":21,5}',
        '{"a":1 2}',
        '{"a":1 nan}',
        '{"a":21.5 C}',
        '{"a":1}{"a":2}',
        '{"a":1}nan',
        '{"a":1',
        '{"a',
        '{"a:21.5,"b":3}',
        '{"a"b:1}',
        "{'a b':1}",
        '{"a":1 // one\n}',
        '{"a":1 /* one */}',
        "[1,,2]",
        '{"a":1,,}',
        '{"a"}',
        "[1}",
        "<html><body>Temperature: 21.5</body></html>",
        pytest.param('{"a":' + "x" * 61 + "}", id="a long word"),
        pytest.param("[" + "x," * 1000 + "1]", id="1,000 words"),
    ],
)
def test_what_may_mean_something_else_is_no_json(text: str) -> None:
    with pytest.raises(InvalidAnswer, match="not JSON"):
        parse_page(text.encode())


NAMED = {"température": 21.5, "name": "Chambre extérieure °C"}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("tail", ["", "\r\n", "\0", "\0\0\r\n\0"])
def test_a_page_is_read_in_any_encoding(encoding: str, tail: str) -> None:
    text = json.dumps(NAMED, ensure_ascii=False) + tail
    assert parse_page(text.encode(encoding)) == NAMED
    bad = text.replace("21.5", "nan").encode(encoding)
    assert parse_page(bad) == NAMED | {"température": "nan"}


def test_latin_1_bytes_among_utf_8_do_not_change_the_rest() -> None:
    assert parse_page('{"température":1,"x":"'.encode() + b'\xb0C \xc3"}') == {"température": 1, "x": "\xb0C \xc3"}


HOSTILE = {
    "words": "[" + "nan," * 250_000,
    "words and blanks": "[nan" + " " * 1_000_000,
    "blanks and commas": "[" + ", " * 500_000 + "]",
    "a comma and blanks": "[nan," + " " * 1_000_000 + "x",
    "a colon and blanks": '{"a":' + " " * 1_000_000 + "x",
    "commas": "[" + "," * 1_000_000,
    "colons": "{" + ":" * 1_000_000,
    "an open string": '{"a":nan,"' + "a" * 1_000_000,
    "open strings": '{"a":nan,' + '"\n' * 500_000 + '"',
    "backslashes": '{"a":nan,"' + "\\" * 1_000_000,
    "quotes": '{"a":nan,"' + '\\"' * 500_000,
    "empty strings": "[nan," + '"",' * 300_000 + "x y]",
    "digits": "[nan," + "1" * 1_000_000 + "]",
    "a fraction": "[nan,1." + "1" * 1_000_000 + "x]",
    "numbers": "[nan," + "1," * 500_000 + "]",
    "a long word": "[" + "n" * 1_000_000,
    "signs": "[" + "-" * 1_000_000,
    "deep nesting": "[nan," + "[" * 500_000 + "]" * 500_001,
    "deep objects": '{"a":' * 200_000 + "nan" + "}" * 200_000,
    "parentheses": "[" + "nan(" * 250_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_page_of_a_megabyte_takes_no_long_time(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(InvalidAnswer):
        parse_page(text.encode())
    assert time.process_time() - began < 2


@pytest.mark.parametrize("depth", [900, 10_000, 200_000])
def test_deep_nesting_is_a_failed_read(depth: int) -> None:
    try:
        document = parse_page(b"[" * depth + b"nan" + b"]" * depth)
    except InvalidAnswer:
        return
    with pytest.raises(UnusableValue):
        read_value(document, "0")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from(WORDS), st.booleans())
def test_a_bare_word_changes_nothing_else_of_any_page(document: object, word: str, is_ascii: bool) -> None:
    text = json.dumps(document, ensure_ascii=is_ascii)
    read: Any = parse_page(f'{{"a":{word},"b":{text}}}'.encode())
    assert read["b"] == document
    assert parse_page(text.encode()) == document


@given(st.text('{}[]",:\\ \n0123456789.-+eEnaifNI()#', max_size=60) | st.text(max_size=60))
def test_a_page_that_is_json_is_read_as_json(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
    try:
        document = parse_page(text.encode())
    except InvalidAnswer:
        assert expected is None
        return
    if expected is not None:
        assert document == expected or not _is_finite(expected)


def _is_finite(document: object) -> bool:
    match document:
        case float():
            return math.isfinite(document)
        case list():
            return all(map(_is_finite, document))
        case dict():
            return all(map(_is_finite, document.values()))
    return True


@given(st.binary(max_size=80))
def test_any_bytes_are_a_page_or_none(body: bytes) -> None:
    with contextlib.suppress(InvalidAnswer):
        parse_page(body)
