"""`inviseobox configure` and `import-compose` on a machine, as a technician uses them there."""

import json
import shlex
import time

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import CONFIGURATION, lines_with, state, wait_for_windows

FILE = "/root/token"


def rights(box: Machine) -> list[str]:
    return box.run("stat", "-c", "%a %U %G", str(CONFIGURATION)).stdout.split()


def configure(box: Machine, site: RunningSite, *more: str) -> tuple[int, str, str]:
    box.write(FILE, site.token, 0o600)
    words = ("inviseobox", "configure", "--url", site.url, "--token-file", FILE, *more)
    done = box.run(*words, check=False, timeout=120)
    return done.returncode, done.stdout, done.stderr


def test_a_fresh_box_is_configured_and_delivers(box: Machine) -> None:
    shipped = box.read(str(CONFIGURATION))
    with running_site() as site:
        began = time.monotonic()
        status, said, errors = configure(box, site, "--interval", "10")
        assert (status, errors) == (0, "")
        count = len(site.devices)
        assert said.splitlines()[-1] == f"the service runs; {count} of {count} devices answer"
        assert state(box) == "active"
        wait_for_windows(site, 1)
        assert time.monotonic() - began < 60
        assert rights(box) == ["640", "root", "inviseobox"]
        text = box.read(str(CONFIGURATION))
        assert text.count("\n") == shipped.count("\n"), "each setting stands in the place of its comment"
        assert site.token not in said + json.dumps(box.journal())

        process = box.main_pid(UNIT)
        again, _, _ = configure(box, site, "--interval", "10")
        assert again == 0
        assert box.read(str(CONFIGURATION)) == text
        assert box.main_pid(UNIT) != process


def test_a_wrong_token_changes_nothing_and_the_service_goes_on(box: Machine) -> None:
    with running_site() as site:
        assert configure(box, site, "--interval", "4")[0] == 0
        text, process = box.read(str(CONFIGURATION)), box.main_pid(UNIT)
        box.write(FILE, "ab" * 32, 0o600)
        refused = box.run("inviseobox", "configure", "--token-file", FILE, check=False)
        assert refused.returncode == 1
        (line,) = refused.stderr.splitlines()
        assert line.startswith("token: the server refuses it")
        assert line.endswith("nothing was changed")
        assert (box.read(str(CONFIGURATION)), box.main_pid(UNIT)) == (text, process)
        assert rights(box) == ["640", "root", "inviseobox"]


def test_what_does_not_answer_is_told_with_its_cause(box: Machine) -> None:
    with running_site() as site:
        site.run(site.site.sensor.http.listener.stop())
        status, said, _ = configure(box, site, "--interval", "4")
    assert status == 1
    count = len(site.devices)
    assert said.splitlines()[-1] == f"the service runs; {count - 1} of {count} devices answer"
    assert "Connection refused" in said.splitlines()[-2]


def test_a_service_that_does_not_start_is_told(box: Machine) -> None:
    box.run("mkdir", "-p", f"/etc/systemd/system/{UNIT}.d")
    box.write(f"/etc/systemd/system/{UNIT}.d/fails.conf", "[Service]\nExecStartPre=/bin/false\nRestart=no\n")
    box.run("systemctl", "daemon-reload")
    with running_site() as site:
        status, _, errors = configure(box, site)
    assert (status, errors) == (1, "the service does not start; what it says: journalctl -u inviseobox\n")
    box.run("systemctl", "mask", UNIT)
    with running_site() as site:
        status, _, errors = configure(box, site)
    assert status == 69
    (line,) = errors.splitlines()
    assert line.startswith("the configuration is written, but the service is not restarted: ")
    assert "masked" in line


def test_who_is_not_root_is_told_what_to_type(box: Machine) -> None:
    for command in (["configure"], ["import-compose", "/root/docker-compose.yml"]):
        words = ["runuser", "-u", "nobody", "--", "inviseobox", *command]
        done = box.run(*words, check=False)
        assert done.returncode == 4
        right = f"{CONFIGURATION}: only root may change it; run: sudo inviseobox {shlex.join(command)}\n"
        assert done.stderr == right


def test_a_box_that_is_not_configured_says_which_command_does_it(box: Machine) -> None:
    box.run("systemctl", "restart", UNIT)
    wait_for(lambda: lines_with(box, "not configured yet; run: sudo inviseobox configure"), 10, "the line")


def test_a_box_of_old_moves_over(box: Machine) -> None:
    with running_site() as site:
        environment = f"      - token={site.token}\r\n      - url={site.url}\r\n      - interval=4\r\n"
        box.write("/root/docker-compose.yml", f"services:\r\n  inviseobox:\r\n    environment:\r\n{environment}")
        done = box.run("inviseobox", "import-compose", "/root/docker-compose.yml", timeout=120)
        assert done.stderr == ""
        assert "docker compose -f /root/docker-compose.yml down" in done.stdout
        assert rights(box) == ["640", "root", "inviseobox"]
        wait_for_windows(site, 1)
