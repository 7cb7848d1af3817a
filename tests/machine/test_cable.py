"""A cable that is pulled out of a UART, and put back."""

import time

from inviseobox import events
from inviseobox.simulator.meters import two_blocks
from inviseobox.simulator.verdict import Loss
from tests.support.root_shell import UNIT
from tests.support.waiting import wait_for

from .service import INTERVAL, WINDOWS_WITHIN, set_up
from .sites import MachineSite, machine_site
from .whole_machine import WholeMachine

_TOLD_WITHIN = 180.0
_PROBE_AND_READ = 1.5
"""Seconds at most from the first byte of the one answer to that of the other."""


def test_a_cable_that_is_pulled_and_put_back_is_read_on(box: WholeMachine) -> None:
    with machine_site([two_blocks(unit) for unit in (1, 2, 3)], baudrate=9600) as site:
        set_up(box, site)
        site.wait_for_windows(1, WINDOWS_WITHIN)
        pulled = time.time()
        site.pull()
        silent = [device["_id"] for device in site.line_devices]
        site.site.wait_until(lambda: _statuses(site, silent) == {"dead"}, _TOLD_WITHIN)
        assert _lines(box, events.LINK_SILENT.id) == 1

        plugged = time.time()
        site.plug(box.line)
        wait_for(lambda: _lines(box, events.LINK_BACK.id), _TOLD_WITHIN, "a line that it is back")
        site.site.wait_until(lambda: _statuses(site, silent) == {"ok"}, _TOLD_WITHIN)
        # The answer that was on the line when the cable was pulled has come in part.
        site.wait_until_all_is_right(INTERVAL, (Loss(pulled - 1, pulled + 1), *_probed(site, plugged)))


def _probed(site: MachineSite, plugged: float) -> set[Loss]:
    """Return the times when each unit was found to answer again, by one value that was then read again with the rest.

    A round has one reading of a measurement, so that one of the two does not count.
    """
    devices = [[one["_id"] for one in device["measurements"]] for device in site.line_devices]
    found = [
        min(value.at for one in measurements for value in site.site.served.of(one) if value.at > plugged)
        for measurements in devices
    ]
    return {Loss(first, first + _PROBE_AND_READ) for first in found}


def _lines(box: WholeMachine, event: str) -> int:
    """Count the lines of the event with this id since the service was started last."""
    invocation = box.show(UNIT, "InvocationID")["InvocationID"]
    return len(box.journal(MESSAGE_ID=event, _SYSTEMD_INVOCATION_ID=invocation))


def _statuses(site: MachineSite, devices: list[str]) -> set[str | None]:
    newest = site.site.central.statuses[-1]
    return {newest.of(device) for device in devices}
