"""The pages of HTTP sensors: bounded in time and size, and no answer of theirs is more than a failed read."""

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Mapping

import pytest

from inviseobox.acquisition.http_sensor import _redirected, read_page, read_value
from inviseobox.errors import InvalidAnswer, LinkDown, NoAnswer, PageRefused, ReadError, UnusableValue
from inviseobox.simulator.http_server import Request, Response, dripping, never, reset
from tests.support.tcp import serving

from .pages import BODIES, LOCATIONS, MAX_BODY, http_client, page


def read(response: Response, *, timeout: float = 5, max_body: int = MAX_BODY) -> object:
    """Read a page that answers with `response`."""

    async def scenario() -> object:
        async with page(lambda request: response) as (client, origin):
            return await read_page(client, origin + "/", timeout=timeout, max_body=max_body)

    return asyncio.run(scenario())


def test_a_json_page_is_read_whatever_its_content_type() -> None:
    body = b'{"temp1": 21.5}'
    for label in ("application/json", "text/html", "text/plain; charset=latin-1", "image/png", ""):
        assert read(Response(200, {"Content-Type": label}, body)) == {"temp1": 21.5}
    assert read(Response(201, {}, b"\xef\xbb\xbf \r\n" + body)) == {"temp1": 21.5}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_page_that_is_no_json_is_a_failed_read(body: bytes) -> None:
    try:
        document = read(Response(200, {}, body))
    except InvalidAnswer:
        return
    with pytest.raises(ReadError):
        read_value(document, "temp1")


@pytest.mark.parametrize("status", [204, 400, 401, 403, 404, 418, 429, 500, 503])
def test_a_page_that_is_refused_says_so(status: int) -> None:
    with pytest.raises(ReadError) as raised:
        read(Response(status, {}, b""))
    if status >= 400:
        assert isinstance(raised.value, PageRefused)
        assert str(status) in str(raised.value)


SENDINGS = {"never": never, "dripping": dripping(0.05)}


@pytest.mark.parametrize("sending", SENDINGS.values(), ids=SENDINGS)
def test_the_time_out_bounds_the_whole_answer_of_a_page(sending: Callable[..., Awaitable[None]]) -> None:
    began = time.monotonic()
    with pytest.raises(NoAnswer, match=r"0\.4 s"):
        read(Response(200, {}, b'{"temp1": 1}' + b" " * 1000, sending), timeout=0.4)
    assert time.monotonic() - began < 1.5


def test_the_time_out_bounds_redirects_of_a_page_too() -> None:
    async def slowly(connection: object, head: bytes, body: bytes) -> None:
        await asyncio.sleep(0.25)
        writer = connection.writer  # type: ignore[attr-defined]
        writer.write(head + body)
        await writer.drain()

    began = time.monotonic()
    with pytest.raises(NoAnswer):
        read(Response(302, {"Location": "/"}, b"", slowly), timeout=0.4)
    assert time.monotonic() - began < 1.5


def test_a_connection_that_is_reset_or_refused_says_so() -> None:
    with pytest.raises(LinkDown, match="closed"):
        read(Response(200, {}, b"{}", reset))

    async def nobody() -> None:
        async with page(lambda request: Response()) as (_, origin):
            pass
        async with http_client() as client:
            with pytest.raises(LinkDown, match="no connection"):
                await read_page(client, origin, timeout=5, max_body=MAX_BODY)

    asyncio.run(nobody())


RAW_ANSWERS = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2p1\r\n",
    "a status line alone": b"HTTP/1.1 200 OK\r\n",
    "a status that is not a number": b"HTTP/1.1 abc OK\r\n\r\n",
    "less than promised": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "a broken chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "no end of headers": b"HTTP/1.1 200 OK\r\n" + b"X-Pad: aaaaaaaa\r\n" * 20_000,
    "headers in latin-1": b"HTTP/1.1 200 OK\r\nX-Name: \xe9\xff\r\nContent-Length: 7\r\n\r\n[1,2,3",
    "no gzip under its label": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "half of a gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 15\r\n\r\n"
    + gzip.compress(b'{"temp1": 1}', mtime=0)[:15],
    "a redirect to nowhere": b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", RAW_ANSWERS.values(), ids=RAW_ANSWERS)
def test_bytes_that_are_not_an_http_answer_are_a_failed_read(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()

    async def scenario() -> None:
        async with serving(serve) as port, http_client() as client:
            with pytest.raises(ReadError) as raised:
                await read_page(client, f"http://127.0.0.1:{port}/", timeout=2, max_body=MAX_BODY)
            assert str(raised.value).isprintable()

    asyncio.run(scenario())


NOT_HTTP = {
    "a header without a colon": (b"HTTP/1.1 200 OK\r\nServer nginx\r\n\r\n{}", "no colon: 'Server nginx'"),
    "SSH": (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH"),
    "Modbus": (b"\x00\x01\x00\x00\x00\x03\x01\x83\x02", "Modbus"),
    "a TLS alert": (b"\x15\x03\x03\x00\x02\x02\x46", "TLS.*https"),
    "text": (b"Temperature 21.5\r\n", "begins with 'Temperature 21.5'"),
    "JSON without a head": (b'{"temp1": 21.5}', "begins with .*temp1"),
    "a broken status": (b"HTTP/1.1 abc OK\r\n\r\n", "first line is 'HTTP/1.1 abc OK'"),
    "a broken chunk": (RAW_ANSWERS["a broken chunk"], "chunk"),
    "a negative length": (RAW_ANSWERS["a negative length"], "Content-Length"),
    "no end of headers": (RAW_ANSWERS["no end of headers"], "headers are too long"),
}


@pytest.mark.parametrize("ending", ["stays", "ends", "is closed", "is reset"])
@pytest.mark.parametrize(("answer", "words"), NOT_HTTP.values(), ids=NOT_HTTP)
def test_the_line_says_at_once_what_is_not_valid_http(answer: bytes, words: str, ending: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        match ending:
            case "ends":
                writer.write_eof()
            case "is closed":
                return
            case "is reset":
                # Not before all was read: what a reset overtakes is lost.
                await asyncio.sleep(0.1)
                writer.transport.abort()
                return
        await reader.read()

    async def scenario() -> None:
        async with serving(serve) as port, http_client() as client:
            with pytest.raises(InvalidAnswer, match=f"not valid HTTP: .*{words}") as raised:
                await read_page(client, f"http://127.0.0.1:{port}/", timeout=20, max_body=MAX_BODY)
            assert str(raised.value).isprintable()
            assert len(str(raised.value)) < 160

    began = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP\r\n\r\n", b"SSH-2.0-OpenSSH_9.2p1\r\n"])
def test_a_page_that_is_asked_by_https_and_speaks_http_says_so(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(answer)
        await reader.read()

    async def scenario() -> None:
        async with serving(serve) as port, http_client() as client:
            with pytest.raises(LinkDown, match=r"does not speak TLS, so the address may have to begin with http$"):
                await read_page(client, f"https://127.0.0.1:{port}/", timeout=5, max_body=MAX_BODY)

    asyncio.run(scenario())


def test_a_page_of_which_nothing_comes_says_so() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async def scenario() -> None:
        async with serving(serve) as port, http_client() as client:
            with pytest.raises(LinkDown, match="closed without an answer"):
                await read_page(client, f"http://127.0.0.1:{port}/", timeout=5, max_body=MAX_BODY)

    asyncio.run(scenario())


def test_bytes_after_a_page_are_not_taken_for_the_answer_to_the_next_request() -> None:
    """A page that sends its answer twice: the second must not be taken for that of another page of the same host."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append((await reader.readuntil(b"\r\n\r\n")).split()[1])
            body = json.dumps({"page": requests[-1].decode()}).encode()
            writer.write(2 * (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)))
            await writer.drain()

    async def scenario() -> None:
        async with serving(serve) as port, http_client() as client:
            for path in ("/a", "/b", "/c"):
                assert await read_page(client, f"http://127.0.0.1:{port}{path}", timeout=2, max_body=MAX_BODY) == {
                    "page": path
                }

    asyncio.run(scenario())


def test_the_body_of_a_page_may_have_the_limit_and_no_more() -> None:
    body = json.dumps("x" * (MAX_BODY - 2)).encode()
    assert len(body) == MAX_BODY
    assert read(Response(200, {}, body)) == "x" * (MAX_BODY - 2)
    with pytest.raises(InvalidAnswer, match=str(MAX_BODY)):
        read(Response(200, {}, body + b" "))


def test_an_endless_body_ends_at_the_limit() -> None:
    """Without Content-Length, as long as somebody reads."""
    sent = 0

    async def endless(connection: object, head: bytes, body: bytes) -> None:
        nonlocal sent
        writer = connection.writer  # type: ignore[attr-defined]
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            sent += 65_536
            await writer.drain()

    with pytest.raises(InvalidAnswer, match="longer"):
        read(Response(200, {}, b"", endless))
    assert sent < 40_000_000


def test_a_compressed_page_is_read() -> None:
    body = b'{"temp1": 21.5}'
    assert read(Response(200, {"Content-Encoding": "gzip"}, gzip.compress(body))) == {"temp1": 21.5}


def bombs() -> dict[str, tuple[str, bytes]]:
    flat = zlib.compress(bytes(100_000_000), 9)
    once = gzip.compress(bytes(100_000_000))
    return {
        "gzip": ("gzip", once),
        "deflate": ("deflate", flat),
        "gzip in gzip": ("gzip, gzip", gzip.compress(gzip.compress(bytes(400_000_000)))),
    }


@pytest.mark.parametrize("kind", ["gzip", "deflate", "gzip in gzip"])
def test_a_compressed_bomb_takes_no_memory(kind: str) -> None:
    encoding, body = bombs()[kind]
    tracemalloc.start()
    try:
        with pytest.raises(InvalidAnswer):
            read(Response(200, {"Content-Encoding": encoding}, body), max_body=1_048_576)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000


def redirecting(targets: Mapping[str, str]) -> Callable[[Request], Response]:
    def handler(request: Request) -> Response:
        if request.path in targets:
            return Response(302, {"Location": targets[request.path]})
        return Response(200, {}, b'{"temp1": 21.5}')

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_on_the_same_host_is_followed(status: int) -> None:
    def handler(request: Request) -> Response:
        return Response(status, {"Location": "json"}) if request.path == "/" else Response(200, {}, b"[1]")

    async def scenario() -> None:
        async with page(handler) as (client, origin):
            assert await read_page(client, origin + "/", timeout=5, max_body=MAX_BODY) == [1]

    asyncio.run(scenario())


def test_three_redirects_are_followed_and_four_are_not() -> None:
    chain = {"/0": "/1", "/1": "2", "/2": "./3", "/3": "/end"}

    async def scenario() -> None:
        async with page(redirecting(chain)) as (client, origin):
            assert await read_page(client, origin + "/1", timeout=5, max_body=MAX_BODY) == {"temp1": 21.5}
            with pytest.raises(InvalidAnswer, match="redirects"):
                await read_page(client, origin + "/0", timeout=5, max_body=MAX_BODY)

    asyncio.run(scenario())


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_redirect_to_another_host_is_refused(location: str) -> None:
    headers = {"Location": location.encode().decode("latin-1")}
    with pytest.raises(ReadError) as raised:
        read(Response(302, headers), timeout=2)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 200


REDIRECTS = [
    ("https://127.0.0.1/", "to https: put https into the device list, as in https://127.0.0.1/"),
    ("https://127.0.0.1:8443/p", "to https: put https into the device list, as in https://127.0.0.1:8443/p"),
    (
        "https://u:S3CRET@127.0.0.1/?k=S3CRET#S3CRET",
        "to https: put https into the device list, as in https://127.0.0.1/",
    ),
    ("http://127.0.0.1:1/x?k=S3CRET", "to another port: put it into the device list, as in http://127.0.0.1:1/x"),
    ("//127.0.0.1:2", "to another port: put it into the device list, as in http://127.0.0.1:2"),
    ("https://192.0.2.1/?k=S3CRET", "to another host: https://192.0.2.1/"),
    ("http://u:S3CRET@192.0.2.1/", "to another host: http://192.0.2.1/"),
    ("ftp://u:S3CRET@127.0.0.1/", "to what is no http or https address"),
    ("javascript:S3CRET", "to what is no http or https address"),
    ("http://S3CRET", "to another host: http://s3cret"),
    ("http://127.0.0.1:99999/?S3CRET", "to what is not a valid address"),
    ("http://[::1", "to what is not a valid address"),
    ("", "without saying where to"),
    ("  ", "without saying where to"),
]


@pytest.mark.parametrize(("location", "words"), REDIRECTS)
def test_a_redirect_that_is_not_followed_says_where_it_leads(location: str, words: str) -> None:
    with pytest.raises(InvalidAnswer) as raised:
        read(Response(302, {"Location": location}), timeout=2)
    assert str(raised.value) == f"it redirects {words}"
    assert "S3CRET" not in str(raised.value)


def test_a_redirect_from_https_to_http_says_so() -> None:
    with pytest.raises(InvalidAnswer, match=r"to http: put http into the device list, as in http://192.0.2.7/p$"):
        _redirected("https://192.0.2.7/", "http://192.0.2.7/p?k=S3CRET")
    assert _redirected("https://H.example/", "https://h.example:443/p") == "https://h.example:443/p"


def test_a_bare_word_in_a_page_costs_its_own_key() -> None:
    body = b'{"temperature":nan,"humidity":41.2,"pressure":1013.2}'
    document = read(Response(200, {"Content-Type": "application/json"}, body))
    assert read_value(document, "humidity") == 41.2
    assert read_value(document, "pressure") == 1013.2
    with pytest.raises(UnusableValue, match="temperature is 'nan', not a number"):
        read_value(document, "temperature")


def test_an_invalid_url_is_a_failed_read() -> None:
    async def scenario() -> None:
        async with http_client() as client:
            for url in (
                "http://192.0.2..7/",
                f"http://{'a' * 64}.example/",
                "http://[::1%nope]/",
                "http://127.0.0.1:0/",
            ):
                with pytest.raises(ReadError):
                    await read_page(client, url, timeout=1, max_body=MAX_BODY)

    asyncio.run(scenario())
