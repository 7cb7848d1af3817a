"""The updater's shell scripts are asked to stop while a dpkg of theirs is at work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.updater_scripts import UpdaterScripts
from tests.support.waiting import wait_for

_RUN = """
import sys
from pathlib import Path
from inviseobox.updater.box import Box
from inviseobox.updater.errors import Stopped
from inviseobox.updater.installing import repair
from inviseobox.updater.places import Places
from inviseobox.updater.programs import Programs
from inviseobox.updater.stopping import Stop
stop = Stop()
stop.listen()
box = Box(Places(Path(sys.argv[1])), Programs(stop, dict(one.split("=", 1) for one in sys.argv[2:])))
try:
    print(repair(box))
except Stopped as error:
    print(error)
"""
_A_WHILE = 5
"""Seconds in which what does not wait for dpkg would have ended."""


class Paused:
    """A maintainer script that waits until the test lets it go on."""

    def __init__(self, directory: Path) -> None:
        self._begun, self._gate = directory / "begun", directory / "gate"
        self.text = f"#!/bin/sh\ntouch {self._begun}\nwhile [ ! -e {self._gate} ]; do sleep 0.1; done\n"

    def wait(self) -> None:
        """Wait until it is at work."""
        wait_for(self._begun.exists, 60, "the maintainer script begins")

    def go_on(self) -> None:
        """Let it end."""
        self._gate.touch()


@pytest.fixture
def scripts(tmp_path: Path) -> UpdaterScripts:
    return UpdaterScripts(tmp_path)


@pytest.mark.parametrize("way", ["the script", "the updater"])
def test_a_repair_that_is_stopped_lets_its_dpkg_end_and_begins_no_other(
    scripts: UpdaterScripts, tmp_path: Path, way: str
) -> None:
    paused = Paused(tmp_path)
    first = scripts.dpkg.package("first", "1", scripts={"postinst": paused.text})
    scripts.begin(first, scripts.dpkg.package("inviseobox", "1"))
    if way == "the script":
        process = scripts.start("repair.sh")
    else:
        surroundings = [f"{name}={value}" for name, value in scripts.surroundings.items()]
        command = [sys.executable, "-c", _RUN, str(scripts.root), *surroundings]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with process:
        paused.wait()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(_A_WHILE)
        paused.go_on()
        output, _ = process.communicate(timeout=60)
    if way == "the updater":
        assert output == "was asked to stop; the next run goes on from here\n"
    else:
        assert process.returncode == 1
    assert scripts.dpkg.dpkg.installed("first")["first"].is_whole
    assert not scripts.dpkg.dpkg.is_broken()
    assert scripts.dpkg.dpkg.installed("inviseobox") == {}
    # The next one goes on from there.
    assert scripts.run("repair.sh").returncode == 0
    assert scripts.dpkg.dpkg.installed("inviseobox")["inviseobox"].is_whole
    assert not scripts.places.transaction.exists()


def _updater(scripts: UpdaterScripts, version: str, status: int, **more: str) -> Path:
    """Return a version of the updater whose self-test ends with this status."""
    program = {"usr/sbin/inviseobox-updater": f"#!/bin/sh\nexit {status}\n"}
    return scripts.dpkg.package("inviseobox-updater", version, program, more)


def _good(scripts: UpdaterScripts, file: Path) -> None:
    os.link(file, scripts.places.good / "inviseobox-updater.deb")


def test_a_rescue_that_is_stopped_lets_its_dpkg_end_and_does_what_belongs_to_it(
    scripts: UpdaterScripts, tmp_path: Path
) -> None:
    paused = Paused(tmp_path)
    _good(scripts, _updater(scripts, "1", 0, postinst=paused.text))
    scripts.dpkg.dpkg.install([_updater(scripts, "2", 3)], offline=True)
    with scripts.start("rescue-updater.sh") as process:
        paused.wait()
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(_A_WHILE)
        paused.go_on()
        assert process.wait(60) == 0
    found = scripts.dpkg.dpkg.installed("inviseobox-updater")["inviseobox-updater"]
    assert (found.version, found.is_whole) == ("1", True)
    assert scripts.told() == ["inviseobox-updater 2 was taken back to 1: it does not start"]


def test_a_rescue_that_is_stopped_begins_no_other_dpkg(scripts: UpdaterScripts, tmp_path: Path) -> None:
    paused = Paused(tmp_path)
    bad = _updater(scripts, "1", 0, postinst=f"{paused.text}exit 1\n")
    _good(scripts, bad)
    older = _updater(scripts, "0", 0)
    os.link(older, scripts.places.packages / older.name)
    scripts.dpkg.dpkg.install([_updater(scripts, "2", 3)], offline=True)
    with scripts.start("rescue-updater.sh") as process:
        paused.wait()
        process.send_signal(signal.SIGTERM)
        paused.go_on()
        assert process.wait(60) == 1
    assert scripts.dpkg.dpkg.installed("inviseobox-updater")["inviseobox-updater"].version == "1"
    assert scripts.told() == []
    assert scripts.run("rescue-updater.sh").returncode == 0
    found = scripts.dpkg.dpkg.installed("inviseobox-updater")["inviseobox-updater"]
    assert (found.version, found.is_whole) == ("0", True)
