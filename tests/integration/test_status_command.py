"""`inviseobox status`, which asks a real daemon on a simulated site, and what that daemon wrote where it is down."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.control import connected, knowing, serving
from tests.support.daemons import CHECKOUT, Place, environment_with
from tests.support.ptys import on_a_terminal
from tests.support.status_schema import assert_valid
from tests.support.waiting import wait_for

from .daemon_sites import at_work

COMMAND = [sys.executable, "-m", "inviseobox"]


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


def run(box: Place, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=CHECKOUT,
        env=environment_with(RUNTIME_DIRECTORY=str(box.folder), LC_ALL="C.UTF-8", **environment),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def whole(site: RunningSite) -> None:
    site.wait_for_windows(2, 30, site.served.measurements())


def test_the_status_of_a_daemon_at_work_and_of_one_that_is_gone(box: Place, site: RunningSite) -> None:
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
        whole(site)
        outputs = []

        def has_share() -> bool:
            # Just after the end of a window nothing has been read since.
            outputs.append(run(box, "status"))
            return any("100%" in line for line in outputs[-1].stdout.splitlines() if line.startswith("  Tension L1"))

        wait_for(has_share, 20, "a read in this window")
        done = outputs[-1]
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0] == "All is well. Devices that answer: 4 of 4."
        row = next(line.split() for line in lines if line.startswith("  Tension L1"))
        assert row[3:7:2] == ["V", "s"]
        assert row[6] == "100%"
        assert len(row[7]) >= 2, "its last windows"

        told = json.loads(run(box, "status", "--json").stdout)
        assert (told.pop("source"), told.pop("verdict")) == ("daemon", "right")
        assert len(told["devices"]) == 4
        for device in told["devices"]:
            for one in device["measurements"]:
                assert len(one.pop("recent")) >= 2
        assert_valid(told)

        chosen = run(box, "status", "TEMPERATURE")
        assert [line.split()[0] for line in chosen.stdout.splitlines() if line.startswith("  ")] == ["Température"]
        nothing = run(box, "status", "no such\x1b[1m name")
        assert nothing.returncode == 2
    gone = run(box, "status")
    assert gone.returncode == 1
    assert gone.stdout.startswith("The service does not run.\n")
    assert f"This is from {box.folder}/status.json.\n" in gone.stdout
    assert "  Tension L1" in gone.stdout
    told = json.loads(run(box, "status", "--json", "tension").stdout)
    assert (told["source"], told["verdict"], len(told["devices"])) == ("status.json", "wrong", 1)
    (box.folder / "status.json").unlink()
    nobody = run(box, "status")
    assert (nobody.returncode, nobody.stdout, nobody.stderr.count("\n")) == (69, "", 1)


def test_a_device_whose_id_stands_in_names_of_others_hides_nothing_of_them(box: Place, site: RunningSite) -> None:
    ids = ["7", "1", "8", "9"]
    site.central.devices = [device | {"_id": _id} for _id, device in zip(ids, site.devices, strict=True)]
    names = {one["name"] for device in site.devices for one in device["measurements"]}
    assert any("1" in name for name in names)
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
        whole(site)
        told = json.loads(run(box, "status", "--json").stdout)
    assert {one["name"] for device in told["devices"] for one in device["measurements"]} == names


def test_a_meter_that_falls_silent_comes_first(box: Place, site: RunningSite) -> None:
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)) as daemon:
        whole(site)
        site.run(site.site.gateway.listener.stop())
        daemon.log.wait_for("check its address, its power and its cable", 20)
        done = run(box, "status")
        assert done.returncode == 1
        lines = done.stdout.splitlines()
        assert lines[0].startswith("Something is wrong. Devices that answer: ")
        assert lines[1].startswith("- ")
        assert next(line for line in lines if line[:1] in ("!", "*"))[0] == "!"


def test_a_daemon_that_does_not_answer_costs_less_than_two_seconds(box: Place, site: RunningSite) -> None:
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)) as daemon:
        whole(site)
        with connected(str(box.folder / "control.sock")):
            pass
        daemon.send(19)
        began = time.monotonic()
        done = run(box, "status")
        took = time.monotonic() - began
        daemon.send(18)
        assert done.stdout.startswith("The service runs, but does not answer in time.\n")
        assert done.returncode == 1
        assert took < 2.0


@pytest.mark.parametrize("term", ["xterm", "linux"])
def test_a_watched_status_is_drawn_over_and_ends_at_ctrl_c(box: Place, site: RunningSite, term: str) -> None:
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
        whole(site)
        with on_a_terminal([*COMMAND, "status", "--watch"], RUNTIME_DIRECTORY=str(box.folder), TERM=term) as screen:
            screen.wait_for("All is well")
            seen = screen.raw.count("All is well")
            while screen.raw.count("All is well") < seen + 1:
                assert screen._read(time.monotonic() + 10)
            assert "lines that do not fit" in screen.text
            screen.press(b"\x03")
            assert screen.end() == 0
    # On a screen of its own, from its corner, nothing of which is cleared in between.
    assert screen.raw.startswith("\x1b[?1049h")
    assert screen.raw.endswith("\x1b[?25h\x1b[?1049l"), "the cursor and the screen are as they were"
    assert screen.raw.count("\x1b[2J") == 0
    assert ("▁" in screen.raw) == (term == "xterm")
    assert "Traceback" not in screen.raw


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["--watch"], 2),
        (["--watch", "--json"], 2),
        (["a", "b"], 2),
        (["--nonsense"], 2),
        (["x" * 5000], 2),
        (["\x1b[2J"], 2),
        ([], 69),
    ],
)
def test_a_misused_status_is_one_line(box: Place, arguments: list[str], status: int) -> None:
    done = run(box, "status", *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done.stderr
    assert "\x1b" not in done.stderr


def test_an_output_that_goes_nowhere_is_one_line_at_most(box: Place, site: RunningSite) -> None:
    with at_work(box, site, RUNTIME_DIRECTORY=str(box.folder)):
        whole(site)
        environment = environment_with(RUNTIME_DIRECTORY=str(box.folder))
        for arguments in (["status"], ["status", "--json"]):
            with Path("/dev/full").open("w") as full:
                done = subprocess.run(
                    [*COMMAND, *arguments],
                    cwd=CHECKOUT,
                    env=environment,
                    stdout=full,
                    stderr=subprocess.PIPE,
                    text=True,
                    check=False,
                )
            assert (done.returncode, done.stderr) == (1, "the output cannot be written: No space left on device\n")
            reading, writing = os.pipe()
            os.close(reading)
            done = subprocess.run(
                [*COMMAND, *arguments],
                cwd=CHECKOUT,
                env=environment,
                stdout=writing,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
            )
            os.close(writing)
            assert (done.returncode, done.stderr) == (0, "")


def test_five_thousand_measurements_stay_readable_and_take_less_than_two_seconds(box: Place) -> None:
    async def scenario() -> None:
        async with knowing(box.folder, 5000) as answers, serving(box.folder, answers):
            began = time.monotonic()
            done = await asyncio.to_thread(run, box, "status")
            assert time.monotonic() - began < 2
            assert done.returncode == 0, done.stderr
            lines = done.stdout.splitlines()
            assert lines[0] == "All is well. Devices that answer: 2 of 2."
            assert len(lines) < 30
            assert "* meter: measurements: 5000" in lines
            told = await asyncio.to_thread(run, box, "status", "--json")
            assert len(json.loads(told.stdout)["devices"][0]["measurements"]) == 5000

    asyncio.run(scenario())
