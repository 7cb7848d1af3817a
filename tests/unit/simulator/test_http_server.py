"""The HTTP server, seen by http.client and by raw sockets."""

import asyncio
import http.client
import socket
import time
from collections.abc import Callable

import pytest

from inviseobox.simulator.http_server import HttpServer, Request, Response, dripping, never, reset


def with_server(client: Callable[[int], None], answer: Response, seen: list[Request] | None = None) -> None:
    """Run the blocking `client(port)` in a thread against a server that says `answer` to everything."""

    async def handle(request: Request) -> Response:
        if seen is not None:
            seen.append(request)
        return answer

    async def run() -> None:
        server = HttpServer(handle, clock=lambda: 1735054200.0)
        await server.listener.start()
        try:
            await asyncio.to_thread(client, server.listener.port)
        finally:
            await server.listener.stop()

    asyncio.run(run())


def raw(port: int, request: bytes) -> bytes:
    """Return what the server says to `request` until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def test_requests_follow_each_other_on_one_connection() -> None:
    seen: list[Request] = []

    def client(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        for number in range(3):
            connection.request("POST", f"/a/b?token=x%20{number}&empty=", body=b"hello", headers={"X-Case": "Yes"})
            response = connection.getresponse()
            assert (response.status, response.read()) == (201, b"body")
            assert response.getheader("Date") == "Tue, 24 Dec 2024 15:30:00 GMT"
        connection.close()

    with_server(client, Response(201, {"X-Extra": "1"}, b"body"), seen)
    assert [request.query["token"] for request in seen] == ["x 0", "x 1", "x 2"]
    assert (seen[0].method, seen[0].path, seen[0].body) == ("POST", "/a/b", b"hello")
    assert (seen[0].query["empty"], seen[0].headers["x-case"]) == ("", "Yes")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/1.0\r\n\r\n", b"200"),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"501"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70000 + b"\r\n\r\n", b"431"),
    ],
)
def test_the_http_server_closes_the_connection_after_an_error_or_when_asked_to(
    request_bytes: bytes, status: bytes
) -> None:
    def client(port: int) -> None:
        answer = raw(port, request_bytes)
        assert answer.startswith(b"HTTP/1.1 " + status + b" ")
        assert answer.count(b"HTTP/1.1") == 1
        assert b"Connection: close" in answer

    with_server(client, Response())


def test_a_request_that_breaks_off_gets_no_answer() -> None:
    seen: list[Request] = []

    def client(port: int) -> None:
        assert raw(port, b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nshort") == b""
        assert raw(port, b"GET / HT") == b""

    with_server(client, Response(), seen)
    assert seen == []


def test_headers_of_the_response_replace_those_of_the_http_server() -> None:
    def client(port: int) -> None:
        answer = raw(port, b"GET / HTTP/1.1\r\n\r\n")
        assert b"content-length: 50\r\n" in answer
        assert b"Content-Length" not in answer

    with_server(client, Response(200, {"content-length": "50", "Connection": "close"}, b"short"))


def test_a_dripping_body_comes_byte_by_byte() -> None:
    def client(port: int) -> None:
        begin = time.monotonic()
        answer = raw(port, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\ndrops")
        assert time.monotonic() - begin >= 5 * 0.02

    with_server(client, Response(200, {}, b"drops", dripping(0.02)))


def test_the_sending_never_is_silent_until_the_peer_gives_up() -> None:
    def client(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=0.2) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(TimeoutError):
                connection.recv(1)
        assert raw(port, b"GET / HTTP/1.1\r\n\r\n") == b""

    with_server(client, Response(sending=never))


def test_the_sending_reset_cuts_the_connection() -> None:
    def client(port: int) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                connection.recv(1)

    with_server(client, Response(sending=reset))
