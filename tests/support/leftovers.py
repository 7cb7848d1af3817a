"""What an abandoned request may leave behind, and hosts that make one be abandoned."""

import asyncio
import contextlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from tests.support.tcp import serving


def held() -> tuple[int, int, int]:
    """Count this process's descriptors, its threads, and the tasks of the running loop."""
    return len(os.listdir("/proc/self/fd")), threading.active_count(), len(asyncio.all_tasks())  # noqa: PTH208


async def nothing_more_than(before: tuple[int, int, int], passes: int = 10) -> None:
    """Fail unless no more is held than `before`, once the loop has run a few times."""
    for _ in range(passes):
        await asyncio.sleep(0)
    now = held()
    assert all(one <= other for one, other in zip(now, before, strict=True)), f"{now} instead of {before}"


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Yield a port that neither takes a connection nor refuses it, for its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("", 0), backlog=0))
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(("127.0.0.1", listener.getsockname()[1]))
        yield listener.getsockname()[1]


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """Yield a port whose server lets everybody in, reads what comes and says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass

    async with serving(serve) as port:
        yield port


@contextlib.contextmanager
def never_reading(receive_buffer: int = 4096) -> Iterator[int]:
    """Yield a port whose server lets many in and reads nothing: what is sent soon stops."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("", 0))
        listener.listen(1000)
        yield listener.getsockname()[1]


def server_tls(folder: Path) -> ssl.SSLContext:
    """Make the TLS settings of a server on 127.0.0.1, with a certificate that nobody vouches for."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    files: list[str | Path] = ["-keyout", key, "-out", certificate]
    command: list[str | Path] = ["openssl", "req", "-x509", *kind, *files, *subject]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
