"""Running Debian's programs: bounded in time, in English, in one line when they fail."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import ProgramFailed, Stopped
from .stopping import Stop

_LOOK_EVERY = 0.5
_STOPPED = "was asked to stop; the next run goes on from here"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit status (negative: the signal), and what it printed."""

    status: int
    output: str
    errors: str


@dataclass(frozen=True, slots=True)
class Programs:
    """What runs them; `surroundings` are more variables of their environment, which only tests set."""

    stop: Stop = field(default_factory=Stop)
    surroundings: Mapping[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a program: English, without questions, whatever this one was started from."""
        fixed = {"PATH": _PATH, "LC_ALL": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}
        return {**fixed, "TERM": "dumb", **self.surroundings, **more}

    def run(self, *words: str | Path, within: float = 120, directory: Path | None = None) -> Ended:
        """Run a program that may be ended at any time, to its end.

        Raises:
            ProgramFailed: it is not there, or did not end `within` so many seconds.
            Stopped: somebody asked for it; the program was ended.
        """
        with self._started(words, directory) as process:
            waited = 0.0
            while True:
                self.stop.get_on()
                try:
                    output, errors = process.communicate(timeout=_LOOK_EVERY)
                    return Ended(process.returncode, output, errors)
                except subprocess.TimeoutExpired:
                    waited += _LOOK_EVERY
                if waited >= within or self.stop.is_due:
                    end_group(process.pid)
                    process.communicate()
                    if self.stop.is_due:
                        raise Stopped(_STOPPED)
                    raise ProgramFailed(f"{words[0]} did not end within {within:.0f} s")

    def run_unbroken(self, *words: str | Path, within: float) -> Ended:
        """Run a program that ends where it is safe once it gets SIGTERM: it alone is told, and waited for.

        What it started meanwhile is left in peace. If it does not end for that, the run of the updater is ended as
        one that hangs.

        Raises:
            ProgramFailed: it is not there, or ended because it was told to after so many seconds.
            Stopped: somebody asked for it; the program was not begun, or ended for that.
        """
        self.stop.check()
        with self._started(words, None) as process:
            waited = 0.0
            was_told = False
            while True:
                try:
                    output, errors = process.communicate(timeout=_LOOK_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    waited += _LOOK_EVERY
                if was_told:
                    continue
                self.stop.get_on()
                if waited >= within or self.stop.is_due:
                    process.terminate()
                    was_told = True
        if was_told and process.returncode:
            if self.stop.is_due:
                raise Stopped(_STOPPED)
            raise ProgramFailed(f"{words[0]} did not end within {within:.0f} s")
        return Ended(process.returncode, output, errors)

    def _started(self, words: Sequence[str | Path], directory: Path | None) -> "subprocess.Popen[str]":
        try:
            return subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=self.environment(),
                cwd=directory,
                start_new_session=True,
            )
        except OSError as error:
            raise ProgramFailed(f"{words[0]}: {error.strerror}") from None

    def text(self, *words: str | Path, within: float = 120, directory: Path | None = None) -> str:
        """Return what a program prints, which must do what it is asked.

        Raises:
            ProgramFailed: it did not; the message has the first line that it complained with.
            Stopped: somebody asked for it.
        """
        ended = self.run(*words, within=within, directory=directory)
        if ended.status:
            told = ended.errors.strip() or ended.output.strip() or f"exit status {ended.status}"
            raise ProgramFailed(f"{words[0]}: {told.splitlines()[0]}")
        return ended.output


def end_group(leader: int) -> None:
    """End a session's processes at once."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
