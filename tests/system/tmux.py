"""A terminal on a machine, in which a test types as a person does, and what stands on its screen."""

import re
import time
from pathlib import Path

from tests.support.machine import Machine

SCREENS = Path(__file__).parents[2] / "build/screens"
_LOOK = 0.1


class Tmux:
    """One session of tmux on a machine.

    Args:
        user: whose shell runs in it.
        locale: what LC_ALL is there; that of the machine if empty.
    """

    def __init__(
        self, box: Machine, columns: int, rows: int = 45, term: str = "screen", user: str = "root", locale: str = ""
    ) -> None:
        self._box = box
        self._started = 0
        environment = ("env", "LC_ALL=C.UTF-8", "TERM=xterm")
        self._command = (*environment, "tmux", "-u", "-L", f"of-{columns}-{term}-{user}-{locale}")
        size = ("-x", str(columns), "-y", str(rows))
        become = f"setpriv --reuid={user} --regid={user} --init-groups " if user != "root" else ""
        language = f"LC_ALL={locale} " if locale else ""
        self._run("new-session", "-d", *size, f"{become}env TERM={term} {language}PS1='$ ' sh")

    def _run(self, *arguments: str) -> str:
        return self._box.run(*self._command, *arguments).stdout

    def type(self, text: str) -> None:
        """Type a line."""
        self._run("send-keys", "-l", text)
        self.press("Enter")

    def press(self, key: str) -> None:
        """Press a key, as tmux names it."""
        self._run("send-keys", key)

    @property
    def screen(self) -> str:
        """What stands on the screen now."""
        return self._run("capture-pane", "-p").rstrip("\n")

    def _unfolded(self) -> str:
        """Return the screen with what the terminal folded in one line again."""
        lines = self._run("capture-pane", "-p", "-J").splitlines()
        return "\n".join(line.rstrip() for line in lines)

    def wait_for(self, words: str, within: float = 20) -> str:
        """Wait until these words stand on the screen; return all of it."""
        deadline = time.monotonic() + within
        while words not in (screen := self.screen):
            assert time.monotonic() < deadline, f"no {words!r} on the screen:\n{screen}"
            time.sleep(_LOOK)
        return screen

    def start(self, command: str) -> None:
        """Clear the screen and type a command; `end` waits for it."""
        self._started += 1
        self.type(f"clear; {command}; echo ended {self._started} $?")

    def end(self, within: float = 60) -> tuple[int, str]:
        """Wait until the command that was started has ended; return its exit status, and what it left on the screen."""
        # The number tells it from what an earlier command left there.
        ended = re.compile(rf"(?m)^ended {self._started} (\d+)$")
        deadline = time.monotonic() + within
        while not (found := ended.search(screen := self._unfolded())):
            assert time.monotonic() < deadline, f"the command goes on:\n{screen}"
            time.sleep(_LOOK)
        return int(found[1]), screen[: found.start()].rstrip("\n")


def keep(name: str, screen: str) -> None:
    """Keep a screen as a text, for people."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    (SCREENS / f"{name}.txt").write_text(screen + "\n")
