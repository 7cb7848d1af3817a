"""What a command gets where there is no daemon, a slow one, or something else."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inviseobox.control.client import ask
from inviseobox.control.protocol import Rejected
from inviseobox.errors import DaemonDown, DaemonSilent, NotPermitted, RequestRefused
from tests.support.daemons import place


@pytest.fixture
def path() -> Iterator[str]:
    with place() as made:
        yield str(made.folder / "control.sock")


@contextmanager
def daemon(path: str, behave: Callable[[socket.socket], None]) -> Iterator[None]:
    """Take one connection at `path` and do with it what `behave` does."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        def serve() -> None:
            client, _ = listening.accept()
            with client:
                behave(client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join(10)


def answering(text: bytes) -> Callable[[socket.socket], None]:
    def behave(client: socket.socket) -> None:
        assert client.recv(4096) == b'{"version": 1, "ask": "rejected"}\n'
        client.sendall(text)

    return behave


def test_the_lines_of_a_whole_answer_are_returned(path: str) -> None:
    with daemon(path, answering(b'{"a": 1}\n{"end": 1}\n{"end": true}\n')):
        assert ask(Rejected(), path, 5) == [{"a": 1}, {"end": 1}]


@pytest.mark.parametrize("text", [b"", b'{"a": 1}\n', b'{"a": 1}\n{"end": tr', b"nonsense\n", b"[]\n", b"[" * 9000])
def test_an_answer_that_breaks_off_or_is_none_is_no_answer(path: str, text: bytes) -> None:
    with daemon(path, answering(text)), pytest.raises(DaemonDown, match="broke off"):
        ask(Rejected(), path, 5)


def test_an_error_of_the_daemon_comes_with_its_code(path: str) -> None:
    with (
        daemon(path, answering(b'{"a": 1}\n{"error": "disk", "code": "buffer"}\n')),
        pytest.raises(RequestRefused, match=r"^disk$") as error,
    ):
        ask(Rejected(), path, 5)
    assert error.value.code == "buffer"


def test_an_answer_counts_though_the_daemon_did_not_hear_all(path: str) -> None:
    def behave(client: socket.socket) -> None:
        client.sendall(b'{"error": "too long", "code": "request"}\n')

    with daemon(path, behave), pytest.raises(RequestRefused, match="too long"):
        ask(Rejected(), path, 5)


def test_the_time_limit_holds_for_all_of_an_answer_that_drips(path: str) -> None:
    stop = threading.Event()
    now = iter(range(1000))

    def behave(client: socket.socket) -> None:
        while not stop.wait(0.01):
            try:
                client.sendall(b" ")
            except OSError:
                return

    with daemon(path, behave):
        with pytest.raises(DaemonSilent, match="within 5 s"):
            ask(Rejected(), path, 5, lambda: float(next(now)))
        stop.set()


def test_a_daemon_before_which_too_many_wait_is_silent(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(path)
        listening.listen(0)
        first.connect(path)
        with pytest.raises(DaemonSilent, match="within 5 s"):
            ask(Rejected(), path, 5)


def test_a_daemon_that_is_not_there_is_named_down(path: str) -> None:
    with pytest.raises(DaemonDown, match=f"{path}: No such file.*systemctl status inviseobox"):
        ask(Rejected(), path, 5)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(path)
    with pytest.raises(DaemonDown, match="refused"):
        ask(Rejected(), path, 5)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_who_may_not_ask_is_told_which_right_is_missing(path: str) -> None:
    Path(path).parent.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        Path(path).chmod(0o600)
        os.seteuid(65534)
        try:
            with pytest.raises(
                NotPermitted, match=r"nobody is not in the group adm.*sudo usermod --append --groups adm"
            ):
                ask(Rejected(), path, 5)
        finally:
            os.seteuid(0)
