"""What is wrong around a box while it updates is no fault of a version, and no merit of it either."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from inviseobox.simulator.central_server import Outcome, Route, Script
from inviseobox.simulator.http_server import Response, never

from .side_by_side import Case, SideBySide
from .updated_box import UPDATER_SERVICE, UpdatedBox

_HTML = {"Content-Type": "text/html"}
_LOGIN = b"<html><body>Please log in to this network.</body></html>"
_ROUTES: tuple[Route, ...] = ("list", "status", "fields")
_CLOCK = "/etc/clock"
_FAKING = (
    f"FAKETIME_TIMESTAMP_FILE={_CLOCK} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1"
    " LD_PRELOAD=/usr/lib/{}/faketime/libfaketime.so.1"
)

pytestmark = pytest.mark.timeout(3600)


def _refuse(box: UpdatedBox) -> None:
    box.server_listens = False
    box.site.run(box.site.central.http.listener.stop())


def _answer(box: UpdatedBox, script: Script | None) -> None:
    def begin() -> None:
        for route in _ROUTES:
            box.site.central.script(route, script)

    box.site.call(begin)


def _answering(response: Response) -> Callable[[UpdatedBox], None]:
    return lambda box: _answer(box, lambda _: Outcome(response))


def _cut_off(box: UpdatedBox) -> None:
    _refuse(box)
    box.web.go()


def _captive(box: UpdatedBox) -> None:
    _answering(Response(200, _HTML, _LOGIN))(box)
    box.web.page = _LOGIN


@dataclass(frozen=True)
class Outage:
    """How it begins, what is said of the server, and of the repository: empty where that is there."""

    begin: Callable[[UpdatedBox], None]
    cause: str
    repository: str = ""


OUTAGES = {
    "the server refuses connections": Outage(_refuse, "connection refused"),
    "the server fails": Outage(_answering(Response(500, _HTML, b"oops")), "it answers 500"),
    "the server hangs": Outage(_answering(Response(200, _HTML, b"", sending=never)), "no answer within 10 s"),
    "a network that leads to a login": Outage(
        _answering(Response(302, {"Location": "http://127.0.0.1:9/login"}, b"")),
        r"it leads elsewhere \(302\); does the network want a login\?",
    ),
    "a network that answers with a login": Outage(
        _captive, r"it answers with a web page; does the network want a login\?", r"the repository cannot be read: .+"
    ),
    "the uplink is cut": Outage(_cut_off, "connection refused", r"the repository cannot be read: .+"),
}
CLOCKS = {"an hour behind": "-1h", "a year ahead": "+365d", "a year behind": "-365d"}


def _is_judged_once_it_is_over(outage: Outage, box: UpdatedBox) -> None:
    box.publish("9.1")
    box.begin_to_look()
    outage.begin(box)
    assert box.end_of_look() == 0, box.said()
    _waits(box, outage)
    # It lasts: the next run sees the same, and says it once.
    assert box.look() == (75 if outage.repository else 0), box.said()
    _waits(box, outage)
    if outage.repository:
        assert re.fullmatch(outage.repository, box.told()["looked"])
    _end(box)
    assert box.look() == 0, box.said()
    assert box.history("passed") == box.history("good") == ["9.1"]
    assert box.told()["trouble"] is None
    box.lost_nothing()


def _waits(box: UpdatedBox, outage: Outage) -> None:
    assert box.versions() == "9.1 ii"
    assert re.fullmatch(f"waiting: 127.0.0.1:\\d+: {outage.cause}", box.told()["phase"])
    assert len(re.findall(f"(?m)is not judged yet: .*{outage.cause}$", box.said())) == 1
    assert box.history("taken back") == box.history("passed") == []


def _end(box: UpdatedBox) -> None:
    if not box.server_listens:
        box.site.run(box.site.central.http.listener.resume())
    _answer(box, None)
    box.web.page = b""
    box.web.come()


def _set_clock(box: UpdatedBox, step: str) -> None:
    # In one step: a program that found half of it there would be ended.
    box.machine.write(f"{_CLOCK}.new", step)
    box.machine.run("mv", f"{_CLOCK}.new", _CLOCK)


def _is_judged_by_no_clock(step: str, box: UpdatedBox) -> None:
    machine = box.machine
    if machine.release == "bookworm":
        pytest.skip("with Debian 12's libfaketime (0.9.10) time.sleep of its Python fails with EINVAL")
    faking = _FAKING.format(machine.run("sh", "-c", "cd /usr/lib && ls -d */faketime").stdout.split("/")[0])
    _set_clock(box, "+0")
    for unit in (UPDATER_SERVICE, "inviseobox.service"):
        machine.write(f"/etc/systemd/system/{unit}.d/clock.conf", f"[Service]\nEnvironment={faking}\n")
    # The updater gives Debian's programs an environment of their own.
    machine.run("mv", "/usr/bin/apt-get", "/usr/bin/apt-get.true")
    machine.write("/usr/bin/apt-get", f'#!/bin/sh\nexec env {faking} apt-get.true "$@"\n', 0o755)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "inviseobox.service")
    box.wait_for_windows(2)
    box.publish("9.1")
    box.begin_to_look()
    _set_clock(box, step)
    # It passed by now, and its next start is being watched: the clock is set right in the midst of it.
    box.wait_for_history("restarted")
    _set_clock(box, "+0")
    assert box.end_of_look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    assert box.history("passed") == box.history("good") == ["9.1"], box.said()
    _set_clock(box, step)
    # With a wrong clock nothing is taken, and the clock is named.
    box.publish("9.2")
    assert box.look() == 75, box.said()
    assert "clock" in box.told()["looked"]
    assert box.versions() == "9.1 ii"
    _set_clock(box, "+0")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.2 ii"
    assert box.history("taken back") == []
    box.lost_nothing()


CASES: dict[str, Case] = {
    **{name: partial(_is_judged_once_it_is_over, outage) for name, outage in OUTAGES.items()},
    **{name: partial(_is_judged_by_no_clock, step) for name, step in CLOCKS.items()},
}


@pytest.mark.parametrize("case", CASES)
def test_no_version_is_taken_back_or_passes_for_what_is_wrong_around_it(cases: SideBySide, case: str) -> None:
    cases.result(case)
