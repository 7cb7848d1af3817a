"""The service ends when it is told to, with nothing lost."""

import time

from inviseobox.simulator.background import running_site
from tests.support.entries import modbus_device
from tests.support.judging import faults
from tests.support.machine import UNIT, Machine
from tests.support.ports import deaf

from .service import INTERVAL, configuration, configure, hand_out, stops, wait_for_windows, wait_until_active

_STOPPED_WITHIN = 5.0


def test_the_service_stops_in_time_beside_a_device_that_never_answers_and_loses_nothing(box: Machine) -> None:
    with running_site() as site, deaf() as port:
        hand_out(site, [*site.devices, modbus_device(port, {1: [0]}, name="Compteur muet")])
        text = configuration(site).replace("[modbus]", "[modbus]\ntimeout = 30")
        configure(box, text)
        wait_until_active(box)
        wait_for_windows(site, 2)

        started = time.monotonic()
        box.run("systemctl", "stop", UNIT)
        assert time.monotonic() - started < _STOPPED_WITHIN
        unit = box.show(UNIT, "ActiveState", "Result", "ExecMainStatus")
        assert unit == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}

        box.run("systemctl", "start", UNIT)
        wait_until_active(box)
        wait_for_windows(site, 5)
        assert faults(site, INTERVAL, stops(box)) == []


def test_readings_from_before_a_stop_are_in_the_window_that_they_belong_to(box: Machine) -> None:
    """A window that is open at the stop comes with all its readings, from before it and from after it."""
    interval = 20
    with running_site() as site:
        configure(box, configuration(site, interval=str(interval)))
        wait_until_active(box)
        wait_for_windows(site, 1, within=2 * interval + 10)
        # A fresh window has begun; three rounds of it are read, then the service is away for a moment.
        served = {measurement: len(site.served.of(measurement)) for measurement in site.served.measurements()}
        site.wait_until(lambda: all(len(site.served.of(name)) >= count + 3 for name, count in served.items()), 15)
        box.run("systemctl", "restart", UNIT)
        wait_until_active(box)
        wait_for_windows(site, 2, within=interval + 10)
        assert faults(site, interval, stops(box)) == []
