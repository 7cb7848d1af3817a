"""Ten thousand boxes do not knock at the same moment."""

from inviseobox.delivery.upload import start_offset

from .fleet import BOXES, INTERVAL, at_once, chance, simulate


def test_the_offset_spreads_ten_thousand_boxes_over_a_minute() -> None:
    without = simulate(BOXES, INTERVAL, at_once, chance("fleet"))
    spread = simulate(BOXES, INTERVAL, start_offset, chance("fleet"))
    assert without.peak > BOXES
    assert without.busy_seconds <= 4
    assert spread.busy_seconds in range(58, 64)
    # Evenly: two requests a box over 60 s, and chance on top.
    assert spread.peak < 1.3 * 2 * BOXES / 60


def test_short_windows_leave_room_for_the_upload() -> None:
    assert simulate(1000, 10, start_offset, chance("small fleet")).busy_seconds <= 3
