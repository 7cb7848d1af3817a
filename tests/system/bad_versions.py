"""Versions of the program that do not do what they must, each in its own way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.support.other_version import file_of

from .updated_box import PROGRAM_AT, UpdatedBox

_UNIT_AT = "usr/lib/systemd/system/inviseobox.service"
_CRASHES = "raise SystemExit('this version is broken')\n"
_NEVER_READY = "ServiceManager.ready = lambda self: None\n"
_ENDS_SOON = """
import threading
def _ready(self):
    self._notifier.notify("READY=1")
    timer = threading.Timer(30, os._exit, (3,))
    timer.daemon = True
    timer.start()
ServiceManager.ready = _ready
"""
_READS_NOTHING = """
import time
from inviseobox.acquisition.modbus_poller import ModbusPoller
from inviseobox.acquisition.polling import Outcome
from inviseobox.acquisition.web_poller import WebPoller
_began = time.monotonic()
def _for_a_while(poll_once):
    async def first(self, next_start):
        return Outcome.IDLE if time.monotonic() - _began > 20 else await poll_once(self, next_start)
    return first
ModbusPoller.poll_once = _for_a_while(ModbusPoller.poll_once)
WebPoller.poll_once = _for_a_while(WebPoller.poll_once)
"""
_READS_NO_PAGE = """
from inviseobox.acquisition.polling import Outcome
from inviseobox.acquisition.web_poller import WebPoller
async def _poll_once(self, next_start):
    return Outcome.IDLE
WebPoller.poll_once = _poll_once
"""
DELIVERS_NOTHING = """
async def _run(self):
    await asyncio.sleep(1_000_000)
Upload.run = _run
"""
_LEAKS = """
import threading, time
_held = []
def _leak():
    while True:
        _held.append(b"x" * 2_000_000)
        time.sleep(1)
def _ready(self):
    self._notifier.notify("READY=1")
    threading.Thread(target=_leak, daemon=True).start()
ServiceManager.ready = _ready
"""
_REFUSES_THE_CONFIGURATION = """
async def _run(self, configuration):
    raise ConfigurationError(self._path, "interval", "is not understood by this version")
Daemon.run = _run
"""
_FAILS_AFTER_A_BOOT = """
from pathlib import Path
_noted = Path("/var/lib/inviseobox/first-boot")
_work = Daemon.run
async def _run(self, configuration):
    if not _noted.exists():
        _noted.write_text(self._clocks.boot)
    if _noted.read_text() != self._clocks.boot:
        raise LoopFailed("this version does not work after a boot")
    await _work(self, configuration)
Daemon.run = _run
"""
_WRITES_NO_STATUS = "StatusFile.update = lambda self, *_, **__: None\n"
_LIES = """
from inviseobox.host import status_file
async def _run(self):
    await asyncio.sleep(1_000_000)
Upload.run = _run
_overview = status_file.overview
def _earlier(health, in_force, now, invocation_id):
    # As the run of the service before wrote it, with all that was green.
    content = _overview(health, in_force, now, "0" * 32)
    content["progress"] = dict.fromkeys(("polling", "commits", "delivery"), now)
    return content
status_file.overview = _earlier
"""
_LINKS_ITS_STATUS = """
_really = StatusFile.update
def _update(self, *arguments, **more):
    path = self._path
    self._path = path.with_name("elsewhere.json")
    _really(self, *arguments, **more)
    self._path = path
    if not path.is_symlink():
        path.unlink(missing_ok=True)
        path.symlink_to("elsewhere.json")
StatusFile.update = _update
"""
_WRITES_A_GIGABYTE = """
def _update(self, *_, **__):
    with self._path.open("wb") as file:
        file.truncate(1_000_000_000)
StatusFile.update = _update
"""


@dataclass(frozen=True)
class BadVersion:
    """A version: how its files are made for a box, what is said of it, and whether it is tried in short runs too.

    On the release `good_on` it does what it must.
    """

    reason: str
    files: Callable[[UpdatedBox], Mapping[str, bytes]]
    fields: Mapping[str, str] = field(default_factory=dict)
    is_sample: bool = False
    good_on: str = ""


def _with_end(text: str) -> Callable[[UpdatedBox], Mapping[str, bytes]]:
    return lambda box: box.with_end(text)


def _in_unit(line: str) -> Callable[[UpdatedBox], Mapping[str, bytes]]:
    """Return the unit with a line more in its first section."""
    return lambda box: {
        _UNIT_AT: file_of(box.repository.package, _UNIT_AT).replace("[Unit]", f"[Unit]\n{line}").encode()
    }


def _file(name: str, text: str) -> Callable[[UpdatedBox], Mapping[str, bytes]]:
    return lambda _: {name: text.encode()}


def _in_need_of_a_unit(box: UpdatedBox) -> Mapping[str, bytes]:
    """Return files by which the unit needs another one, which its package makes where the next boot finds nothing."""
    unit = "/run/systemd/system/helper.service"
    postinst = (
        f"#!/bin/sh\nmkdir -p /run/systemd/system\nprintf '[Service]\\nExecStart=/bin/sleep 1000000\\n' >{unit}\n"
    )
    return {**_in_unit("Requires=helper.service")(box), "DEBIAN/postinst": postinst.encode()}


GOOD_UNTIL_A_POWER_CUT: dict[str, BadVersion] = {
    "good until a power cut": BadVersion(r"it was restarted 3 times", _with_end(_FAILS_AFTER_A_BOOT)),
    # At a boot the systemd of Debian 12 (252) starts also what requires a unit that is not there.
    "not started by a boot": BadVersion(
        r"^systemd does not start it: .*helper\.service not found", _in_need_of_a_unit, good_on="bookworm"
    ),
}
BAD_VERSIONS: dict[str, BadVersion] = {
    "crashes at its start": BadVersion(
        r"it was restarted 3 times: it ended with exit status 1",
        _file(PROGRAM_AT + "daemon.py", _CRASHES),
        is_sample=True,
    ),
    "is never ready": BadVersion(r"it is not ready after 180 s", _with_end(_NEVER_READY)),
    "ends every 30 s": BadVersion(r"it was restarted 3 times: it ended with exit status 3", _with_end(_ENDS_SOON)),
    "stops reading": BadVersion(r"^nothing is read any more", _with_end(_READS_NOTHING)),
    "one link of three stops": BadVersion(
        r"^1 of 3 links is not read any more: http://127\.0\.0\.1:\d+$", _with_end(_READS_NO_PAGE), is_sample=True
    ),
    "stops delivering": BadVersion(r"^nothing is delivered any more$", _with_end(DELIVERS_NOTHING)),
    "leaks": BadVersion(r"^it holds \d+ MB of the \d+ MB of memory that it may$", _with_end(_LEAKS)),
    "refuses the configuration": BadVersion(
        r"it refuses the configuration that the version before took \(exit status 78\)",
        _with_end(_REFUSES_THE_CONFIGURATION),
    ),
    "writes no status": BadVersion(r"it writes no status", _with_end(_WRITES_NO_STATUS)),
    "tells what an earlier run did": BadVersion(r"it writes no status", _with_end(_LIES)),
    "its status is a symbolic link": BadVersion(r"it writes no status", _with_end(_LINKS_ITS_STATUS)),
    "its status is a gigabyte": BadVersion(r"it writes no status", _with_end(_WRITES_A_GIGABYTE)),
    "its postinst hangs": BadVersion(
        r"its installation does not end", _file("DEBIAN/postinst", "#!/bin/sh\nsleep 100000\n")
    ),
    "its postinst fails": BadVersion(
        r"it cannot be installed: .*post-installation script", _file("DEBIAN/postinst", "#!/bin/sh\nexit 3\n")
    ),
    "its prerm fails": BadVersion(
        r"it was restarted 3 times",
        lambda _: {PROGRAM_AT + "daemon.py": _CRASHES.encode(), "DEBIAN/prerm": b"#!/bin/sh\nexit 3\n"},
    ),
    "its prerm hangs": BadVersion(
        r"it was restarted 3 times",
        lambda _: {PROGRAM_AT + "daemon.py": _CRASHES.encode(), "DEBIAN/prerm": b"#!/bin/sh\nsleep 100000\n"},
    ),
    "its unit is empty": BadVersion(r"^systemd does not understand its inviseobox\.service$", _file(_UNIT_AT, "")),
    "its unit needs what is not there": BadVersion(
        r"^systemd does not start it: .*nowhere\.service not found", _in_unit("Requires=nowhere.service")
    ),
    "its unit has a condition": BadVersion(
        r"^a condition of its unit keeps systemd from starting it$", _in_unit("ConditionPathExists=/nowhere")
    ),
    "it disables its unit": BadVersion(
        r"^it disables its inviseobox\.service$",
        _file("DEBIAN/postinst", "#!/bin/sh\nrm /etc/systemd/system/multi-user.target.wants/inviseobox.service\n"),
    ),
    "its unit is invalid": BadVersion(r".", _file(_UNIT_AT, "[Service]\nExecStart=nothing\nType=what\n")),
}
