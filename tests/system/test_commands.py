"""The commands on a machine: who may what, what they say where something is missing, and that the token is not seen."""

import json
import re
from collections.abc import Iterator

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.machine import UNIT, Machine

from .service import CONFIGURATION, configuration, configure, wait_for_windows, wait_until_active
from .users import MEMBER, STRANGER, as_user

# The characters of a locale that each machine has; without them a terminal is shown ASCII.
_FRENCH = ("env", "LC_ALL=", "LC_CTYPE=C.UTF-8", "LANG=fr_FR.UTF-8")
_WATCH = r"""
import pathlib, subprocess, sys
command = sys.argv[1:]
token = pathlib.Path("/root/token").read_text()
seen = set()

def look(path):
    try:
        return token.encode() in path.read_bytes()
    except OSError:
        return False

def is_closed(path):
    # To all but its owner and its group, through the folders above it as well.
    return any(not one.stat().st_mode & 0o001 for one in path.parents) or not path.stat().st_mode & 0o004

with open("/root/out", "w") as out, open("/root/token") as given:
    process = subprocess.Popen(command, stdin=given, stdout=out, stderr=out)
    while process.poll() is None:
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            if folder.name != str(pathlib.Path("/proc/self").readlink()):
                seen |= {f"{name} of a process" for name in ("cmdline", "environ") if look(folder / name)}
for root in ("/etc", "/run", "/tmp", "/var/tmp", "/var/lib", "/var/log", "/root/out"):
    for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
        try:
            found = path.is_file() and not path.is_symlink() and look(path)
            if found and (str(path) != "/etc/inviseobox/config.toml" or not is_closed(path)):
                seen.add(str(path))
        except OSError:
            pass
print(process.returncode, *sorted(seen))
"""


@pytest.fixture
def site() -> Iterator[RunningSite]:
    with running_site() as running:
        yield running


def said(box: Machine, *arguments: str, user: str = "root", around: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """Run a command as a user; return its exit status and all its lines."""
    done = box.run(*as_user(user), *around, "inviseobox", *arguments, check=False, timeout=120)
    return done.returncode, [*done.stdout.splitlines(), *done.stderr.splitlines()]


def fault(box: Machine, user: str = "root") -> tuple[str, str, str]:
    """Return the check, the code and the next command of the one fault that is found."""
    found = json.loads(box.run(*as_user(user), "inviseobox", "check", "--json", check=False).stdout)
    (wrong,) = [one for one in found["checks"] if one["state"] == "wrong"]
    return wrong["check"], wrong["code"], wrong["command"]


def test_a_fresh_box_says_that_it_is_not_configured_and_how_it_is(staffed: Machine) -> None:
    how = "sudo inviseobox configure"
    for user in ("root", MEMBER):
        status, (line,) = said(staffed, "status", user=user)
        assert status == 69
        assert line.startswith(f"The service does not run. It is not configured yet: {how}")
    assert fault(staffed) == ("configuration", "not configured", how)
    assert fault(staffed, MEMBER) == ("service", "skipped", how)


def test_a_service_that_does_not_come_back_after_a_power_cut_is_the_one_fault(
    staffed: Machine, site: RunningSite
) -> None:
    configure(staffed, configuration(site))
    wait_until_active(staffed)
    wait_for_windows(site, 1)
    for verb, code, command in (
        ("disable", "disabled", "enable"),
        ("disable --now", "stopped", "enable --now"),
        ("mask", "masked", "unmask"),
    ):
        staffed.run("systemctl", *verb.split(), UNIT)
        for user in ("root", MEMBER):
            assert fault(staffed, user) == ("service", code, f"sudo systemctl {command} inviseobox")
    for verb in ("unmask", "enable", "start"):
        staffed.run("systemctl", verb, UNIT)
    wait_until_active(staffed)
    assert said(staffed, "check")[0] == 0


def test_what_a_user_may_not_do_names_the_right_and_the_command(staffed: Machine, site: RunningSite) -> None:
    configure(staffed, configuration(site))
    wait_until_active(staffed)
    wait_for_windows(site, 1)
    for arguments in (["status"], ["history", "Tension L1"], ["rejected"]):
        assert said(staffed, *arguments, user=MEMBER)[0] == 0
        status, (line,) = said(staffed, *arguments, user=STRANGER)
        assert status == 4
        assert f"sudo usermod --append --groups adm {STRANGER}" in line
    for user in (MEMBER, STRANGER):
        for arguments in (["rejected", "--requeue"], ["configure"], ["import-compose", "my file.yml"]):
            status, (line,) = said(staffed, *arguments, user=user)
            assert status == 4
            words = " ".join(f"'{word}'" if " " in word else word for word in arguments)
            assert line.startswith(f"{CONFIGURATION}: only root may ")
            assert line.endswith(f"; run: sudo inviseobox {words}")
    assert said(staffed, "rejected", "--requeue")[0] == 0


@pytest.mark.parametrize("way", ["file", "standard input", "compose"])
def test_the_token_is_seen_in_no_process_and_no_file_of_others(box: Machine, site: RunningSite, way: str) -> None:
    box.write("/root/token", site.token, 0o600)
    environment = f"      - token={site.token}\n      - url={site.url}\n      - interval=10\n"
    box.write("/root/box.yml", f"services:\n  box:\n    environment:\n{environment}", 0o600)
    box.write("/root/watch.py", _WATCH)
    command = {
        "file": ["configure", "--url", site.url, "--token-file", "/root/token"],
        "standard input": ["configure", "--url", site.url, "--token-stdin"],
        "compose": ["import-compose", "/root/box.yml"],
    }[way]
    seen = box.run("python3", "/root/watch.py", "sh", "-c", "seq 3000000 >/dev/null", site.token, timeout=120).stdout
    assert "cmdline of a process" in seen, "it would be seen"
    found = box.run("python3", "/root/watch.py", "inviseobox", *command, timeout=120).stdout.split()
    assert found == ["0"], box.read("/root/out")
    assert site.token not in json.dumps(box.journal())


def test_what_docker_says_of_the_old_box_is_told(box: Machine, site: RunningSite) -> None:
    environment = f"      - token={site.token}\n      - url={site.url}\n"
    box.write("/root/box.yml", f"services:\n  old:\n    environment:\n{environment}")
    for script, status, words in (
        (
            '[ "$*" = "ps --quiet --filter label=com.docker.compose.service=old" ] && echo abc',
            1,
            "still runs: two boxes",
        ),
        ("true", 0, "does not run; remove what is left of it"),
        ("echo 'permission denied' >&2; exit 1", 0, "does not run; remove what is left of it"),
    ):
        box.write("/usr/local/bin/docker", f"#!/bin/sh\n{script}\n", 0o755)
        done, lines = said(box, "import-compose", "/root/box.yml")
        assert done == status
        (line,) = [one for one in lines if one.startswith("the old box ") and words in one]
        assert line.endswith(": docker compose -f /root/box.yml down")


def test_every_line_of_every_command_is_french_and_json_is_not(box: Machine, site: RunningSite) -> None:
    configure(box, configuration(site))
    wait_until_active(box)
    wait_for_windows(site, 2)
    box.write("/root/token", "ab" * 32, 0o600)
    commands = [
        ["status"],
        ["check"],
        ["history", "Tension L1", "--since", "1h"],
        ["history", "Tension"],
        ["history", "nothing"],
        ["rejected"],
        ["rejected", "--requeue"],
        ["configure", "--token-file", "/root/token"],
        ["configure", "--token-file", "/root"],
        ["configure", "--nonsense"],
        ["import-compose", "/root/token"],
        ["is-configured", "--config", "/nowhere"],
        ["nonsense"],
        *([name, "--help"] for name in ("configure", "check", "status", "history", "rejected", "run", "demo")),
    ]
    for arguments in commands:
        status, lines = said(box, *arguments)
        french_status, french = said(box, *arguments, around=_FRENCH)
        assert french_status == status, arguments
        assert len(french) == len(lines) or "--help" in arguments, "help is folded at other places"
        alike = {line for line in set(lines) & set(french) if not _is_of_others(line)}
        assert not alike, arguments
    box.run("systemctl", "stop", UNIT)
    for arguments in (["status", "--json"], ["check", "--json"]):
        (_, english), (_, told) = said(box, *arguments), said(box, *arguments, around=_FRENCH)
        numbers = re.compile(r'"(free|seconds)": "[\d.]+"')
        assert numbers.sub("", told[0]) == numbers.sub("", english[0])


def _is_of_others(line: str) -> bool:
    """Whether a line holds nothing but names, numbers and units of the device list."""
    return not line.strip() or line.startswith(("  ", "* ", "65a0", "Compteur", "Capteur", "options:"))
