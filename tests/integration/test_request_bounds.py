"""What an answer of the server may be, in length, in time and in coding, and over which connection it comes."""

import asyncio
import gzip
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from inviseobox.configuration import ApiForm, Configuration
from inviseobox.errors import DeliveryError, ServerStalled, ServerUnreachable
from inviseobox.network import http_connections
from inviseobox.network.http_client import HttpClient, Limits, tls_context
from inviseobox.network.http_connections import HttpConnections
from inviseobox.network.name_lookup import NameLookups
from inviseobox.server import api
from inviseobox.server.answers import Answer, Verdict
from inviseobox.server.api import CentralApi
from tests.support.tcp import serving

Writes = Callable[[asyncio.StreamWriter], Awaitable[None]]
HEAD = b"HTTP/1.1 200 OK\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\n{}"


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """Return the head of the next request, once all of it has come. Raises IncompleteReadError."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
    return head


@asynccontextmanager
async def central(port: int) -> AsyncIterator[CentralApi]:
    one = CentralApi(Configuration(token="t" * 64, url=f"http://127.0.0.1:{port}"), NameLookups())
    try:
        yield one
    finally:
        await one.close()


async def post(one: CentralApi) -> Answer:
    return await one.send_fields(ApiForm.DOCUMENTED, "[]", "key")


def answered(write: Writes) -> Answer:
    """Return what the box makes of an answer to a POST that `write` gives.

    Where the answer is not whole, the server must hear of its end at once.
    """

    async def scenario() -> Answer:
        is_over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await read_request(reader)
                await write(writer)
                await reader.read()
            finally:
                is_over.set()

        async with serving(serve) as port, central(port) as one:
            try:
                answer = await post(one)
            except DeliveryError:
                await asyncio.wait_for(is_over.wait(), 5)
                raise
            if not answer.is_whole:
                await asyncio.wait_for(is_over.wait(), 5)
            return answer

    return asyncio.run(scenario())


def sends(data: bytes, *, then: bytes = b"", pause: float = 0.0) -> Writes:
    """Send `data`, and then `then` again and again."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        while then:
            await asyncio.sleep(pause)
            writer.write(then)
            await writer.drain()

    return write


@pytest.mark.parametrize("body", [b"{", b"  \r\n {", b"\xef\xbb\xbfO", b"O"])
@pytest.mark.parametrize("framing", [b"", b"Content-Length: 100000000\r\n"])
def test_an_acceptance_is_known_by_its_first_byte(body: bytes, framing: bytes) -> None:
    """Then it dribbles for ever: the connection is dropped within about a second."""
    began = time.monotonic()
    answer = answered(sends(HEAD + framing + b"\r\n" + body, then=b" ", pause=0.05))
    assert answer.verdict is Verdict.ACCEPTED
    assert time.monotonic() - began < 10


def test_a_web_page_is_known_by_its_first_byte_too() -> None:
    answer = answered(sends(HEAD + b"\r\n <html>", then=b" ", pause=0.05))
    assert answer.verdict is Verdict.LATER


def test_a_success_of_white_space_for_ever_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = answered(sends(HEAD + b"\r\n", then=b" " * 512))
    assert (fast.verdict, fast.is_whole, len(fast.body)) == (Verdict.LATER, False, api.MAX_WORDS)
    monkeypatch.setattr(api, "TOTAL_TIMEOUT", 0.5)
    monkeypatch.setattr(CentralApi.send_status, "__kwdefaults__", {"timeout": 0.5})
    slow = answered(sends(HEAD + b"\r\n", then=b" ", pause=0.05))
    assert (slow.verdict, slow.is_whole) == (Verdict.LATER, False)


def test_a_success_without_a_body_is_whole() -> None:
    for head in (
        HEAD + b"Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        HEAD + b"Content-Length: 2\r\n\r\n  ",
    ):
        answer = answered(sends(head))
        assert (answer.verdict, answer.is_whole) == (Verdict.ACCEPTED, True)


def test_a_success_whose_body_breaks_off_was_one_if_it_began() -> None:
    async def breaks(writer: asyncio.StreamWriter, begun: bytes) -> None:
        writer.write(HEAD + b"Content-Length: 50\r\n\r\n" + begun)
        await writer.drain()
        writer.close()

    assert answered(lambda writer: breaks(writer, b"{")).verdict is Verdict.ACCEPTED
    with pytest.raises(ServerUnreachable, match="closed in mid-answer"):
        answered(lambda writer: breaks(writer, b"  "))


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize("word", [b"no ", b" "])
def test_an_error_with_an_endless_body_ends(status: int, word: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "TOTAL_TIMEOUT", 0.5)
    head = b"HTTP/1.1 %d Sorry\r\n\r\n" % status
    began = time.monotonic()
    for write in (sends(head, then=word * 100), sends(head, then=word, pause=0.05)):
        assert answered(write).status == status
    assert time.monotonic() - began < 20


CODINGS = {
    "utf-8": b"{}",
    "": b"{}",
    "identity": b"{}",
    "none": b"{}",
    "gzip": gzip.compress(b"{}"),
    "X-GZIP": gzip.compress(b"{}"),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_an_acceptance_may_be_labelled_or_compressed(coding: str) -> None:
    body = CODINGS[coding]
    head = HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(body))
    answer = answered(sends(head + body))
    assert (answer.verdict, answer.body) == (Verdict.ACCEPTED, b"{}")


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "compress", "gzip, gzip", "gzip, br"])
def test_a_success_in_a_coding_that_was_not_asked_for_is_no_acceptance(coding: str) -> None:
    body = zlib.compress(b"{}")
    head = HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(body))
    with pytest.raises(DeliveryError, match="compressed"):
        answered(sends(head + body))


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\x16\x03\x01\x00\x02"])
def test_what_is_not_http_is_named_as_such(answer: bytes) -> None:
    with pytest.raises(DeliveryError, match="not valid HTTP") as raised:
        answered(sends(answer + b"\r\n" * 10))
    assert not isinstance(raised.value, ServerUnreachable)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "it is SSH"),
        (HEAD + b"Server nginx\r\n\r\n", "no colon: 'Server nginx'"),
        (HEAD + b"X-Echo " + b"t" * 64 + b"\r\n\r\n", "no colon: .not shown"),
        (b"you sent " + b"t" * 64 + b"\r\n", "begins with .not shown"),
        (b"GET /fields/?token=" + b"t" * 64 + b"\r\n", "begins with .not shown"),
    ],
)
def test_what_is_not_http_about_the_servers_answer_is_said_without_the_token(answer: bytes, words: str) -> None:
    """At once, though the server keeps the connection open."""
    with pytest.raises(DeliveryError, match=f"not valid HTTP: .*{words}") as raised:
        answered(sends(answer))
    assert "ttt" not in str(raised.value)
    assert not isinstance(raised.value, ServerUnreachable)


def test_cookies_of_the_server_never_come_back() -> None:
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append(await read_request(reader))
            cookies = b"Set-Cookie: session=1; Path=/\r\nSet-Cookie: old=2\r\nSet-Cookie: ;;=\xff\r\n"
            writer.write(WHOLE.replace(b"\r\n\r\n", b"\r\n" + cookies + b"\r\n"))

    async def scenario() -> None:
        async with serving(serve) as port, central(port) as one:
            for _ in range(3):
                assert (await post(one)).is_success
                assert (await one.device_list(ApiForm.DOCUMENTED)).is_success

    asyncio.run(scenario())
    assert len(heads) == 6
    assert not any(b"cookie" in head.lower() for head in heads)


def test_requests_that_follow_at_once_share_a_connection() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(WHOLE)

    async def scenario() -> None:
        async with serving(serve) as port, central(port) as one:
            for _ in range(50):
                assert (await post(one)).is_success

    asyncio.run(scenario())
    assert connections == 1


def test_a_connection_that_nobody_uses_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "_IDLE_TIME", 0.2)

    async def scenario() -> None:
        is_over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(WHOLE)
            await reader.read()
            is_over.set()

        async with serving(serve) as port, central(port) as one:
            assert (await post(one)).is_success
            await asyncio.sleep(0.1)
            assert not is_over.is_set()
            await asyncio.wait_for(is_over.wait(), 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("pause", [0.0, 0.05])
@pytest.mark.parametrize("more", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong", b"\r\n"])
def test_a_connection_that_was_closed_or_says_more_is_not_used_again(more: bytes, pause: float) -> None:
    """Neither is an error for the next request, and its answer is its own."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(WHOLE + more)
        if more:
            await reader.read()

    async def scenario() -> None:
        async with serving(serve) as port, central(port) as one:
            for _ in range(10):
                answer = await post(one)
                assert (answer.status, answer.body) == (200, b"{}")
                await asyncio.sleep(pause)

    asyncio.run(scenario())
    assert connections == 10


def test_a_request_given_up_costs_the_next_its_connection_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes late is not taken for the answer to the next."""
    monkeypatch.setattr(api, "IDLE_TIMEOUT", 0.1)
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        mine = connections
        for number in range(3):
            await read_request(reader)
            if number == 1:
                await asyncio.sleep(0.3)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n%2d%2d" % (mine, number))

    async def scenario() -> None:
        async with serving(serve) as port, central(port) as one:
            for expected in range(1, 6):
                assert (await post(one)).body == b"%2d 0" % expected
                with pytest.raises(ServerStalled):
                    await post(one)

    asyncio.run(scenario())


def test_a_sensor_gets_a_fresh_connection_for_each_page() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(WHOLE)

    async def scenario() -> None:
        one = HttpClient(HttpConnections(tls_context(None), NameLookups()), headers={})
        async with serving(serve) as port:
            for _ in range(5):
                assert (await one.request("GET", f"http://127.0.0.1:{port}/", Limits(5, 100))).body == b"{}"
            await one.close()

    asyncio.run(scenario())
    assert connections == 5
