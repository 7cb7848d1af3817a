"""A service that takes more and more memory is ended and started again, and nothing else is."""

from inviseobox.simulator.meters import bus_meters
from inviseobox.simulator.verdict import Loss
from tests.support.root_shell import UNIT
from tests.support.waiting import wait_for

from .figures import measured
from .service import INTERVAL, START_WITHIN, WINDOWS_WITHIN, set_up
from .sites import machine_site
from .whole_machine import WholeMachine

_DROP_IN = f"/run/systemd/system/{UNIT}.d/leak.conf"
# Of the process that the file names, and of no later one.
_LEAK = """
import os, pathlib, threading, time
leaked = []
def leak():
    me = os.environ.get("INVOCATION_ID")
    while pathlib.Path("/run/leak/invocation").read_text().strip() != me:
        time.sleep(0.2)
    while True:
        leaked.append(bytearray(os.urandom(4096) * 512))
        time.sleep(0.05)
if os.environ.get("NOTIFY_SOCKET"):
    threading.Thread(target=leak, daemon=True).start()
"""
_KILLED_WITHIN = 300.0


def test_a_leak_ends_in_a_restart_of_the_service_alone(box: WholeMachine) -> None:
    box.write("/run/leak/sitecustomize.py", _LEAK, mode=0o644)
    box.write("/run/leak/invocation", "", mode=0o644)
    box.write(_DROP_IN, "[Service]\nEnvironment=PYTHONPATH=/run/leak\n")
    box.run("systemctl", "daemon-reload")
    with machine_site(bus_meters()) as site:
        try:
            set_up(box, site)
            site.wait_for_windows(1, WINDOWS_WITHIN)
            boot, others = box.boot_id(), _others(box)
            before = box.show(UNIT, "InvocationID", "NRestarts")
            box.write("/run/leak/invocation", before["InvocationID"])
            began = _now(box)
            wait_for(
                lambda: int(box.show(UNIT, "NRestarts")["NRestarts"]) > int(before["NRestarts"]),
                _KILLED_WITHIN,
                "the service is started again",
            )
            ended = _now(box)
            assert box.journal(UNIT, UNIT_RESULT="oom-kill")
            site.wait_for_windows(2, WINDOWS_WITHIN, after=ended)
            site.wait_until_all_is_right(INTERVAL, (Loss(began, ended + 10),))
            assert box.show(UNIT, "ActiveState", "NRestarts") == {
                "ActiveState": "active",
                "NRestarts": str(int(before["NRestarts"]) + 1),
            }
            assert (box.boot_id(), _others(box)) == (boot, others)
            measured(f"leak: ended and started again within {ended - began:.0f} s, {len(others)} other units untouched")
        finally:
            box.run("rm", _DROP_IN)
            box.run("systemctl", "daemon-reload")
            box.run("systemctl", "stop", UNIT, timeout=START_WITHIN)


def _others(box: WholeMachine) -> dict[str, int]:
    """Return the main process of each other service that runs."""
    listed = box.run("systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend").stdout
    units = {line.split()[0] for line in listed.splitlines()} - {UNIT}
    return {unit: box.main_pid(unit) for unit in units if not unit.startswith("user@")}


def _now(box: WholeMachine) -> float:
    return float(box.run("date", "+%s.%N").stdout)
