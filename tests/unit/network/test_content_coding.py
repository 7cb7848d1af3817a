"""Bodies whose coding is undone: what the header may say, and what it costs."""

import gzip
import tracemalloc
import zlib

import pytest

from inviseobox.errors import InvalidAnswer
from inviseobox.network.content_coding import Body

TEXT = b'{"temp1": 21.5}'


def taken(coding: str, data: bytes, *, most: int = 1000, piece: int = 7) -> Body:
    """Let a body come in pieces."""
    body = Body(coding, most)
    for start in range(0, len(data), piece):
        body.add(data[start : start + piece])
    body.end()
    return body


@pytest.mark.parametrize("coding", ["", "utf-8", "identity", "none", "UTF-8, identity", ",", "text/html"])
def test_what_is_no_coding_is_ignored(coding: str) -> None:
    assert bytes(taken(coding, TEXT).content) == TEXT


@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "GZIP", "utf-8, gzip", " gzip "])
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_gzip_is_undone(coding: str, piece: int) -> None:
    assert bytes(taken(coding, gzip.compress(TEXT), piece=piece).content) == TEXT


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "compress", "x-compress", "gzip, gzip", "gzip, br", "BR"])
def test_a_coding_that_was_not_asked_for_is_refused(coding: str) -> None:
    with pytest.raises(InvalidAnswer, match="compressed"):
        Body(coding, 1000)


@pytest.mark.parametrize(
    "data", [TEXT, gzip.compress(TEXT, mtime=0)[:-1], gzip.compress(TEXT, mtime=0)[:12], zlib.compress(TEXT)]
)
def test_what_is_not_whole_gzip_under_its_label_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidAnswer, match="not compressed as it says"):
        taken("gzip", data)


def test_a_damaged_gzip_is_refused() -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-6] ^= 1
    with pytest.raises(InvalidAnswer, match="not compressed as it says"):
        taken("gzip", bytes(packed))


def test_nothing_is_nothing_under_any_label() -> None:
    assert bytes(taken("gzip", b"").content) == b""


@pytest.mark.parametrize("coding", ["", "gzip"])
def test_a_body_may_have_the_bound_and_no_more(coding: str) -> None:
    for length, is_cut in ((999, False), (1000, False), (1001, True), (100_000, True)):
        body = Body(coding, 1000)
        data = gzip.compress(bytes(length)) if coding else bytes(length)
        body.add(data)
        assert (len(body.content), body.is_cut) == (min(length, 1000), is_cut)


ENDLESS = {
    "a bomb": gzip.compress(bytes(50_000_000)),
    "garbage after the end": gzip.compress(TEXT) + bytes(20_000_000),
    "blocks of nothing": gzip.compress(b"")[:10] + b"\x00\x00\x00\xff\xff" * 4_000_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_no_body_takes_more_memory_than_its_bound_and_a_piece(kind: str) -> None:
    data, most = ENDLESS[kind], 65_536
    body = Body("gzip", most)
    tracemalloc.start()
    try:
        for start in range(0, len(data), 65_536):
            body.add(data[start : start + 65_536])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert body.is_cut
    assert len(body.content) <= most
    assert peak < most + 6 * 65_536
