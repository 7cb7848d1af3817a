"""What `inviseobox configure` says and does between the new configuration and a service that reads."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inviseobox.commands.config_text import Settings
from inviseobox.commands.restarting import Restart
from inviseobox.commands.setting_up import SettingUp
from inviseobox.commands.terminal import Terminal
from inviseobox.errors import ServiceFault
from inviseobox.host import configuration_file
from inviseobox.host.service import Service, ServiceState
from tests.support.daemons import CHECKOUT, environment_with

TOKEN, URL = "ab" * 32, "http://127.0.0.1:1/api"
STARTING = ServiceState("activating", "new", has_job=True, exit_status=0, sub="start")
STOPPING = ServiceState("deactivating", "old", has_job=True, exit_status=0, sub="stop-sigterm")
WAITING = ServiceState("activating", "new", has_job=False, exit_status=1, sub="auto-restart")
FAILED = ServiceState("failed", "new", has_job=False, exit_status=1, sub="failed")
READY = ServiceState("active", "new", has_job=False, exit_status=0, sub="running")
NOT_YET = "the service is not ready yet; look again in a while: inviseobox status"
NEVER = "the service does not start; what it says: journalctl -u inviseobox"


class UnitThat(Service):
    """A unit that is `then` once it was restarted; `asked` is called when its state is asked for the first time."""

    def __init__(self, then: ServiceState, asked: Callable[[], object] = lambda: None) -> None:
        self._then = then
        self._asked = asked
        self.restarts = 0

    def state(self) -> ServiceState:
        if self.restarts:
            return self._then
        self._asked()
        return ServiceState("active", "old", has_job=False, exit_status=0)

    def restart(self) -> None:
        self.restarts += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text("")
    return path


def is_written(path: Path) -> bool:
    return URL in path.read_text()


def set_up(path: Path, service: Service, terminal: Terminal | None = None) -> int:
    command = SettingUp(terminal or Terminal(), str(path), "inviseobox configure", service, is_offline=True)
    return command.run(lambda _text: Settings(TOKEN, URL))


@pytest.mark.parametrize(
    ("then", "said"), [(STARTING, NOT_YET), (STOPPING, NOT_YET), (WAITING, NEVER), (FAILED, NEVER)]
)
def test_a_service_that_takes_long_is_not_one_that_does_not_start(
    path: Path, capsys: pytest.CaptureFixture[str], then: ServiceState, said: str
) -> None:
    configuration = configuration_file.parsed(f'token = "{TOKEN}"\nurl = "{URL}"\n', str(path))
    assert Restart(Terminal(), UnitThat(then)).wait(configuration, None, ready_within=0.5) == 1
    assert capsys.readouterr().err == said + "\n"


def test_a_stop_between_the_configuration_and_the_restart_is_told(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        assert is_written(path)
        raise KeyboardInterrupt

    service = UnitThat(READY, interrupt)
    assert set_up(path, service) == 1
    assert (is_written(path), service.restarts) == (True, 0)
    said = "stopped; the configuration is written, but the service is not restarted: sudo systemctl restart inviseobox"
    assert capsys.readouterr().err == said + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Yield the two ends of a pipe; whoever closes one of them need not tell."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_the_service_is_restarted_though_nobody_reads_on(path: Path, pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    service = UnitThat(READY, lambda: os.close(reading))
    with open(writing, "w", closefd=False) as out:
        assert set_up(path, service, Terminal(out)) == 1
    assert (is_written(path), service.restarts) == (True, 1)


def test_a_service_that_cannot_be_restarted_is_told_with_what_was_done(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ServiceFault("systemd did not answer within 30 s")

    assert set_up(path, UnitThat(READY, fail)) == 69
    assert is_written(path)
    said = "the configuration is written, but the service is not restarted: systemd did not answer within 30 s"
    assert capsys.readouterr().err == said + "\n"


STOPPED_AT = """
import os, signal, sys
from inviseobox.cli import main

event, count, name = sys.argv.pop(1), int(sys.argv.pop(1)), sys.argv.pop(1)

def stop(seen, arguments):
    global count
    if seen == event and os.path.basename(str(arguments[0])) == name:
        count -= 1
        if not count:
            signal.raise_signal(signal.SIGINT)

sys.addaudithook(stop)
sys.exit(main())
"""
"""Presses Ctrl-C at the audit event of that name, counted from 1, that is about the file of that name."""


@pytest.mark.parametrize(
    ("event", "count", "said"),
    [
        # What an earlier run left is removed, the new file is renamed, and then nothing is left to be removed.
        ("os.remove", 1, "stopped; nothing was changed"),
        ("os.rename", 1, "stopped; nothing was changed"),
        ("os.remove", 2, "stopped; the configuration is written, the service goes on"),
    ],
)
def test_a_stop_while_the_configuration_is_written_says_which_one_stands_there(
    path: Path, tmp_path: Path, event: str, count: int, said: str
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    options = ["--config", str(path), "--url", URL, "--token-file", str(tmp_path / "token"), "--offline"]
    command = ["/usr/bin/python3", "-c", STOPPED_AT, event, str(count), f".{path.name}.new", "configure", *options]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=environment_with(), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (1, said + "\n")
    assert is_written(path) == ("is written" in said)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["config.toml", "token"]
