"""Who may ask the running service, and that asking never starts one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import CONFIGURATION, configuration, configure, lines_with, state, wait_for_windows, wait_until_active
from .users import MEMBER, STRANGER, as_user

SOCKET = "inviseobox.socket"
_PATH = "/run/inviseobox/control.sock"
_STATUS_FILE = "/run/inviseobox/status.json"
_ASK = """
import sys
from inviseobox.control.client import ask
from inviseobox.control.protocol import SOCKET, RUNTIME_DIRECTORY, Status
from inviseobox.errors import InviseoBoxError
import json
try:
    print(json.dumps(ask(Status(), f"{RUNTIME_DIRECTORY}/{SOCKET}", 10)))
except InviseoBoxError as error:
    sys.exit(f"{type(error).__name__}: {error}")
"""


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


def said(box: Machine, user: str, *command: str) -> tuple[int, str]:
    """Run a command as this user; return its exit status, and what it printed."""
    done = box.run(*as_user(user), *command, check=False)
    return done.returncode, done.stdout + done.stderr


def asked(box: Machine, user: str = "root") -> tuple[int, str]:
    """Ask for the status as this user."""
    return said(box, user, "/usr/bin/python3", "-c", _ASK)


def told(box: Machine, user: str = "root") -> Any:
    """Return the first line of the status; the request must be answered."""
    status, text = asked(box, user)
    assert status == 0, text
    return json.loads(text)[0]


def expect_nobody(box: Machine) -> None:
    """There is nobody to ask, and asking changes nothing."""
    status, text = asked(box)
    assert status == 1
    assert text.startswith("DaemonDown: ")
    assert box.show(SOCKET, "ActiveState")["ActiveState"] == "inactive"


def starts(box: Machine) -> int:
    """Count how often the program was started."""
    return len(lines_with(box, "started, version"))


def test_the_group_adm_may_ask_and_nobody_else_and_the_token_is_not_theirs(staffed: Machine, site: RunningSite) -> None:
    configure(staffed, configuration(site))
    wait_until_active(staffed)
    wait_for(lambda: staffed.exists(_STATUS_FILE), 15, "the status file is there")
    modes = staffed.run("stat", "-c", "%n %A %U %G", "/run/inviseobox", _PATH, _STATUS_FILE).stdout.splitlines()
    assert modes == [
        "/run/inviseobox drwxr-s--- inviseobox adm",
        f"{_PATH} srw-rw---- root adm",
        f"{_STATUS_FILE} -rw-r----- inviseobox adm",
    ]
    answer = told(staffed, MEMBER)
    assert answer["invocation_id"] == staffed.show(UNIT, "InvocationID")["InvocationID"]
    assert said(staffed, MEMBER, "cat", _STATUS_FILE)[0] == 0
    for secret in (str(CONFIGURATION), "/var/lib/inviseobox/data.db"):
        assert said(staffed, MEMBER, "cat", secret) == (1, f"cat: {secret}: Permission denied\n")
    assert site.token not in asked(staffed, MEMBER)[1]
    members = staffed.run("getent", "group", "inviseobox").stdout.strip().rpartition(":")[2]
    assert members == ""

    status, text = asked(staffed, STRANGER)
    assert status == 1
    assert text.startswith("NotPermitted: ")
    assert f"sudo usermod --append --groups adm {STRANGER}" in text
    assert said(staffed, STRANGER, "cat", _STATUS_FILE)[0] == 1
    assert said(staffed, STRANGER, "ls", "/run/inviseobox")[0] == 2

    assert said(staffed, MEMBER, "inviseobox", "rejected") == (0, "nothing was rejected\n")
    status, text = said(staffed, STRANGER, "inviseobox", "rejected")
    assert (status, "group adm" in text) == (4, True)
    staffed.run("systemctl", "stop", UNIT)
    status, text = said(staffed, MEMBER, "inviseobox", "rejected")
    assert (status, "sudo inviseobox rejected" in text) == (69, True)
    assert "nothing was rejected" in staffed.run("inviseobox", "rejected").stdout


def test_asking_starts_no_service_that_is_stopped_failed_or_not_configured(box: Machine, site: RunningSite) -> None:
    expect_nobody(box)
    box.run("systemctl", "start", UNIT)
    expect_nobody(box)
    assert starts(box) == 0

    configure(box, configuration(site))
    wait_until_active(box)
    assert told(box)
    knocking = "while :; do python3 -c '" + _ASK.replace("'", '"') + "'; done >/dev/null 2>&1"
    box.run("systemd-run", "--unit=knocking", "sh", "-c", knocking)
    for text, seen in (("token = 5\n", "failed"), ("", "inactive")):
        box.write(str(CONFIGURATION), text)
        box.run("systemctl", "restart", UNIT, check=False)
        expect_nobody(box)
        assert state(box) == seen
        configure(box, configuration(site))
        wait_until_active(box)
        assert told(box)
    box.run("systemctl", "stop", UNIT)
    before = starts(box)
    expect_nobody(box)
    box.run("systemctl", "stop", "knocking")
    assert (state(box), starts(box)) == ("inactive", before)
    # What the daemon knew last stays readable.
    assert box.exists(_STATUS_FILE)
    refused = box.run("systemctl", "start", SOCKET, check=False)
    assert "by dependency only" in refused.stderr
    assert box.run("systemctl", "is-system-running").stdout.strip() == "running"


def test_the_socket_is_there_again_after_restarts_crashes_and_a_reload(box: Machine, site: RunningSite) -> None:
    configure(box, configuration(site))
    wait_until_active(box)
    for _ in range(6):
        # More often than systemd starts a unit by default.
        box.run("systemctl", "restart", UNIT)
        assert told(box)["invocation_id"] == box.show(UNIT, "InvocationID")["InvocationID"]
    box.run("systemctl", "reload", UNIT)
    assert told(box)
    box.run("rm", _PATH)
    box.run("systemctl", "restart", UNIT)
    assert told(box)
    process = box.main_pid(UNIT)
    box.run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_for(lambda: box.main_pid(UNIT) not in (0, process), 15, "it was started again")
    wait_until_active(box)
    assert told(box)
    assert box.run("stat", "-c", "%U %G", _PATH).stdout == "root adm\n"
    wait_for_windows(site, 2)
    assert lines_with(box, "control socket") == []


def test_the_socket_is_there_after_a_start_of_the_machine(box: Machine, site: RunningSite) -> None:
    configure(box, configuration(site))
    wait_until_active(box)
    box.shut_down()
    box.boot()
    wait_until_active(box)
    assert told(box)
    assert box.run("stat", "-c", "%A %G", "/run/inviseobox").stdout == "drwxr-s--- adm\n"
