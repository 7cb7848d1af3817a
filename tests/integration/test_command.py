"""The command: exit statuses, and one line for what is wrong."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inviseobox.simulator.background import running_site
from tests.support.daemons import CHECKOUT, Place, environment_with, inviseobox
from tests.support.processes import started

from .daemon_sites import at_work, wait_for_more

WRONG = {
    "no TOML": "token = \n",
    "an unknown key": 'token = "{token}"\nurl = "http://127.0.0.1/api"\ntokn = 1\n',
    "a wrong type": 'token = "{token}"\nurl = "http://127.0.0.1/api"\ninterval = "soon"\n',
    "out of range": 'token = "{token}"\nurl = "http://127.0.0.1/api"\ninterval = 0\n',
    "no url": 'token = "{token}"\nurl = "ftp://example"\n',
    "no CA": 'token = "{token}"\nurl = "https://127.0.0.1/api"\nca_file = "/etc/passwd"\n'
    '[buffer]\npath = "{folder}/data.db"\n',
    "no token file": 'token_file = "/nowhere"\nurl = "https://127.0.0.1/api"\n',
    "no text": "\xff\xfe",
    "a table": "[token]\n",
    "a key that is no text": '"\\u001b[31m" = 1\n',
}


KEYS = {
    "an unknown key": "tokn",
    "a wrong type": "interval",
    "out of range": "interval",
    "no url": "url",
    "no CA": "ca_file",
    "no token file": "token_file",
    "a table": "token",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_configuration_is_one_line_and_status_78(tmp_path: Path, name: str) -> None:
    path = tmp_path / "config.toml"
    text = WRONG[name].replace("{token}", "a1" * 32).replace("{folder}", str(tmp_path))
    path.write_bytes(text.encode("latin-1"))
    result = inviseobox("run", "--config", str(path))
    assert result.returncode == 78
    (line,) = result.stderr.splitlines()
    assert str(path) in line
    assert KEYS.get(name, "") in line
    assert "a1" * 32 not in line
    assert line.isprintable()
    assert result.stdout == ""
    configured = inviseobox("is-configured", "--config", str(path))
    assert configured.returncode == 0, "the daemon says what is wrong"


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        (None, ["token", "url"]),
        ("", ["token", "url"]),
        ("# token =\n", ["token", "url"]),
        ('token = ""\nurl = ""\n', ["token", "url"]),
        ('url = "https://domaine.com/api"\n', ["token"]),
        ('token = "ff"\n', ["url"]),
    ],
)
def test_an_incomplete_configuration_is_one_line_that_names_what_is_missing(
    tmp_path: Path, text: str | None, missing: list[str]
) -> None:
    path = tmp_path / "config.toml"
    if text is not None:
        path.write_text(text)
    for command, status in (("is-configured", 3), ("run", 78)):
        result = inviseobox(command, "--config", str(path))
        assert result.returncode == status
        (line,) = result.stderr.splitlines()
        assert str(path) in line
        assert all(key in line for key in missing)


def test_is_configured_succeeds_silently_with_a_complete_configuration(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('token = "ff"\nurl = "https://domaine.com/api"\n')
    result = inviseobox("is-configured", "--config", str(path))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_second_daemon_on_the_same_buffer_ends_with_one_line(box: Place) -> None:
    with running_site() as site, at_work(box, site) as daemon:
        daemon.told.wait_for("READY=1", 5)
        result = inviseobox("run", "--config", str(box.configuration))
        assert result.returncode not in (0, 78)
        (line,) = [line for line in result.stderr.splitlines() if "DEBUG" not in line]
        assert str(box.buffer) in line
        wait_for_more(site, 1)


def test_a_buffer_that_cannot_be_opened_ends_with_one_line(box: Place) -> None:
    box.configure("f" * 64, "http://127.0.0.1:1/api")
    box.buffer.mkdir()
    result = inviseobox("run", "--config", str(box.configuration))
    assert result.returncode not in (0, 78)
    (line,) = [line for line in result.stderr.splitlines() if "DEBUG" not in line]
    assert str(box.buffer) in line


@pytest.mark.parametrize("windows", [1])
def test_the_demo_ends_by_itself(windows: int) -> None:
    result = inviseobox("demo", "--windows", str(windows), "--interval", "2", within=40)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    (energy,) = [line for line in result.stdout.splitlines() if "Énergie active" in line]
    assert len(energy.split()) >= 8, "min, max, avg and diff"
    assert any("Température" in line for line in result.stdout.splitlines())


def test_the_demo_stops_at_ctrl_c() -> None:
    with started(
        [sys.executable, "-m", "inviseobox", "demo", "--interval", "30"],
        cwd=CHECKOUT,
        env=environment_with(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert any("delivers a window" in line for line in process.stdout)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=15)
    assert process.returncode == 0, output + errors
    assert "Traceback" not in output + errors
