"""What arrives at a real notification socket."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from inviseobox.host.notify import ServiceManager


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Yield the service manager's end; NOTIFY_SOCKET leads to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind(str(tmp_path / "notify"))
        inbox.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield inbox


@contextmanager
def service_manager(environment: Mapping[str, str]) -> Iterator[ServiceManager]:
    """Yield the program's end, whose socket the library itself never closes."""
    manager = ServiceManager(environment)
    try:
        yield manager
    finally:
        manager._notifier.socket.close()


@pytest.fixture
def manager(inbox: socket.socket) -> Iterator[ServiceManager]:
    with service_manager(os.environ) as manager:
        yield manager


def test_each_message_is_spelt_as_in_the_manual_page(inbox: socket.socket, manager: ServiceManager) -> None:
    for send, expected in (
        (manager.ready, b"READY=1"),
        (manager.feed_watchdog, b"WATCHDOG=1"),
        (manager.stopping, b"STOPPING=1"),
    ):
        send()
        assert inbox.recv(4096) == expected
    manager.reloading()
    assert b"RELOADING=1" in inbox.recv(4096).splitlines()


def test_a_status_is_sent(inbox: socket.socket, manager: ServiceManager) -> None:
    manager.status("5 of 5 devices answer")
    assert inbox.recv(4096) == b"STATUS=5 of 5 devices answer"


@pytest.mark.parametrize("text", ["Compteur général: 5 €", "\ud800", "日本", "x" * 400])
def test_a_status_is_ascii(inbox: socket.socket, manager: ServiceManager, text: str) -> None:
    manager.status(text)
    received = inbox.recv(8192)
    assert received.startswith(b"STATUS=")
    assert received.isascii()


@pytest.mark.parametrize("text", ["x\nSTOPPING=1", "\nWATCHDOG=trigger", "x\nMAINPID=1\n"])
def test_a_status_cannot_smuggle_in_another_message(inbox: socket.socket, manager: ServiceManager, text: str) -> None:
    manager.status(text)
    assert len(inbox.recv(4096).splitlines()) == 1


def test_messages_reach_an_abstract_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"inviseobox-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as inbox:
        inbox.bind("\0" + name)
        inbox.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        with service_manager(os.environ) as manager:
            manager.ready()
            assert inbox.recv(4096) == b"READY=1"


def test_a_service_manager_that_went_away_is_no_error(inbox: socket.socket, manager: ServiceManager) -> None:
    inbox.close()
    manager.feed_watchdog()
    manager.status("still here")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # sdnotify leaves its socket open then
def test_messages_go_nowhere_without_a_service_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    manager = ServiceManager(os.environ)
    manager.ready()
    manager.status("nobody listens")
    assert manager.watchdog_period is None


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
    ],
)
def test_the_watchdog_period_is_read_from_the_environment(
    inbox: socket.socket, environment: dict[str, str], period: float | None
) -> None:
    with service_manager(environment) as manager:
        assert manager.watchdog_period == period
