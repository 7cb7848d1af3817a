"""What a technician sees of `inviseobox status` and `history` in a terminal: tmux, whose screens are kept as text."""

import copy
import json
import re
import time
from collections.abc import Iterator

import pytest

from inviseobox.commands.layout import tidy, width
from inviseobox.simulator.background import RunningSite, running_site
from tests.support.hostile_names import HOSTILE
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import configuration, configure, hand_out, wait_for_windows, wait_until_active
from .tmux import Tmux, keep

_WIDTHS = "/root/widths.json"
_ASKS_THE_TERMINAL = f"""
import json, os, sys, termios, tty
names = json.loads(sys.argv[1])
tty.setraw(0)
found = []
for name in names:
    os.write(1, b"\\x1b[2J\\x1b[H" + name.encode() + b"\\x1b[6n")
    reply = b""
    while not reply.endswith(b"R"):
        reply += os.read(0, 1)
    found.append(int(reply.rpartition(b";")[2][:-1]) - 1)
open({_WIDTHS!r} + ".new", "w").write(json.dumps(found))
os.rename({_WIDTHS!r} + ".new", {_WIDTHS!r})
"""


@pytest.fixture
def desk(box: Machine) -> Machine:
    """Return the box with tmux."""
    box.install("tmux")
    return box


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


def delivering(box: Machine, site: RunningSite) -> None:
    configure(box, configuration(site))
    wait_until_active(box)
    wait_for_windows(site, 2)


def test_the_screens_of_status_and_history(desk: Machine, site: RunningSite) -> None:
    box = desk
    delivering(box, site)
    for columns, term in ((80, "screen"), (40, "screen"), (80, "linux")):
        name = f"{columns}-{term}"
        tmux = Tmux(box, columns, term=term)
        tmux.type("clear; inviseobox status; echo ended $?")
        screen = tmux.wait_for("ended 0")
        keep(f"status-{name}", screen)
        assert "All is well. Devices that answer: 4" in screen
        assert max(map(width, screen.splitlines())) <= columns
        tmux.type("clear; inviseobox history 'Tension L1' --plot; echo ended $?")
        keep(f"plot-{name}", tmux.wait_for("ended 0"))
        tmux.type("clear; inviseobox history 'Tension L1' --since 1h; echo ended $?")
        keep(f"history-{name}", tmux.wait_for("ended 0"))
        tmux.type("clear; inviseobox status --watch; echo ended $?")
        screen = tmux.wait_for("All is well")
        keep(f"watch-{name}", screen)
        if term == "linux":
            assert not set("▁▂▃▄▅▆▇█…") & set(screen), "the console's font has none of them"
        elif columns == 80:
            assert set("▁▂▃▄▅▆▇█") & set(screen)
        box.run("systemctl", "stop", UNIT)
        keep(f"stopped-{name}", tmux.wait_for("The service does not run."))
        box.run("systemctl", "start", UNIT)
        tmux.wait_for("All is well")
        tmux.press("C-c")
        tmux.wait_for("ended 0")
        wait_until_active(box)
        wait_for_windows(site, 2)


def test_no_name_moves_a_column(desk: Machine, site: RunningSite) -> None:
    box = desk
    devices = copy.deepcopy(site.devices)
    names = iter(HOSTILE * 4)
    for device in devices:
        device["name"] = next(names)
        for measurement in device["measurements"]:
            measurement["name"] = next(names)
    hand_out(site, devices)
    delivering(box, site)
    for columns in (40, 80):
        tmux = Tmux(box, columns)
        tmux.type("clear; inviseobox status; echo ended $?")
        screen = tmux.wait_for("ended 0")
        keep(f"hostile-{columns}", screen)
        ages = [re.match(r"  .* \d+ s(?= |$)", line) for line in screen.splitlines()]
        rows = [age[0] for age in ages if age]
        assert len(rows) >= sum(len(device["measurements"]) for device in devices)
        assert {width(row) for row in rows[-10:]} == {width(rows[-1])}
    # The cells are those that the terminal itself gives to each name.
    cut = [tidy(name)[:35] for name in HOSTILE]
    box.write("/root/ask.py", _ASKS_THE_TERMINAL)
    box.write("/root/names.json", json.dumps(cut))
    tmux = Tmux(box, 79)
    tmux.type('clear; python3 /root/ask.py "$(cat /root/names.json)"')
    wait_for(lambda: box.exists(_WIDTHS), 20, "the terminal said how wide each name is")
    assert json.loads(box.read(_WIDTHS)) == [width(name) for name in cut]


def test_a_status_ends_within_two_seconds_whatever_is_black_holed(box: Machine, site: RunningSite) -> None:
    """Meters and sensors have addresses at which nobody is, and the server is gone."""
    delivering(box, site)
    lost = copy.deepcopy(site.devices)
    for number, device in enumerate(lost):
        # TEST-NET-1 (RFC 5737).
        device["communication"]["configuration"] |= {
            "host": f"192.0.2.{number + 1}",
            "url": f"http://192.0.2.{number}/",
        }
    hand_out(site, lost)
    box.run("systemctl", "restart", UNIT)
    site.run(site.central.http.listener.stop())
    wait_until_active(box)
    for arguments in ([], ["--json"]):
        began = time.monotonic()
        done = box.run("inviseobox", "status", *arguments, check=False)
        assert time.monotonic() - began < 2
        assert done.returncode in (0, 1)
        assert done.stderr == ""
