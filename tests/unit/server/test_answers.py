"""What the server's answers mean."""

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.server.answers import Answer, Verdict, described, is_decided, looks_like_html, retry_after, server_date

OK = b"OK"
PAGE = b"<!DOCTYPE html><html><body>Please log in</body></html>"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.ACCEPTED),
        (201, Verdict.ACCEPTED),
        (204, Verdict.ACCEPTED),
        (299, Verdict.ACCEPTED),
        (300, Verdict.LATER),
        (301, Verdict.LATER),
        (302, Verdict.LATER),
        (307, Verdict.LATER),
        (400, Verdict.REFUSED),
        (401, Verdict.TOKEN_REFUSED),
        (402, Verdict.REFUSED),
        (403, Verdict.TOKEN_REFUSED),
        (404, Verdict.WRONG_FORM),
        (405, Verdict.LATER),
        (406, Verdict.REFUSED),
        (408, Verdict.LATER),
        (410, Verdict.LATER),
        (409, Verdict.REFUSED),
        (413, Verdict.TOO_LARGE),
        (422, Verdict.REFUSED),
        (425, Verdict.REFUSED),
        (429, Verdict.LATER),
        (451, Verdict.REFUSED),
        (500, Verdict.REFUSED),
        (501, Verdict.REFUSED),
        (502, Verdict.LATER),
        (503, Verdict.LATER),
        (504, Verdict.LATER),
        (599, Verdict.REFUSED),
    ],
)
def test_each_answer_has_the_verdict_of_the_table(status: int, verdict: Verdict) -> None:
    assert Answer(status, OK).verdict is verdict


@given(st.integers(100, 999), st.binary(max_size=20))
def test_nothing_but_a_2xx_without_html_is_an_acceptance(status: int, body: bytes) -> None:
    accepted = Answer(status, body).verdict is Verdict.ACCEPTED
    assert accepted == (200 <= status < 300 and not looks_like_html(body))


@pytest.mark.parametrize("status", [200, 201])
def test_a_captive_portal_accepts_nothing(status: int) -> None:
    assert Answer(status, PAGE).verdict is Verdict.LATER


@pytest.mark.parametrize("status", [400, 413, 500])
def test_a_refusal_counts_though_express_and_nginx_write_it_in_html(status: int) -> None:
    assert Answer(status, PAGE).verdict is Answer(status, OK).verdict


@pytest.mark.parametrize("body", [PAGE, b" \r\n\t<p>", b"\xef\xbb\xbf<html>", b"\xef\xbb\xbf \n<html>", b"<"])
def test_a_body_that_begins_with_a_tag_looks_like_html(body: bytes) -> None:
    assert looks_like_html(body)


@pytest.mark.parametrize("body", [b"", b"OK", b"\xef\xbb\xbf", b'{"html": "<p>"}', b"a < b", b"\xef\xbb\xbfOK"])
def test_a_body_that_begins_otherwise_does_not_look_like_html(body: bytes) -> None:
    assert not looks_like_html(body)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 120 ", 120),
        ("0", 0),
        ("3600", 3600),
        ("3601", 3600),
        ("9" * 100, 3600),
        ("0" * 20 + "5", 5),
        (None, None),
        ("", None),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0663", None),
    ],
)
def test_retry_after_is_whole_seconds_up_to_an_hour(header: str | None, seconds: float | None) -> None:
    assert retry_after(header) == seconds


def test_the_words_of_the_server_are_told_with_the_status() -> None:
    assert described(400, b'{"error":"unknown measurement"}') == 'it answered 400: {"error":"unknown measurement"}'


def test_a_web_page_is_told_as_such_and_not_shown() -> None:
    assert "web page" in described(200, PAGE)
    assert "Please log in" not in described(200, PAGE)


def test_a_redirect_says_what_to_do() -> None:
    assert "url" in described(301, b"Moved")


@given(st.integers(100, 999), st.binary(max_size=500))
def test_any_answer_is_described_in_one_harmless_line(status: int, body: bytes) -> None:
    said = described(status, body)
    assert said.isprintable()
    assert str(status) in said
    assert len(said) < 300


@pytest.mark.parametrize(
    ("header", "epoch"),
    [
        ("Tue, 24 Dec 2024 15:30:00 GMT", 1735054200),
        ("Tuesday, 24-Dec-24 15:30:00 GMT", 1735054200),
        ("Tue Dec 24 15:30:00 2024", 1735054200),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("now", None),
    ],
)
def test_the_three_forms_of_a_date_are_understood(
    header: str | None, epoch: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RFC 9110, section 5.6.7: a recipient takes all three, and all are in UTC whatever the box's zone is."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert server_date(header) == epoch
    finally:
        monkeypatch.undo()
        time.tzset()


HEADER = st.text(st.sampled_from("Tue, 24 Dec 2024 15:30:00 GMT+-9é:("), max_size=40) | st.text()


@given(HEADER)
def test_any_date_is_a_time_or_none(header: str) -> None:
    read = server_date(header)
    assert read is None or math.isfinite(read)


@pytest.mark.parametrize("status", [400, 409, 422, 500, 413, 418])
def test_an_answer_that_asks_to_come_later_says_nothing_about_what_was_sent(status: int) -> None:
    assert Answer(status, OK, retry_after=0.0).verdict is Verdict.LATER


@pytest.mark.parametrize("beginning", [b"", b" \r\n\t", b"\xef", b"\xef\xbb", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf \n"])
def test_a_2xx_of_which_nothing_has_come_yet_is_no_acceptance(beginning: bytes) -> None:
    assert not is_decided(beginning)
    assert Answer(200, beginning, is_whole=False).verdict is Verdict.LATER
    assert Answer(200, beginning, is_whole=True).verdict is Verdict.ACCEPTED
    assert Answer(200, beginning + b"O", is_whole=False).verdict is Verdict.ACCEPTED
    assert Answer(200, beginning + b"<", is_whole=False).verdict in (Verdict.LATER, Verdict.ACCEPTED)


@given(st.binary(max_size=30), st.integers(0, 30))
def test_the_first_byte_decides_whatever_follows(body: bytes, at: int) -> None:
    if is_decided(body[:at]):
        assert Answer(200, body[:at], is_whole=False).verdict is Answer(200, body).verdict
