"""A configuration that is wrong, at the start and at a reload."""

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.waiting import wait_for

from .service import (
    CONFIGURATION,
    INTERVAL,
    configuration,
    configure,
    lines_with,
    own_lines,
    state,
    wait_for_windows,
    wait_until_active,
)

_EX_CONFIG = "78"


def test_a_wrong_configuration_gets_one_clear_line_and_no_restart(box: Machine) -> None:
    with running_site() as site:
        before = len(own_lines(box))
        configure(box, configuration(site, interval='"soon"'))
        wait_for(lambda: state(box) == "failed", 10, "the unit has failed")
        unit = box.show(UNIT, "ExecMainStatus", "NRestarts", "RestartUSec", "SubState")
        assert (unit["ExecMainStatus"], unit["NRestarts"], unit["SubState"]) == (_EX_CONFIG, "0", "failed")
        said = own_lines(box)[before:]
        assert len(said) == 1
        assert all(word in said[0]["MESSAGE"] for word in (str(CONFIGURATION), "interval", "seconds", "soon"))
        assert int(said[0]["PRIORITY"]) <= 3

        configure(box, configuration(site))
        wait_until_active(box)


def test_a_wrong_configuration_at_reload_leaves_the_running_one(box: Machine) -> None:
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 1)
        process = box.main_pid(UNIT)

        box.write(str(CONFIGURATION), configuration(site, interval='"soon"'))
        box.run("systemctl", "reload", UNIT)
        wait_for(lambda: lines_with(box, CONFIGURATION, "interval", "seconds"), 10, "a line about the mistake")
        _expect_windows_to_go_on(site)
        assert len(lines_with(box, CONFIGURATION, "interval", "seconds")) == 1
        assert (state(box), box.main_pid(UNIT)) == ("active", process)
        assert faults(site, INTERVAL) == []


def test_a_reload_takes_up_a_changed_configuration_without_a_restart(box: Machine) -> None:
    changed = INTERVAL + 1
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        wait_for_windows(site, 1)
        process = box.main_pid(UNIT)

        box.write(str(CONFIGURATION), configuration(site, interval=str(changed)))
        box.run("systemctl", "reload", UNIT)
        site.wait_until(lambda: any(end % INTERVAL and not end % changed for end in site.central.window_ends()), 30)
        assert box.main_pid(UNIT) == process
        assert site.central.conflicts() == []


def _expect_windows_to_go_on(site: RunningSite) -> None:
    wait_for_windows(site, len(site.central.window_ends(site.served.measurements())) + 2)


def test_a_start_that_fails_before_the_daemon_runs_is_tried_again(box: Machine) -> None:
    """A file that cannot be read for a moment must not look like a box that is not configured."""
    with running_site() as site:
        configure(box, configuration(site))
        wait_until_active(box)
        files = box.run("dpkg", "--listfiles", "inviseobox").stdout.split()
        module = next(file for file in files if file.endswith("/inviseobox/untrusted.py"))
        box.run("mv", module, "/root/untrusted.py")
        box.run("systemctl", "kill", "--signal=KILL", UNIT)
        wait_for(lambda: int(box.show(UNIT, "NRestarts")["NRestarts"]) >= 2, 40, "two tries to start again")
        box.run("mv", "/root/untrusted.py", module)
        wait_until_active(box)
        _expect_windows_to_go_on(site)


def test_root_may_run_the_daemon_by_hand_before_the_service_does(box: Machine) -> None:
    with running_site() as site:
        box.write(str(CONFIGURATION), configuration(site))
        by_hand = box.run("timeout", "--signal=INT", "3", "inviseobox", "run", check=False)
        assert "started, version" in by_hand.stderr
        assert box.exists("/var/lib/inviseobox/data.db")
        box.run("systemctl", "start", UNIT)
        wait_until_active(box)
        wait_for_windows(site, 1)


def test_the_token_may_be_a_credential(box: Machine) -> None:
    """As inviseobox-config(5) tells; the command works beside it."""
    drop_in = "[Service]\nExecCondition=\nLoadCredential=token:/etc/inviseobox/token\n"
    with running_site() as site:
        text = configuration(site)
        box.write("/etc/inviseobox/token", site.token)
        box.run("chmod", "600", "/etc/inviseobox/token")
        box.run("mkdir", "-p", f"/etc/systemd/system/{UNIT}.d")
        box.write(f"/etc/systemd/system/{UNIT}.d/token.conf", drop_in)
        box.run("systemctl", "daemon-reload")
        configure(box, "\n".join(line for line in text.splitlines() if not line.startswith("token")))
        wait_until_active(box)
        wait_for_windows(site, 1)
        assert box.run("inviseobox", "rejected").stdout == "nothing was rejected\n"
