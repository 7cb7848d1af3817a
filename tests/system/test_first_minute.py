"""From a Debian that trusts the repository to the first delivered window, as a technician types it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine

from .bootstrapping import two_commands
from .publishing import Repository
from .service import CONFIGURATION
from .tmux import Tmux, keep
from .web_server import WebServer

_INTERVAL = 10
_PROMISED = 60.0
"""Seconds for the two commands and the first window, without what apt downloads."""


@dataclass
class Steps:
    """How long each part took."""

    seconds: dict[str, float] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)

    def done(self, part: str) -> None:
        """Tell that a part ended, and another begins."""
        now = time.monotonic()
        self.seconds[part], self._began = now - self._began, now

    def lines(self) -> str:
        """Return a line for each part, and one for all."""
        rows = [*self.seconds.items(), ("all", sum(self.seconds.values()))]
        return "\n".join(f"{seconds:6.1f} s  {part}" for part, seconds in rows)


@pytest.fixture
def trusting(bare: Machine, published: Repository, web: WebServer) -> Iterator[Machine]:
    """Yield a machine that trusts the repository, has tmux, and in apt's cache what the package takes."""
    with Machine(base=bare) as machine:
        web.folder = published.folder
        for command in two_commands(published):
            machine.run("sh", "-c", command, timeout=300)
        machine.install("tmux")
        machine.install("--download-only", "inviseobox")
        yield machine


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site(form="deployed", interval=_INTERVAL) as running:
        yield running


def test_two_commands_and_a_minute(trusting: Machine, site: RunningSite, capsys: pytest.CaptureFixture[str]) -> None:
    tmux = Tmux(trusting, 80)
    steps = Steps()
    tmux.start("apt install inviseobox")
    tmux.wait_for("[Y/n]", within=120)
    tmux.type("y")
    _expect(tmux, "install", 0, within=300)
    steps.done("apt install inviseobox")
    configure(tmux, site.url, site.token)
    screen = _expect(tmux, "configure", 0)
    steps.done("inviseobox configure")
    site.wait_for_windows(1, 3 * _INTERVAL, site.served.measurements())
    steps.done("until the server has a window of all measurements")
    keep("first-minute", steps.lines())
    with capsys.disabled():
        print(f"\n{steps.lines()}")
    assert screen.splitlines()[-1] == "the service runs; 4 of 4 devices answer"
    assert sum(steps.seconds.values()) < _PROMISED

    for name, command in (
        ("check", "inviseobox check"),
        ("status", "inviseobox status"),
        ("history", "inviseobox history 'Tension L1'"),
    ):
        tmux.start(command)
        _expect(tmux, name, 0)
    tmux.start("inviseobox status --watch")
    keep("first-watch", tmux.wait_for("All is well. Devices that answer: 4 of 4."))
    tmux.press("C-c")
    assert tmux.end()[0] == 0


def test_a_wrong_token_is_told_and_changes_nothing(box: Machine, site: RunningSite) -> None:
    box.install("tmux")
    shipped, tmux = box.read(str(CONFIGURATION)), Tmux(box, 80)
    configure(tmux, site.url, "ab" * 32)
    screen = _expect(tmux, "wrong-token", 1)
    assert "token: the server refuses it" in screen
    assert screen.endswith("nothing was changed")
    assert "ab" * 32 not in screen
    assert box.read(str(CONFIGURATION)) == shipped
    assert box.show(UNIT, "ActiveState")["ActiveState"] == "inactive"


def configure(tmux: Tmux, url: str, token: str) -> None:
    """Type `inviseobox configure` and what it asks for."""
    tmux.start("inviseobox configure")
    tmux.wait_for("Address of the server (url):")
    tmux.type(url)
    tmux.wait_for("Token of this box (it is not shown):")
    tmux.type(token)


def _expect(tmux: Tmux, name: str, status: int, within: float = 60) -> str:
    ended, screen = tmux.end(within)
    keep(f"first-{name}", screen)
    assert ended == status, screen
    return screen
