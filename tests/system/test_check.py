"""`inviseobox check` on a machine: the rights of who asks, the service, and the password of the boxes of old."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import CONFIGURATION, configuration, configure, lines_with, state, wait_for_windows, wait_until_active
from .users import MEMBER, STRANGER, add_user, as_user, staff

# By perl's crypt, with yescrypt, as Debian hashes passwords: of "inviseo" and of "another-one".
_HASH_OF_INVISEO = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$16NjdEYLJEWAvsUIessrmOPhgIT7wdasW1rkFeieaj."
_HASH_OF_ANOTHER = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$fqhsRgTwUhBT/EHkJQ8HGB3ImrZLjnUXk1lnFJD7An1"


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


@pytest.fixture
def staffed(box: Machine, site: RunningSite) -> Machine:
    """Return a box that delivers, with two users more, one of them in the group adm."""
    staff(box)
    configure(box, configuration(site))
    wait_until_active(box)
    wait_for_windows(site, 1)
    return box


def set_hash(box: Machine, kept: str) -> None:
    """Give the user inviseo a password by its hash; the root under test has no chpasswd."""
    box.run("sed", "-i", f"s|^inviseo:[^:]*:|inviseo:{kept}:|", "/etc/shadow")


class Checked:
    """What the command told one user, as lines and as JSON, which must agree."""

    def __init__(self, box: Machine, user: str = "root") -> None:
        around = as_user(user)
        said = box.run(*around, "inviseobox", "check", check=False)
        programs = box.run(*around, "inviseobox", "check", "--json", check=False)
        self.text = said.stdout
        assert (said.stderr, programs.stderr) == ("", "")
        document = json.loads(programs.stdout)
        self.checks: dict[str, dict[str, Any]] = {one["check"]: one for one in document["checks"]}
        lines = said.stdout.splitlines()
        assert [line.partition(":")[0] for line in lines[:-1]] == [one["state"] for one in self.checks.values()]
        assert lines[-1].startswith(f"verdict: {document['verdict']}")
        assert said.returncode == programs.returncode == (document["verdict"] == "wrong")

    def named(self, state: str) -> list[str]:
        """Return the checks that are in this state."""
        return [name for name, one in self.checks.items() if one["state"] == state]

    def because_of(self, name: str) -> list[str]:
        """Return the checks that were not tested because of this one."""
        return [check for check, one in self.checks.items() if one["because"] == name]


def test_root_and_the_group_adm_are_told_that_all_is_right(staffed: Machine, site: RunningSite) -> None:
    told = Checked(staffed)
    assert told.named("wrong") == []
    assert told.named("not tested") == ["updates"]
    assert told.checks["updates"]["code"] == "no updater"
    assert told.checks["api"]["code"] == "form known"
    member = Checked(staffed, MEMBER)
    assert member.named("wrong") == []
    assert member.named("not tested") == ["updates"]
    assert member.checks["rights"]["code"] == "member"
    assert member.checks["configuration"]["code"] == "in force"
    assert member.checks["token"]["code"] == "service says right"
    assert site.token not in told.text + member.text


def test_who_is_not_in_the_group_adm_is_told_so_once(staffed: Machine) -> None:
    told = Checked(staffed, STRANGER)
    assert told.named("wrong") == ["rights"]
    assert told.checks["rights"]["command"] == f"sudo usermod --append --groups adm {STRANGER}"
    dependent = ["configuration", "dns", "server", "tls", "token", "api", "serial_ports", "clock"]
    assert [one for one in told.because_of("rights") if one != "time_synchronisation"] == dependent
    assert told.checks["service"]["state"] == "right", "anybody may ask systemd"


def test_a_token_that_the_server_refuses_is_told_to_the_group_adm(staffed: Machine, site: RunningSite) -> None:
    configure(staffed, configuration(site).replace(site.token, "ab" * 32))
    wait_until_active(staffed)
    wait_for(lambda: lines_with(staffed, "token: the server refuses it"), 30, "the line")
    for user in ("root", MEMBER):
        told = Checked(staffed, user)
        assert told.named("wrong") == ["token"]
        assert told.checks["token"]["command"] == "sudo inviseobox configure"
        assert told.because_of("token")[:1] == ["api"]


def test_a_service_that_is_stopped_or_failed_is_the_one_fault(staffed: Machine, site: RunningSite) -> None:
    staffed.run("systemctl", "stop", UNIT)
    for user in ("root", MEMBER):
        told = Checked(staffed, user)
        assert told.named("wrong") == ["service"]
        assert told.checks["service"]["command"] == "sudo systemctl start inviseobox"
    assert "configuration" in Checked(staffed, MEMBER).because_of("service")
    # It cannot be run, and nothing in the configuration is wrong.
    staffed.write(
        f"/etc/systemd/system/{UNIT}.d/broken.conf", "[Service]\nExecStart=\nExecStart=/bin/false\nRestart=no\n"
    )
    staffed.run("systemctl", "daemon-reload")
    staffed.run("systemctl", "start", UNIT, check=False)
    wait_for(lambda: state(staffed) == "failed", 15, "it failed")
    for user in ("root", MEMBER):
        told = Checked(staffed, user)
        assert told.named("wrong") == ["service"]
        assert told.checks["service"]["fields"] == {"status": "1"}
        assert told.checks["service"]["command"].startswith("journalctl -u inviseobox")


def test_a_negative_interval_is_the_one_fault_and_not_that_the_service_failed(
    staffed: Machine, site: RunningSite
) -> None:
    configure(staffed, configuration(site).replace("interval = 4", "interval = -4"))
    wait_for(lambda: state(staffed) == "failed", 15, "it failed")
    told = Checked(staffed)
    assert told.named("wrong") == ["configuration"]
    assert "interval" in told.checks["configuration"]["fields"]["where"]
    assert "service" in told.because_of("configuration")
    member = Checked(staffed, MEMBER)
    assert member.named("wrong") == ["service"]
    assert member.checks["service"]["fields"] == {"status": "78"}


def test_a_box_that_is_not_configured_is_told_the_command(box: Machine) -> None:
    told = Checked(box)
    assert told.named("wrong") == ["configuration"]
    assert told.checks["configuration"]["command"] == "sudo inviseobox configure"
    assert "service" in told.because_of("configuration")


def test_rights_that_are_wrong_are_the_one_fault(staffed: Machine) -> None:
    staffed.run("chmod", "644", str(CONFIGURATION))
    told = Checked(staffed)
    assert (told.named("wrong"), told.checks["rights"]["code"]) == (["rights"], "open to others")
    staffed.run("sh", "-c", told.checks["rights"]["command"].replace("sudo ", ""))
    assert Checked(staffed).named("wrong") == []
    staffed.run("sed", "-i", "s/^dialout:.*/dialout:x:20:/", "/etc/group")
    told = Checked(staffed)
    assert (told.named("wrong"), told.checks["rights"]["code"]) == (["rights"], "not in dialout")


def test_the_default_password_is_the_one_fault_and_takes_root(staffed: Machine) -> None:
    add_user(staffed, "inviseo", 2003)
    set_hash(staffed, _HASH_OF_INVISEO)
    told = Checked(staffed)
    assert told.named("wrong") == ["default_password"]
    assert told.checks["default_password"]["command"] == "sudo passwd inviseo"
    member = Checked(staffed, MEMBER)
    assert (member.named("wrong"), member.named("not tested")) == ([], ["updates", "default_password"])
    assert member.checks["default_password"]["code"] == "root only"
    set_hash(staffed, _HASH_OF_ANOTHER)
    assert Checked(staffed).named("wrong") == []


def test_what_is_wrong_with_updates_is_told_by_the_service_and_by_check(staffed: Machine) -> None:
    """The service sees the file of the updater through its sandbox, though it was made after its start."""
    trouble = {"kind": "taken back", "version": "9.0", "reason": "nothing is read any more"}
    said = "version 9.0 was taken back: nothing is read any more"
    # What the package inviseobox-updater brings.
    staffed.run("install", "-d", "-m", "755", "/run/inviseobox-updater")
    staffed.run("install", "-m", "755", "/bin/true", "/usr/sbin/inviseobox-updater")
    told = {
        "schema": 1,
        "version": "1",
        "installed": "0.2.0",
        "phase": "idle",
        "looked_at": time.time(),
        "looked": "ok",
    }
    staffed.write("/run/inviseobox-updater/status.json", json.dumps({**told, "trouble": trouble}))
    wait_for(lambda: said in staffed.run("systemctl", "show", "--value", "-P", "StatusText", UNIT).stdout, 15, "STATUS")
    assert lines_with(staffed, f"updates: {said}")
    assert said in staffed.run("inviseobox", "status", check=False).stdout
    for user in ("root", MEMBER):
        checked = Checked(staffed, user)
        assert checked.named("wrong") == ["updates"]
        assert checked.checks["updates"]["fields"] == {"problem": said}
    staffed.write("/run/inviseobox-updater/status.json", json.dumps({**told, "trouble": None}))
    wait_for(lambda: lines_with(staffed, "updates: nothing is wrong with them any more"), 15, "the line")
    assert Checked(staffed).named("not tested") == []
