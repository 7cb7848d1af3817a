"""Where the control socket comes from: systemd, else the runtime directory."""

import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inviseobox.control.listening import listening
from tests.support.daemons import CHECKOUT, place

HANDED_OVER = """
import json, os, sys
from inviseobox.control.listening import listening
os.environ["LISTEN_PID"] = str(os.getpid())
made = listening(os.environ)
print(json.dumps([made.getsockname(), made.getblocking(), os.get_inheritable(made.fileno()), made.fileno()]))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with place() as made:
        yield made.folder


def test_the_socket_that_systemd_hands_over_is_taken(folder: Path) -> None:
    """It is descriptor 3, whatever RUNTIME_DIRECTORY says."""
    path = str(folder / "handed.sock")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path)
        made.listen()
        hand_over = f"exec {sys.executable} -c '{HANDED_OVER}' 3<&{made.fileno()}"
        done = subprocess.run(
            ["bash", "-c", hand_over],
            env={**os.environ, "LISTEN_FDS": "1", "RUNTIME_DIRECTORY": str(folder)},
            pass_fds=[made.fileno()],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert json.loads(done.stdout) == [path, False, False, 3]
    assert not (folder / "control.sock").exists()


def test_what_was_handed_to_another_process_is_not_taken(folder: Path) -> None:
    environment = {"LISTEN_FDS": "1", "LISTEN_PID": "1", "RUNTIME_DIRECTORY": str(folder)}
    made = listening(environment)
    assert made is not None
    with made:
        assert made.getsockname() == str(folder / "control.sock")


def test_without_systemd_it_is_made_for_owner_and_group_also_where_one_was_left(folder: Path) -> None:
    for _ in range(2):
        made = listening({"RUNTIME_DIRECTORY": str(folder)})
        assert made is not None
        with made:
            mode = (folder / "control.sock").stat().st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o660
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(folder / "control.sock"))


def test_without_a_place_there_is_none() -> None:
    assert listening({}) is None


def test_a_place_where_none_can_be_made_is_an_error(folder: Path) -> None:
    (folder / "control.sock").write_text("somebody's")
    with pytest.raises(OSError, match="Address already in use"):
        listening({"RUNTIME_DIRECTORY": str(folder)})
    assert (folder / "control.sock").read_text() == "somebody's"
