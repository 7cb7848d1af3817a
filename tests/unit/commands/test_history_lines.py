"""What `inviseobox history` shows."""

from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.box_state import BoxState
from inviseobox.commands.history_lines import csv_lines, found, plot_lines, table_lines, title, windows
from inviseobox.commands.layout import ASCII, FULL, Tone, width
from tests.support.hostile_names import HOSTILE


@pytest.mark.parametrize("name", HOSTILE)
def test_the_title_names_the_measurement_whatever_its_device_is_called(name: str) -> None:
    measurement = {"_id": "m", "name": "Power", "unit": "kW"}
    (meant,) = found(BoxState({}, [{"name": name, "measurements": [measurement]}]).devices, "m")
    for glyphs in (FULL, ASCII):
        shown = title("m", meant, glyphs)
        assert shown.endswith(", Power (kW)")
        assert shown.isprintable()


def told(end: int, avg: str | None = "18.4", **more: Any) -> dict[str, Any]:
    values = {"min": "12.3", "max": "25.700000000000003", "avg": avg, "diff": None}
    return {"end": end, **values, "status": "ok", "delivered": True, **more}


DEVICES = BoxState(
    {},
    [
        {
            "_id": f"d{place}",
            "name": name,
            "measurements": [{"_id": f"d{place}m{n}", "name": one} for n, one in enumerate(measurements)],
        }
        for place, (name, measurements) in enumerate(
            [("Général", ["Énergie", "Énergie réactive"]), ("Kitchen", ["Power", "Énergie"]), ("Sensor", ["t"])]
        )
    ],
).devices


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("d1m0", ["d1m0"]),
        ("energie", ["d0m0", "d1m1"]),
        ("ÉNERGIE R", ["d0m1"]),
        ("ener", ["d0m0", "d0m1", "d1m1"]),
        ("pow", ["d1m0"]),
    ],
)
def test_the_closest_name_is_meant(text: str, ids: list[str]) -> None:
    assert [one.id for _, one in found(DEVICES, text)] == ids


def test_the_name_of_a_device_means_its_measurements() -> None:
    # The daemon tells only what is meant.
    assert [one.id for _, one in found(DEVICES[2:], "sens")] == ["d2m0"]


def test_csv_has_the_values_digit_for_digit_and_the_end_in_utc() -> None:
    history = windows([told(1_735_054_200), told(1_735_056_000, avg=None, status="dead", delivered=False)])
    assert [line.text for line in csv_lines(history)] == [
        "end,min,max,avg,diff,status,delivered",
        "2024-12-24T15:30:00Z,12.3,25.700000000000003,18.4,,ok,true",
        "2024-12-24T16:00:00Z,12.3,25.700000000000003,,,dead,false",
    ]


@pytest.mark.parametrize("text", ["=1+1", "\x1b[2J", "nan", "1,5", "٣", ""])
def test_what_is_no_decimal_number_is_not_shown(text: str) -> None:
    (one,) = windows([told(60, avg=text)])
    assert one.values["avg"] == ""
    assert [line.text for line in csv_lines([one])][1].split(",")[3] == ""


def test_a_table_is_shortened_on_a_terminal_only_and_tells_the_state() -> None:
    history = windows([told(1_735_054_200), told(1_735_056_000, status="partial", delivered=False)])
    lines = list(table_lines(history, 80, FULL, UTC))
    assert [line.text.split() for line in lines] == [
        ["End", "of", "window", "Min", "Max", "Avg", "State", "Sent"],
        ["2024-12-24", "15:30", "12.3", "25.7", "18.4", "ok", "yes"],
        ["2024-12-24", "16:00", "12.3", "25.7", "18.4", "partial", "no"],
    ]
    assert lines[2].tone is Tone.WARNING
    assert "25.700000000000003" in list(table_lines(history, None, FULL, UTC))[1].text
    narrow = list(table_lines(history, 40, FULL, UTC))
    assert max(width(line.text) for line in narrow) <= 40
    assert "Avg" in narrow[0].text


def test_a_plot_shows_when_there_was_no_window() -> None:
    history = windows([told(place * 1800, avg=str(place)) for place in (1, 2, 3, 6)])
    lines = [line.text for line in plot_lines(history, 60, 3, ASCII, UTC)]
    assert lines[2].endswith(" |_=#  #")
    assert lines[3] == "from 1970-01-01 00:30 to 1970-01-01 03:00"
    full = [
        line.text for line in plot_lines(windows([told(n * 60, avg=str(n % 7)) for n in range(1, 200)]), 60, 3, FULL)
    ]
    assert all(width(line) <= 60 for line in full)
    assert full[3].count("1970-01-01") == 2


def test_without_values_there_is_nothing_to_draw() -> None:
    history = windows([told(60, avg=None, min=None, max=None)])
    assert [line.text for line in plot_lines(history, 60, 3, FULL)] == ["There is no value in these windows."]


STRANGE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just([1])


@given(st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(told(0), STRANGE)) | st.builds(told, st.integers())))
def test_whatever_a_daemon_tells_no_line_does_harm(lines: list[dict[str, Any]]) -> None:
    history = windows(lines)
    shown = [*csv_lines(history), *table_lines(history, 80, FULL, UTC)]
    if history:
        shown += plot_lines(history, 60, 3, FULL, UTC)
    assert all(line.text.isprintable() for line in shown)
