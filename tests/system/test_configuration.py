"""A configuration that is wrong, at the start and at a reload."""

from inviseobox.simulator.background import RunningSite, running_site

from .machine import UNIT, Machine
from .service import (
    CONFIGURATION,
    INTERVAL,
    configuration,
    configure,
    faults,
    lines_with,
    own_lines,
    state,
    wait_for_windows,
    wait_until_active,
)
from .waiting import wait_for

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
        assert faults(site) == {}


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
