"""This machine as the updater sees it: its edges, and what the updater remembers."""

import contextlib
import os
import socket
import time
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from . import disk, history, journal, settings, state
from .apt import Apt
from .dpkg import Dpkg
from .errors import StateError
from .events import Event
from .places import PROGRAM, UNIT, UPDATER, Places
from .programs import Programs
from .service import Systemd
from .state import State
from .store import Store

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_WARNING, _NOTICE = "4", "5"


class Box:
    """All that the steps of a run need; its lock is held by who makes one."""

    def __init__(self, places: Places, programs: Programs) -> None:
        """Read what is remembered. Raises OSError and SettingsError."""
        self.places = places
        self.programs = programs
        self.stop = programs.stop
        self.apt = Apt(programs, places.source)
        self.dpkg = Dpkg(programs, places.dpkg)
        self.systemd = Systemd(programs)
        self.store = Store(places)
        self.settings = settings.load(str(places.settings))
        self.state = self._load()
        self.known_trouble = self.state.trouble
        self.was_booted = False
        """Whether this is the first run since a start of the machine: nobody has stopped anything yet."""

    @cached_property
    def boot_id(self) -> str:
        """What names this run of the kernel (random(4))."""
        return _BOOT_ID.read_text(encoding="ascii").strip()

    @staticmethod
    def now() -> float:
        """Return the boot-time clock, which nobody sets: seconds, those of suspension included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    @staticmethod
    def wall() -> float:
        """Return the time that people know, in seconds since the epoch; it may be wrong."""
        return time.time()

    @staticmethod
    def local() -> datetime:
        """Return the local time, by which the nightly window is."""
        return datetime.now().astimezone()

    @cached_property
    def version(self) -> str:
        """The installed version of the updater itself, empty where it runs from a checkout. Raises ProgramFailed."""
        found = self.dpkg.installed(UPDATER).get(UPDATER)
        return found.version if found else ""

    def remember(self, **changes: Any) -> None:
        """Change what is remembered; it is on the disk when this returns. Raises OSError."""
        self.state = replace(self.state, **changes)
        disk.write(self.places.state, state.to_json(self.state))

    def tell(
        self,
        event: Event,
        message: str,
        *,
        version: str = "",
        before: str = "",
        reason: str = "",
        package: str = PROGRAM,
    ) -> None:
        """Say something to people: in the journal, on standard output, and in the history."""
        told = {
            "MESSAGE": message,
            "MESSAGE_ID": event.id,
            "PRIORITY": _WARNING if event.is_warning else _NOTICE,
            "SYSLOG_IDENTIFIER": UPDATER,
            "INVISEOBOX_VERSION": version,
            "INVISEOBOX_PACKAGE": package,
            "OBJECT_SYSTEMD_UNIT": UNIT if event.about_the_daemon else "",
        }
        # What went there with all its fields is not told there twice.
        if not journal.send(told) or not journal.is_standard_output(os.environ.get("JOURNAL_STREAM", "")):
            print(message, flush=True)
        self.note(event, version=version, before=before, reason=reason or message, package=package)

    def note(
        self, event: Event, *, version: str = "", before: str = "", reason: str = "", package: str = PROGRAM
    ) -> None:
        """Write something into the history alone."""
        entry = {
            "at": round(self.wall()),
            "boot_id": self.boot_id,
            "event": event.name,
            "package": package,
            "version": version,
            "from": before,
            "reason": reason,
        }
        # A disk that is full keeps nobody from going back.
        with contextlib.suppress(OSError):
            history.append(self.places.history, entry)

    def hostname(self) -> str:
        """Return the name of this machine."""
        return socket.gethostname()

    def _load(self) -> State:
        try:
            return state.from_json(self.places.state.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        except (StateError, UnicodeDecodeError) as error:
            print(f"{self.places.state}: {error}; begun anew, with what is installed as what is good", flush=True)
            return State()
