"""What the table of the benchmark shows."""

from tests.support.daemons import Lines

from .daemon_runs import late_windows
from .plan import medians
from .rows import SECTIONS, table, with_ratios


def shown(title: str, figures: dict[str, float], before: dict[str, float], *, is_judged: bool = True) -> list[str]:
    """Return the words after the title in the row that has it."""
    rows = [line for line in table(figures, before, is_judged=is_judged) if line.strip().startswith(title)]
    return rows[0].strip().removeprefix(title).split()


def test_a_row_shows_its_bound_and_the_change() -> None:
    figures, before = {"in time L": 57_000.0}, {"in time L": 60_000.0}
    missed = ["57,000", "1/s", ">=", "60,000", "MISSED", "60,000", "-5", "%"]
    assert shown("L: of them delivered in time", figures, before) == missed
    assert shown("L: memory, peak", {"peak rss L": 120.0}, {}) == ["120.0", "MB", "<=", "120", "kept"]


def test_a_tiny_run_is_not_judged() -> None:
    assert shown("L: memory, peak", {"peak rss L": 500.0}, {}, is_judged=False) == ["500.0", "MB", "<=", "120"]


def test_what_was_not_measured_shows_as_such() -> None:
    assert shown("S: to the device, sealing included", {}, {})[:2] == ["not", "measured"]


def test_no_two_rows_are_of_one_figure_or_one_title() -> None:
    for rows in SECTIONS.values():
        assert len({row.title for row in rows}) == len(rows)
    names = [row.name for rows in SECTIONS.values() for row in rows]
    assert len(set(names)) == len(names)


def test_ratios_follow_where_both_were_measured() -> None:
    assert with_ratios({"cpu L": 1.5, "cpu L pymodbus": 0.5})["ratio pymodbus L"] == 3.0
    assert "ratio pymodbus L" not in with_ratios({"cpu L": 1.5})


def test_medians_are_of_each_figure() -> None:
    assert medians([{"a": 1.0, "b": 5.0}, {"a": 9.0}, {"a": 2.0}]) == {"a": 2.0, "b": 5.0}


def test_a_window_is_late_by_its_last_report_and_only_when_all_are_there() -> None:
    lines = Lines()
    for line in ("status 11.000", "values 11.000 10 3", "values 17.500 10 1", "values 21.000 20 3"):
        lines.add(line)
    assert late_windows(lines, measurements=4) == {10: 7.5}
