"""What the package inviseobox-updater ships agrees with itself, with the program, and with the manual page."""

import argparse
import re
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import inviseobox
from inviseobox.buffer import schema
from inviseobox.updater import cli, settings

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "debian"
SHIPPED = (DEBIAN / "updater/config.toml").read_text()
PAGE = (DEBIAN / "inviseobox-updater.8").read_text().replace("\\-", "-").replace("\\(dq", '"')
SCRIPTS = sorted((DEBIAN / "updater").glob("*.sh"))
UNITS = sorted((ROOT / "systemd").glob("inviseobox-updater*.[st][ei][rm]*"))
COMPLETION = DEBIAN / "inviseobox-updater.bash-completion"
COMMANDS = {
    name: {option for action in parser._actions for option in action.option_strings if option.startswith("--")}
    for action in cli._parser()._actions
    if isinstance(action, argparse._SubParsersAction)  # argparse offers no other way to ask
    for name, parser in action.choices.items()
}


def stanza(package: str) -> str:
    """Return what debian/control says of a package."""
    return re.split(r"\n\n(?=Package: )", (DEBIAN / "control").read_text().partition(f"Package: {package}\n")[2])[0]


def test_the_package_tells_the_schema_of_its_database() -> None:
    told = dict(re.findall(r"(?m)^XB-(Inviseobox-\S+): (\d+)$", stanza("inviseobox")))
    assert told == {
        "Inviseobox-Schema": str(schema.SCHEMA),
        "Inviseobox-Oldest-Reader": str(schema.OLDEST_READER),
    }


def test_the_updater_depends_on_no_package_that_it_replaces() -> None:
    (depends,) = re.findall(r"(?ms)^Depends: (.*?)(?=^\S)", stanza("inviseobox-updater"))
    assert "inviseobox" not in depends


def test_the_shipped_configuration_changes_nothing_and_shows_the_defaults(tmp_path: Path) -> None:
    assert tomllib.loads(SHIPPED) == {}
    shown = tomllib.loads(re.sub(r"(?m)^#(?=\w+ = )", "", SHIPPED))
    on_the_page = re.findall(r"(?m)^\.TP\n\.B (\w+ = .*)$", PAGE.partition(".SH CONFIGURATION")[2])
    assert list(tomllib.loads("\n".join(on_the_page)).items()) == list(shown.items())
    as_shown = tmp_path / "config.toml"
    as_shown.write_text(re.sub(r"(?m)^#(?=\w+ = )", "", SHIPPED))
    assert settings.load(str(as_shown)) == settings.load(str(DEBIAN / "updater/config.toml")) == settings.Settings()
    assert list(shown) == [field.name for field in fields(settings.Settings)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_one_for_every_posix_shell(script: Path) -> None:
    assert script.read_text().startswith("#!/bin/sh\n")
    checked = subprocess.run(["dash", "-n", script], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_program_and_the_scripts_may_be_run() -> None:
    assert len(SCRIPTS) == 3
    for path in (*SCRIPTS, DEBIAN / "updater/inviseobox-updater"):
        assert path.stat().st_mode & 0o111


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_names_its_page_and_a_program_that_is_shipped(unit: Path) -> None:
    text = unit.read_text()
    assert "Documentation=man:inviseobox-updater(8)\n" in text
    installed = {
        f"/{folder}/{Path(file).name}"
        for package in ("inviseobox", "inviseobox-updater")
        for file, folder in re.findall(r"(?m)^(\S+) (\S+)$", (DEBIAN / f"{package}.install").read_text())
    }
    for program in re.findall(r"(?m)^ExecStart=(\S+)", text):
        assert program in installed


def test_what_changes_packages_is_never_ended_in_its_midst() -> None:
    services = [unit.read_text() for unit in UNITS if unit.suffix == ".service"]
    assert len(services) == 3
    assert all("\nKillMode=mixed\n" in text for text in services)


def test_no_step_of_the_clock_stops_what_looks_every_hour() -> None:
    for name in ("inviseobox-updater.timer", "inviseobox-updater-rescue.timer"):
        text = (ROOT / "systemd" / name).read_text()
        # systemd.timer(5): the one is of the wall clock, the other of the monotonic one.
        assert {"OnCalendar=hourly", "OnUnitInactiveSec=2h"} <= set(text.splitlines())


def test_the_page_is_shipped_and_the_formatter_has_nothing_to_say() -> None:
    assert (DEBIAN / "inviseobox-updater.manpages").read_text() == "debian/inviseobox-updater.8\n"
    assert f'"inviseobox {inviseobox.__version__}"' in PAGE.splitlines()[0]
    command: list[str | Path] = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z", DEBIAN / "inviseobox-updater.8"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


@pytest.mark.parametrize("name", [*COMMANDS, *sorted(set().union(*COMMANDS.values()) - {"--help"})])
def test_the_page_explains_each_command_and_option(name: str) -> None:
    assert re.search(rf"(?m)^\.TP\n\.B {name}$", PAGE)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_the_command_line_completes(command: str) -> None:
    script = f"""
        source /usr/share/bash-completion/bash_completion
        source {COMPLETION}
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
        COMP_POINT=${{#COMP_LINE}}
        _inviseobox_updater "$1" "${{@: -1}}" "${{@: -2:1}}"
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    words = ["inviseobox-updater", *filter(None, [command]), ""]
    done = subprocess.run(["bash", "--norc", "-c", script, "bash", *words], capture_output=True, text=True, check=True)
    assert (set(done.stdout.split()), done.stderr) == (COMMANDS.get(command, {*COMMANDS, "--help", "--version"}), "")
