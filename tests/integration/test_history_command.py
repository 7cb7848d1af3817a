"""`inviseobox history`, which asks a real daemon on a simulated site."""

import csv
import io
import json
import subprocess
import sys

import pytest
from rich.cells import cell_len

from inviseobox.simulator.background import running_site
from tests.support.daemons import CHECKOUT, Place, environment_with
from tests.support.ptys import on_a_terminal

from .daemon_sites import at_work

COMMAND = [sys.executable, "-m", "inviseobox", "history"]


def run(box: Place, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=CHECKOUT,
        env=environment_with(RUNTIME_DIRECTORY=str(box.folder), LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_the_history_is_what_the_server_received(box: Place) -> None:
    with running_site() as site, at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
        site.wait_for_windows(3, 30, site.served.measurements())
        told = json.loads(run(box, "tension l1", "--json").stdout)
        assert told["measurement"]["name"] == "Tension L1"
        assert told["measurement"]["unit"] == "V"
        sent = [one for one in told["windows"] if one["delivered"]]
        assert len(sent) >= 3
        done = run(box, told["measurement"]["_id"], "--csv", "--since", "2020-01-01")
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        identity = told["measurement"]["_id"]
        received = {(one.timestamp, one.value["avg"]) for one in site.central.received if one.measurement == identity}
        delivered = {(row["end"], row["avg"]) for row in rows if row["delivered"] == "true"}
        assert len(delivered) >= 3
        assert delivered <= received
        table = run(box, "Tension L1").stdout.splitlines()
        assert table[0] == "Compteur général, Tension L1 (V)"
        assert table[1].split() == ["End", "of", "window", "Min", "Max", "Avg", "State", "Sent"]

        many = run(box, "tension")
        assert (many.returncode, many.stdout, many.stderr.count("\n")) == (2, "", 4)
        assert "Compteur général, Tension L2" in many.stderr
        for term, columns in (("xterm", 80), ("linux", 40)):
            environment = {"RUNTIME_DIRECTORY": str(box.folder), "TERM": term}
            with on_a_terminal([*COMMAND, "Tension L1", "--plot"], columns=columns, **environment) as screen:
                assert screen.end() == 0
            assert max(map(cell_len, screen.text.splitlines())) <= columns
            assert ("█" in screen.text) == (term == "xterm")
    gone = run(box, "Tension L1")
    assert (gone.returncode, gone.stdout, gone.stderr.count("\n")) == (69, "", 1)


def test_a_long_title_takes_several_lines(box: Place) -> None:
    with running_site() as site:
        device = site.devices[0]
        site.call(lambda: device.update(name="\u7535" * 200))
        measurement = device["measurements"][0]
        with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
            site.wait_for_windows(1, 30, site.served.measurements())
            command = [*COMMAND, measurement["_id"]]
            with on_a_terminal(command, columns=40, RUNTIME_DIRECTORY=str(box.folder)) as screen:
                assert screen.end() == 0
    assert max(map(cell_len, screen.text.splitlines())) <= 40
    assert measurement["name"] in screen.text.replace("\n  ", "")


@pytest.mark.parametrize(
    "arguments",
    [[], ["x", "--since", "soon"], ["x", "--csv", "--plot"], ["x" * 300], ["\x1b[2J"], ["x", "y"], ["x", "--nonsense"]],
)
def test_a_misused_history_is_one_line(box: Place, arguments: list[str]) -> None:
    done = run(box, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "\x1b" not in done.stderr
