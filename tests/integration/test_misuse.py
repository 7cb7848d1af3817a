"""Every command misused, and with output that goes nowhere: a helpful line at most, and a documented exit status."""

import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.daemons import CHECKOUT, Place, environment_with, inviseobox
from tests.support.french import compile_french
from tests.support.processes import started

COMMAND = ["/usr/bin/python3", "-m", "inviseobox"]
DOCUMENTED = {0, 1, 2, 3, 4, 69, 78}
"""The exit statuses of inviseobox(1)."""
TOKEN = "ab" * 32

MISUSES = {
    "": [[], ["nonsense"], ["--json"], ["--config"], [""]],
    "configure": [["--url"], ["--url", ""], ["--interval", "1e9"], ["extra"], ["--token-file", "a", "--token-stdin"]],
    "import-compose": [[], ["a", "b"], [""], ["a", "--url", "x"], ["a", "--config"]],
    "check": [["extra"], ["--verbose"], ["--config"], ["--config", ""], ["--json=yes"]],
    "status": [["a", "b"], ["--watch", "--json"], ["--csv"], ["x" * 201], ["a\nb"]],
    "history": [[], [""], ["a", "--since"], ["a", "--since", "soon"], ["a", "--csv", "--plot"]],
    "rejected": [["x"], ["--again"], ["--config"], ["--config", ""], ["--requeue=yes"]],
    "is-configured": [["x"], ["--json"], ["--config"], ["--config", ""], ["--config", "a", "b"]],
    "run": [["x"], ["--daemon"], ["--config"], ["--config", ""], ["--config", "a", "b"]],
    "demo": [["x"], ["--windows"], ["--windows", "0"], ["--interval", "-1"], ["--faults=yes"]],
}


@pytest.mark.parametrize("command", MISUSES)
def test_a_misuse_is_one_line_that_says_where_the_right_one_stands(command: str, tmp_path: Path) -> None:
    french = compile_french(tmp_path)
    words = [command] if command else []
    for arguments in MISUSES[command]:
        said = inviseobox(*words, *arguments)
        assert (said.returncode, said.stdout) == (2, ""), arguments
        (line,) = said.stderr.splitlines()
        helps = line.startswith("inviseobox ") and line.endswith(f"; see: inviseobox {command} --help")
        assert helps or not command or line.startswith(("--since must be", "a name is")), line
        done = subprocess.run(
            [*COMMAND, *words, *arguments],
            cwd=CHECKOUT,
            env=environment_with(**french),
            capture_output=True,
            text=True,
            check=False,
        )
        (told,) = done.stderr.splitlines()
        assert done.returncode == 2
        assert told != line, "it is French"


@pytest.mark.parametrize("typed", ["1\n2", "\x1b[31m", "\udcff", "\u202e"])
def test_what_was_typed_is_told_in_one_line_that_no_terminal_obeys(typed: str) -> None:
    for arguments in (["configure", "--interval", typed], ["status", "a", typed], [typed]):
        said = inviseobox(*arguments)
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (2, "", 1)
        assert said.stderr[:-1].isprintable()


def test_a_token_among_the_arguments_is_refused_and_not_repeated() -> None:
    for arguments in (["--token", TOKEN], [f"--token={TOKEN}"], ["--token"]):
        said = inviseobox("configure", "--url", "http://127.0.0.1:1/api", *arguments)
        assert (said.returncode, said.stdout) == (2, "")
        (line,) = said.stderr.splitlines()
        assert "use --token-file or --token-stdin" in line
        assert TOKEN not in line


PRINTING: dict[str, Sequence[str]] = {
    "version": ["--version"],
    "help": ["--help"],
    "check": ["check", "--config", "{configuration}"],
    "rejected": ["rejected", "--config", "{configuration}"],
    "configure": ["configure", "--config", "{configuration}"],
    "import-compose": ["import-compose", "{configuration}", "--config", "{configuration}"],
    "status": ["status"],
    "history": ["history", "x"],
    "is-configured": ["is-configured", "--config", "{nowhere}"],
    "run": ["run", "--config", "{nowhere}"],
    "misuse": ["nonsense"],
}
WHERE = {
    "a full disk": ">/dev/full",
    "all on a full disk": ">/dev/full 2>&1",
    "closed": ">&-",
    "errors closed": "2>&-",
    "all closed": "<&- >&- 2>&-",
    "nobody reads": "| true",
}


def around(where: str, box: Place, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Run the command with output that goes there; return its exit status, and what can be seen."""
    places = {"configuration": str(box.configuration), "nowhere": str(box.folder / "nowhere")}
    words = [*COMMAND, *(word.format(**places) for word in arguments)]
    script = f'set -o pipefail; "$@" {WHERE[where]}'
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", PRINTING)
def test_output_that_goes_nowhere_is_one_line_at_most(box: Place, name: str) -> None:
    box.configure(TOKEN, "http://127.0.0.1:1/api")
    environment = environment_with(RUNTIME_DIRECTORY=str(box.folder))
    usual = inviseobox(*(word.format(configuration=box.configuration, nowhere="/nowhere") for word in PRINTING[name]))
    for where in WHERE:
        status, out, errors = around(where, box, PRINTING[name], environment)
        assert status in DOCUMENTED, where
        assert "Traceback" not in out + errors
        assert "Exception ignored" not in out + errors
        if usual.stdout and where in ("a full disk", "closed"):
            assert status == 1, where
            assert [line for line in errors.splitlines() if "output cannot be written" in line], where
        if where == "nobody reads" and not usual.stderr:
            assert errors == ""


def test_the_demo_ends_where_nothing_can_be_printed() -> None:
    for where in (">/dev/full", ">&-"):
        done = subprocess.run(
            ["bash", "-c", f'"$@" {where}', "bash", *COMMAND, "demo", "--windows", "1", "--interval", "1"],
            cwd=CHECKOUT,
            env=environment_with(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("the output cannot be written: ")
        assert done.stderr.count("\n") == 1


def test_ctrl_c_is_one_line_while_the_service_is_asked(box: Place) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(box.folder / "control.sock"))
        silent.listen()
        for arguments in (["history", "x"], ["rejected"]):
            command = [*COMMAND, *arguments]
            environment = environment_with(RUNTIME_DIRECTORY=str(box.folder))
            with started(command, cwd=CHECKOUT, env=environment, stderr=subprocess.PIPE) as process:
                client, _ = silent.accept()
                with client:
                    process.send_signal(signal.SIGINT)
                    _, errors = process.communicate(timeout=20)
                assert (process.returncode, errors) == (1, "stopped\n")


@pytest.mark.parametrize("command", ["check", "rejected", "is-configured", "run", "configure"])
def test_a_file_without_end_is_no_configuration(command: str) -> None:
    said = inviseobox(command, "--config", "/dev/zero")
    assert said.returncode == {"check": 1, "is-configured": 0}.get(command, 78)
    if command != "is-configured":
        assert "/dev/zero: is larger than 1048576 bytes" in said.stdout + said.stderr


def test_a_command_of_another_file_is_named_with_it(box: Place) -> None:
    path = box.folder / "my config.toml"
    path.write_text("")
    said = inviseobox("check", "--config", str(path))
    (line,) = [line for line in said.stdout.splitlines() if line.startswith("wrong: ")]
    assert line.endswith(f"; next: sudo inviseobox configure --config '{path}'")
