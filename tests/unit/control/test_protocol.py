"""Requests and answers on the control socket, as programs may rely on them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.control import protocol
from inviseobox.control.protocol import END, Code, History, Rejected, Request, Status, is_end, parse, request_line
from inviseobox.errors import RequestRefused
from inviseobox.untrusted import MAX_TEXT

PAGE = (Path(__file__).parents[3] / "inviseobox/control/protocol.md").read_text()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
PRINTABLE = st.text(max_size=MAX_TEXT).map(lambda text: "".join(filter(str.isprintable, text)) or "x")
REQUESTS = st.one_of(
    st.builds(Status, st.booleans(), PRINTABLE | st.just("")),
    st.builds(History, PRINTABLE, st.integers(0, 2**53)),
    st.just(Rejected()),
)


def refused(line: bytes) -> RequestRefused:
    with pytest.raises(RequestRefused) as error:
        parse(line)
    return error.value


@given(REQUESTS)
def test_a_request_is_read_as_it_was_written(request: Request) -> None:
    line = request_line(request)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert parse(line) == request


@given(PRINTABLE)
def test_the_longest_text_fits_into_a_request_in_utf_8(text: str) -> None:
    request = json.dumps({"version": 1, "ask": "status", "select": text}, ensure_ascii=False)
    assert len(request.encode()) < protocol.MOST_REQUEST
    assert parse(request.encode()) == Status(select=text)


@given(st.binary(max_size=100))
def test_no_bytes_are_more_than_a_refused_request(line: bytes) -> None:
    assert refused(line).code in (Code.REQUEST, Code.VERSION)


@given(
    st.sampled_from(["status", "history", "rejected"]),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("recent", "select", "measurement", "since", "odd"), JSON)),
)
def test_no_value_of_a_key_is_more_than_a_refused_request(ask: str, keys: dict[str, Any]) -> None:
    line = json.dumps({"version": 1, "ask": ask, **keys}).encode()
    try:
        request = parse(line)
    except RequestRefused:
        assert refused(line).code == Code.REQUEST
        assert str(refused(line)).isprintable()
    else:
        assert parse(request_line(request)) == request


@pytest.mark.parametrize("line", [b"[" * 4096, b"1" * 4096, b'{"version": 1e999}', b"\xff\xfe{\x00}\x00", b"null", b""])
def test_hostile_json_is_refused(line: bytes) -> None:
    assert refused(line).code in (Code.REQUEST, Code.VERSION)


@pytest.mark.parametrize("version", [None, 0, 2, "1", True, 1.5, []])
def test_another_version_is_refused_as_such(version: object) -> None:
    error = refused(json.dumps({"version": version, "ask": "status"}).encode())
    assert error.code == Code.VERSION
    assert "speaks version 1" in str(error)


@pytest.mark.parametrize("measurement", ["", "\ud800", "a\nb", "x" * (MAX_TEXT + 1), 5, None])
def test_a_measurement_is_named_by_what_may_be_an_id(measurement: object) -> None:
    line = json.dumps({"version": 1, "ask": "history", "measurement": measurement}).encode()
    assert "measurement must be a text" in str(refused(line))


@pytest.mark.parametrize(
    ("since", "read"),
    [(-5, 0), (10.9, 10), (1e300, 2**53), (0, 0), (10**400, 2**53), (-(10**400), 0)],
    ids=["negative", "a fraction", "large", "0", "larger than a float", "smaller than a float"],
)
def test_any_number_is_a_time_since_when(since: float, read: int) -> None:
    line = json.dumps({"version": 1, "ask": "history", "measurement": "m", "since": since}).encode()
    assert parse(line) == History("m", read)


def test_keys_that_a_later_version_may_add_are_ignored() -> None:
    assert parse(b'{"version": 1, "ask": "rejected", "colour": "red"}\r') == Rejected()


def test_the_last_line_is_told_from_a_window_that_ended_a_second_after_the_epoch() -> None:
    assert is_end(json.loads(END))
    assert not is_end({"end": 1})
    assert not is_end({})


def test_an_error_is_one_line() -> None:
    line = protocol.error_line(RequestRefused("a\nb", Code.BUFFER))
    assert line.count("\n") == 1
    assert json.loads(line) == {"error": "a\nb", "code": "buffer"}


def test_the_socket_is_where_the_unit_says_unless_the_environment_does() -> None:
    assert protocol.socket_path({}) == "/run/inviseobox/control.sock"
    assert protocol.socket_path({"RUNTIME_DIRECTORY": "/tmp/x"}) == "/tmp/x/control.sock"  # noqa: S108


def test_the_page_names_every_request_every_code_and_the_limits() -> None:
    requests = [line.strip() for line in PAGE.splitlines() if line.startswith('    {"version"')]
    kinds = {type(parse(line.encode())) for line in requests}
    assert kinds == {Status, History, Rejected}
    assert [code for code in Code if f"`{code}`" not in PAGE] == []
    assert f"{protocol.MOST_REQUEST:,} bytes" in PAGE
    assert f"{protocol.MOST_REPORTS:,} windows" in PAGE
    assert f"last {protocol.RECENT_WINDOWS} sealed windows" in PAGE
    assert re.search(r"(?m)^    " + re.escape(END.strip()) + "$", PAGE)
