"""Tests run alike in a terminal, as a background job and under nohup: what they start ignores no signal."""

import signal
import subprocess
import sys
from pathlib import Path

_IGNORING = 'trap "" HUP INT QUIT TERM USR1 && exec "$@"'


def test_a_program_that_a_test_starts_ignores_no_signal() -> None:
    status = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True).stdout
    (ignored,) = [line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:")]
    # Those that the C library keeps to itself cannot be set by a program (nptl(7)).
    assert [number for number in signal.valid_signals() if int(ignored, 16) >> (number - 1) & 1] == []


def test_a_program_ignores_no_signal_though_pytest_was_started_to_ignore_some(tmp_path: Path) -> None:
    test = f"{__file__}::{test_a_program_that_a_test_starts_ignores_no_signal.__name__}"
    pytest = [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={tmp_path}", test]
    done = subprocess.run(["sh", "-c", _IGNORING, "sh", *pytest], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
