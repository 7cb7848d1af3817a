"""How the process of a command ends where a call hangs in a thread of its own."""

import subprocess

import pytest

PROGRAM = """
import atexit
import sys
import threading
from inviseobox import cli

atexit.register(print, "Python took itself apart")
if sys.argv[1] == "hangs":
    threading.Thread(target=threading.Event().wait, daemon=True).start()
sys.argv[1:] = ["--version"]
cli.program()
"""


@pytest.mark.parametrize(("case", "says"), [("hangs", []), ("ends", ["Python took itself apart"])])
def test_python_takes_itself_apart_only_where_no_thread_is_left(case: str, says: list[str]) -> None:
    done = subprocess.run(["/usr/bin/python3", "-c", PROGRAM, case], capture_output=True, text=True, check=False)
    first, *rest = done.stdout.splitlines()
    assert first.startswith("inviseobox ")
    assert (done.returncode, rest, done.stderr) == (0, says, "")
