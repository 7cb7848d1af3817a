"""What the other tests on a whole machine rely on."""

import pytest

from tests.support.root_shell import UNIT, CommandError

from .figures import measured
from .image import Image
from .whole_machine import WholeMachine


def test_a_machine_of_its_own_kernel_runs_commands_and_keeps_what_it_flushed_over_a_cut(image: Image) -> None:
    with WholeMachine(image) as box:
        measured(f"boot: {box.boot_seconds:.0f} s")
        assert box.run("systemctl", "is-system-running").stdout.strip() == "running"
        # Not configured: the service is not started, and nothing has failed.
        assert box.show(UNIT, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "exec-condition"}
        assert box.run("sh", "-c", "cat; echo wrong >&2; exit 3", check=False, text="é\n").stdout == "é\n"
        with pytest.raises(CommandError, match="exit status 3\nwrong"):
            box.run("sh", "-c", "echo wrong >&2; exit 3")
        with pytest.raises(CommandError, match="sleep"):
            box.run("sleep", "60", timeout=0.5)
        assert box.main_pid("systemd-journald.service") > 1
        assert "i6300ESB" in box.run("journalctl", "--boot", "--grep=Using hardware watchdog").stdout
        box.write("/root/flushed", "flushed\n")
        box.run("sync")
        box.write("/root/unflushed", "not flushed\n")
        first = box.boot_id()
        box.cut()
        assert not box.is_on

        box.boot()
        assert box.boot_id() != first
        assert box.read("/root/flushed") == "flushed\n"
        assert not box.exists("/root/unflushed") or box.read("/root/unflushed") in ("", "not flushed\n")
        box.shut_down()
        box.boot()
        assert box.read("/root/flushed") == "flushed\n"
