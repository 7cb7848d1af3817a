"""What is said of an answer that is not valid HTTP."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.network.http_faults import Asked, fault, is_no_http
from inviseobox.untrusted import NOT_SHOWN

HEAD = b"HTTP/1.1 200 OK\r\n"
SAID = {
    b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n": "it is SSH ('SSH-2.0-OpenSSH_9.2p1 Debian-2')",
    b"\x15\x03\x03\x00\x02\x02\x46": "it is TLS, so the address may have to begin with https",
    b"\x00\x01\x00\x00\x00\x03\x01\x83\x02": "it is Modbus (00 01 00 00 00 03 01 83 02)",
    b"220 router FTP ready\r\n": "it begins with '220 router FTP ready'",
    b'{"temp1": 21.5}': "it begins with '{\"temp1\": 21.5}'",
    b"ICY 200 OK\r\n\r\n": "it begins with 'ICY 200 OK'",
    b"http/1.1 200 OK\r\n\r\n": "it begins with 'http/1.1 200 OK'",
    b"\xff\xfb\x01\x1b[2J\x00\n": r"it begins with '\xff\xfb\x01\x1b[2J\x00'",
    b"HTTP/1.1 abc OK\r\n\r\n": "its first line is 'HTTP/1.1 abc OK'",
    b"HTTP/2 200\r\n\r\n": "its first line is 'HTTP/2 200'",
    HEAD + b"Server nginx\r\n\r\n{}": "a header line has no colon: 'Server nginx'",
    HEAD + b"A: b\r\ngarbage\r\nC: d\r\n\r\n": "a header line has no colon: 'garbage'",
    HEAD + b"A: b\nno colon\n\n": "a header line has no colon: 'no colon'",
    HEAD + b"no colon\r\nA: ": "a header line has no colon: 'no colon'",
    HEAD + b"Bad Name: x\r\n\r\n": "a header line has no valid name: 'Bad Name: x'",
    HEAD + b": x\r\n\r\n": "a header line has no valid name: ': x'",
}


@pytest.mark.parametrize(("begun", "words"), SAID.items(), ids=SAID.values())
def test_what_is_not_valid_is_named(begun: bytes, words: str) -> None:
    assert fault(begun, "", Asked()) == words


@pytest.mark.parametrize(
    "begun",
    [b"", b"\r\n", b"H", b"HTTP/1.1 2", HEAD, HEAD + b"A", HEAD + b"A: b\r\nno", HEAD + b"A: b\r\n c\r\n\r\nno colon"],
)
def test_of_what_may_still_be_valid_nothing_is_said(begun: bytes) -> None:
    assert fault(begun, "", Asked()) == ""
    assert not is_no_http(begun)


@pytest.mark.parametrize(
    ("library", "words"),
    [
        ("illegal chunk header: bytearray(b'zz')", "a chunk of its body has no valid length"),
        ("conflicting Content-Length headers", "its Content-Length is not valid"),
        ("Only Transfer-Encoding: chunked is supported", "its Transfer-Encoding is not chunked"),
        ("Receive buffer too long", "its headers are too long"),
        ("something new", ""),
    ],
)
def test_what_the_head_does_not_show_is_said_in_our_own_words(library: str, words: str) -> None:
    assert fault(HEAD + b"A: b\r\n\r\n", library, Asked()) == words


@pytest.mark.parametrize(
    "line",
    [
        b"GET /?token=S3CRET HTTP/1.1",
        b"/page?S3CRET",
        b"user:S3CRET@host",
        b"S3CRET",
        b"s3cret is what you sent",
        b"you sent pass%20word",
        b"you sent pass word",
        b"short-token was refused",
        b"Authorization Basic dTpw",
        b"0123456789abcdef0123456789abcdef",
    ],
)
def test_what_may_be_secret_is_not_shown(line: bytes) -> None:
    asked = Asked("http://u:pass%20word@h/?apikey=S3CRET", b'{"token":"short-token"}')
    for begun in (line + b"\r\n", HEAD + line.replace(b":", b"") + b"\r\n\r\n"):
        said = fault(begun, "", asked)
        assert NOT_SHOWN in said
        assert "s3cret" not in said.lower()
    assert "S3CRET" not in repr(asked)
    assert "short-token" not in repr(asked)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda noise: HEAD + noise), st.text(max_size=50))
def test_whatever_comes_is_named_in_one_short_line(begun: bytes, library: str) -> None:
    said = fault(begun, library, Asked("http://h/", b"{}"))
    assert said == "" or said.isprintable()
    assert len(said) < 130
    assert not is_no_http(begun) or said
