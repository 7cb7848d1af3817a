"""What `inviseobox check` finds out by itself on the machine, and from what the service and the server say."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from inviseobox import events
from inviseobox.commands.checks import default_password, disk, own_service, server_answers, told_by_service
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, State
from inviseobox.configuration import ApiForm
from inviseobox.control import protocol
from inviseobox.host.service import ServiceState
from inviseobox.server.answers import Answer

URL = "https://domaine.example/api"


def found(finding: Finding) -> tuple[State, Code]:
    return finding.state, finding.code


SERVICES = {
    "runs": (ServiceState("active", "i", False, 0, "running"), True, State.RIGHT, Code.RUNS),
    "is reloaded": (ServiceState("reloading", "i", True, 0, "reload"), True, State.RIGHT, Code.RUNS),
    "is silent": (ServiceState("active", "i", False, 0, "running"), False, State.WRONG, Code.SILENT),
    "failed": (ServiceState("failed", "i", False, 78, "failed"), False, State.WRONG, Code.FAILED),
    "stopped": (ServiceState("inactive", "i", False, 0, "dead"), False, State.WRONG, Code.STOPPED),
    "is being stopped": (ServiceState("deactivating", "i", True, 0), False, State.WRONG, Code.STOPPED),
    "ends again": (ServiceState("activating", "i", True, 1, "auto-restart"), False, State.WRONG, Code.ENDS_AGAIN),
    "waits": (ServiceState("activating", "i", True, 1, "auto-restart-queued"), False, State.WRONG, Code.ENDS_AGAIN),
    "starts": (ServiceState("activating", "i", True, 0, "start"), False, State.NOT_TESTED, Code.STARTS),
    "is not there": (ServiceState("inactive", "", False, 0, "dead", False), False, State.WRONG, Code.NOT_INSTALLED),
    "is disabled": (ServiceState("active", "i", False, 0, start="disabled"), True, State.WRONG, Code.DISABLED),
    "is masked": (ServiceState("inactive", "i", False, 0, start="masked"), False, State.WRONG, Code.MASKED),
    "is masked until then": (
        ServiceState("inactive", "", False, 0, start="masked-runtime"),
        False,
        State.WRONG,
        Code.MASKED,
    ),
    "was skipped": (ServiceState("inactive", "i", False, 3, is_skipped=True), False, State.WRONG, Code.SKIPPED),
}


@pytest.mark.parametrize("name", SERVICES)
def test_the_unit_tells_how_the_service_is(name: str) -> None:
    state, is_heard, verdict, code = SERVICES[name]
    assert found(own_service.judged(state, is_heard=is_heard, may_ask=True)) == (verdict, code)


def test_one_command_starts_a_service_that_is_stopped_and_disabled() -> None:
    state = ServiceState("inactive", "", False, 0, start="disabled")
    found = own_service.judged(state, is_heard=False, may_ask=True)
    assert (found.code, found.command) == (Code.STOPPED, "sudo systemctl enable --now inviseobox")


def test_who_may_not_ask_does_not_take_the_service_for_silent() -> None:
    state = ServiceState("active", "i", False, 0, "running")
    assert own_service.judged(state, is_heard=False, may_ask=False).state is State.RIGHT


def test_the_service_understands_the_request() -> None:
    assert protocol.parse(protocol.request_line(own_service.REQUEST)) == own_service.REQUEST


def status(*troubles: tuple[str, str], **more: Any) -> dict[str, Any]:
    told = [{"kind": kind, "subject": "s", "cause": cause, "fields": {}} for kind, cause in troubles]
    return {"troubles": told, "progress": {"delivery": 5.0}, "clock_ahead_of_server": None, "links": [], **more}


CAUSES = {
    "its name is unknown (DNS)": (events.NO_SERVER.name, Check.DNS),
    "its name is not resolved (DNS) within 30 s": (events.NO_SERVER.name, Check.DNS),
    "no connection (Connection refused)": (events.NO_SERVER.name, Check.SERVER),
    "its TLS certificate is not valid: expired": (events.NO_SERVER.name, Check.TLS),
    "it does not speak TLS as it should": (events.NO_SERVER.name, Check.TLS),
    "the server refuses it": (events.TOKEN.name, Check.TOKEN),
    "it answered 503": (events.SERVER.name, Check.API),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_the_service_tells_where_the_way_to_the_server_ends(cause: str) -> None:
    kind, check = CAUSES[cause]
    findings = told_by_service.server(status(("port", "x"), (kind, cause)))
    way = [Check.DNS, Check.SERVER, Check.TLS, Check.TOKEN, Check.API]
    assert [one.check for one in findings] == way
    at = way.index(check)
    states = [one.state for one in findings]
    assert states == [State.RIGHT] * at + [State.WRONG] + [State.NOT_TESTED] * (4 - at)
    assert findings[at].fields["reason"] == cause
    assert findings[at].command


def test_the_service_tells_that_all_is_right_only_once_it_has_heard_from_the_server() -> None:
    assert {one.state for one in told_by_service.server(status())} == {State.RIGHT}
    silent = status(progress={"delivery": None})
    assert {one.state for one in told_by_service.server(silent)} == {State.NOT_TESTED}
    assert {one.state for one in told_by_service.server({**silent, "clock_ahead_of_server": 1.5})} == {State.RIGHT}


@pytest.mark.parametrize(
    ("content", "is_told"),
    [
        (status(), True),
        (status(progress={"delivery": None}), False),
        ({"clock_ahead_of_server": 1.5}, True),
        ({"clock_ahead_of_server": "x"}, False),
    ],
)
def test_of_the_clock_is_told_once_the_server_has_answered_with_the_time_or_without(
    content: dict[str, Any], is_told: bool
) -> None:
    assert told_by_service.has_heard(content) == is_told


@pytest.mark.parametrize(
    "content", [{}, {"troubles": 5, "links": {}, "progress": []}, {"troubles": [7], "links": [[]]}]
)
def test_nothing_of_what_the_service_says_is_trusted(content: dict[str, Any]) -> None:
    assert {one.state for one in told_by_service.server(content)} == {State.NOT_TESTED}
    assert told_by_service.serial_links(content) == {}
    assert told_by_service.clock_ahead(content) is None


def test_serial_ports_are_told_without_other_links() -> None:
    links = [
        {"name": "/dev/ttyUSB0", "up": False, "cause": "another program uses\x1b the port"},
        {"name": "192.0.2.7:502", "up": True, "cause": None},
        {"name": "/dev/ttyUSB1", "up": True, "cause": None},
    ]
    ports = told_by_service.serial_links(status(links=links))
    assert ports == {"/dev/ttyUSB0": "another program uses\ufffd the port", "/dev/ttyUSB1": ""}


BOTH = tuple(ApiForm)
OK = b'[{"_id": "a", "name": "n"}]'
ANSWERS = {
    "a list": ([(200, OK)], Code.TOKEN_TAKEN, Code.FORM_KNOWN),
    "a list after white space": ([(200, b" [] ")], Code.TOKEN_TAKEN, Code.FORM_KNOWN),
    "a list after something else": ([(200, b'{"error": "unknown"}'), (200, OK)], Code.TOKEN_TAKEN, Code.FORM_KNOWN),
    "a list in the other form": ([(401, b"no"), (200, OK)], Code.TOKEN_TAKEN, Code.FORM_KNOWN),
    "a refusal in one form": ([(401, b"no"), (404, b"")], Code.TOKEN_REFUSED, Code.DEPENDS),
    "a refusal in the other form": ([(404, b""), (403, b"no")], Code.TOKEN_REFUSED, Code.DEPENDS),
    "nothing": ([(404, b""), (404, b"")], Code.DEPENDS, Code.NO_LIST),
    "a page": ([(200, b"<html>"), (404, b"")], Code.DEPENDS, Code.NO_LIST),
    "a redirect": ([(302, b""), (302, b"")], Code.DEPENDS, Code.NO_LIST),
    "trouble": ([(503, b"later")], Code.DEPENDS, Code.SERVER_FAILS),
    "no list": ([(200, b'{"_id": 5}'), (404, b"")], Code.DEPENDS, Code.NO_LIST),
    "text": ([(200, b"OK"), (404, b"")], Code.DEPENDS, Code.NO_LIST),
    "no text": ([(200, b"[\xff]"), (404, b"")], Code.DEPENDS, Code.NO_LIST),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_answers_tell_of_token_and_form(name: str) -> None:
    answers, token, api = ANSWERS[name]
    judgement = server_answers.judged([(form, Answer(*one)) for form, one in zip(BOTH, answers, strict=False)], URL, 0)
    assert (judgement.token.code, judgement.api.code) == (token, api)
    assert [one.check for one in (judgement.token, judgement.api)] == [Check.TOKEN, Check.API]


def test_a_list_that_takes_long_is_slow_and_not_wrong() -> None:
    whole = server_answers.judged([(ApiForm.DEPLOYED, Answer(200, OK))], URL, 3.0)
    assert found(whole.api) == (State.RIGHT, Code.LIST_SLOW)
    assert whole.inventory is not None
    begun = server_answers.judged([(ApiForm.DEPLOYED, Answer(200, OK[:9], is_whole=False))], URL, 8.0)
    assert found(begun.api) == (State.RIGHT, Code.LIST_SLOW)
    assert begun.inventory is None


@pytest.mark.parametrize(
    ("ahead", "state", "text"),
    [
        (0.0, State.RIGHT, ""),
        (60.0, State.RIGHT, ""),
        (-60.0, State.RIGHT, ""),
        (61.0, State.WRONG, "1 min 1 s"),
        (3569.0, State.WRONG, "59 min 29 s"),
        (-3600.0, State.WRONG, "1 h"),
        (3599.4, State.WRONG, "1 h"),
        (3658.7, State.WRONG, "1 h 1 min"),
        (86_400.0 * 365 + 7200, State.WRONG, "365 d 2 h"),
        (None, State.NOT_TESTED, ""),
    ],
)
def test_the_clock_may_differ_by_a_minute(ahead: float | None, state: State, text: str) -> None:
    finding = server_answers.clock(ahead, "set it")
    assert finding.state is state
    assert finding.fields.get("time", "") == text


def test_a_folder_that_may_not_be_looked_at_is_not_tested(tmp_path: Path) -> None:
    finding = disk.looked_at(f"/{'x' * 300}/data.db")
    assert found(finding) == (State.NOT_TESTED, Code.NO_PLACE)
    assert disk.looked_at(str(tmp_path / "not" / "there" / "data.db")).fields["folder"] == str(tmp_path)


LIVES = {
    "new": ("0x01 0x01\n", 0),
    "half": ("0x05 0x06\n", 50),
    "worn out": ("0x01 0x0b\n", 100),
    "not told": ("0x00 0x00\n", None),
    "one told": ("0x00 0x03\n", 20),
    "nonsense": ("0xff ? \n", None),
}


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("place", ["mmcblk0", "mmcblk0/mmcblk0p1"])
def test_the_life_of_flash_memory_is_told_for_a_disk_and_its_partitions(tmp_path: Path, name: str, place: str) -> None:
    text, used = LIVES[name]
    card = tmp_path / "devices" / "mmcblk0"
    (card / "mmcblk0p1").mkdir(parents=True)
    (card / "device").mkdir()
    (card / "device" / "life_time").write_text(text)
    block = tmp_path / "dev" / "block"
    block.mkdir(parents=True)
    (block / "179:1").symlink_to(tmp_path / "devices" / place)
    assert disk.life_used(179 << 8 | 1, tmp_path) == used
    assert disk.life_used(179 << 8 | 2, tmp_path) is None


def hashed(password: str, *kind: str) -> str:
    """Return the hash of a password as openssl(1) makes it, which does not share a line with libcrypt."""
    command = ["openssl", "passwd", *kind, password]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


YESCRYPT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"
"""Salt and cost; perl's crypt gave what stands behind it for each password."""
PASSWORDS = {
    "the default": (hashed("inviseo", "-6", "-salt", "abcdefgh"), State.WRONG, Code.DEFAULT_PASSWORD),
    "the default, hashed as long ago": (hashed("inviseo", "-5"), State.WRONG, Code.DEFAULT_PASSWORD),
    "another": (hashed("Inviseo", "-6"), State.RIGHT, Code.OTHER_PASSWORD),
    "another by yescrypt": (f"{YESCRYPT}fqhsRgTwUhBT/EHkJQ8HGB3ImrZLjnUXk1lnFJD7An1", State.RIGHT, Code.OTHER_PASSWORD),
    "the default by yescrypt": (
        f"{YESCRYPT}16NjdEYLJEWAvsUIessrmOPhgIT7wdasW1rkFeieaj.",
        State.WRONG,
        Code.DEFAULT_PASSWORD,
    ),
    "none that lets in": ("!", State.RIGHT, Code.OTHER_PASSWORD),
    "the default, locked": ("!" + hashed("inviseo", "-6"), State.RIGHT, Code.OTHER_PASSWORD),
    "nothing": ("", State.WRONG, Code.NO_PASSWORD),
    "nonsense": ("x", State.RIGHT, Code.OTHER_PASSWORD),
}


@pytest.mark.parametrize("name", PASSWORDS)
def test_the_default_password_is_found(tmp_path: Path, name: str) -> None:
    kept, state, code = PASSWORDS[name]
    users, passwords = tmp_path / "passwd", tmp_path / "shadow"
    users.write_text("root:x:0:0::/root:/bin/sh\ninviseo:x:1000:1000::/home/inviseo:/bin/bash\n")
    passwords.write_text(f"root:*:1::::::\ninviseo:{kept}:20000:0:99999:7:::\n")
    finding = default_password.looked_at(users, passwords)
    assert found(finding) == (state, code)
    assert finding.command == ("sudo passwd inviseo" if state is State.WRONG else "")


def test_without_the_user_there_is_no_default_password(tmp_path: Path) -> None:
    users = tmp_path / "passwd"
    users.write_text("root:x:0:0::/root:/bin/sh\ninviseobox:x:999:999::/:/usr/sbin/nologin\n")
    assert found(default_password.looked_at(users, tmp_path / "none")) == (State.RIGHT, Code.NO_USER)
    users.write_text("inviseo:x:1000:1000::/home/inviseo:/bin/bash\n")
    assert found(default_password.looked_at(users, tmp_path / "none")) == (State.NOT_TESTED, Code.ROOT_ONLY)
