"""A line of ten meters at 9600 baud on a UART: its settings, and its values."""

from typing import Literal

import pytest

from inviseobox.simulator.meters import two_blocks
from tests.support.soak import SOAK

from .figures import measured
from .service import WINDOWS_WITHIN, set_up
from .sites import machine_site
from .whole_machine import PORT, WholeMachine

_METERS = [two_blocks(unit) for unit in range(1, 11)]
_VALUES = 200
_INTERVAL = 30
_PERIOD = 5.0
_SETTINGS = {"N": "-parenb", "E": "parenb -parodd"}


@pytest.mark.parametrize("parity", ["N", "E"] if SOAK else ["E"])
def test_ten_meters_of_twenty_values_are_read_right_at_9600_baud(box: WholeMachine, parity: Literal["N", "E"]) -> None:
    with machine_site(_METERS, parity=parity, baudrate=9600) as site:
        assert len(site.measurements()) == _VALUES
        set_up(box, site, _INTERVAL, _PERIOD)
        site.wait_for_windows(2, WINDOWS_WITHIN)
        settings = box.run("stty", "--all", f"--file={PORT}").stdout
        assert "speed 9600 baud" in settings
        assert "cs8" in settings
        assert "-cstopb" in settings
        assert _SETTINGS[parity] in settings
        site.wait_until_all_is_right(_INTERVAL)
        line = site.uart.line
        assert line.rubbish == []
        assert line.overlaps == 0
        measured(f"9600 baud, parity {parity}: {len(line.frames)} requests, none of them spoilt")
