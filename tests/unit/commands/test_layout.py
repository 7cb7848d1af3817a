"""Columns that stand where they should, whatever stands in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from inviseobox.commands.layout import ASCII, CONSOLE, FULL, Column, Glyphs, Table, cut, plain, tidy, width, wrapped
from tests.support.hostile_names import HOSTILE

NAMES = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(
        st.one_of(
            st.characters(max_codepoint=0x36F),
            st.characters(min_codepoint=0x590, max_codepoint=0x5FF),
            st.characters(min_codepoint=0x3041, max_codepoint=0x30FF),
            st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5),
            st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
        ),
        max_size=250,
    ),
)
COLUMNS = [
    Column("name", elastic=True),
    Column("value", right=True),
    Column("unit", rank=1),
    Column("recent", rank=2),
]
ROWS = st.lists(st.tuples(NAMES, st.just("-12.5"), st.sampled_from(["", "W", "°C"]), st.just("▁▂▃")), max_size=5)


@given(NAMES)
def test_a_tidy_name_is_one_harmless_line_as_wide_as_terminals_take_it(name: str) -> None:
    text = tidy(name)
    assert text.isprintable()
    assert width(text) == cell_len(text)
    assert plain(text).isascii()
    assert ASCII.text(name).isascii()


@pytest.mark.parametrize("name", HOSTILE)
def test_of_a_name_no_escape_and_no_direction_reaches_the_terminal(name: str) -> None:
    text = FULL.text(name)
    assert not {"\x1b", "\x9b", "\x07", "\n", "\r", "\t", "\u202e", "\u2066", "\u200f", "\u200d", "\ufe0f"} & set(text)
    assert len(text) <= 200


def test_a_name_keeps_its_accents_and_its_brackets() -> None:
    assert tidy("Compteur ge\u0301ne\u0301ral [bold]") == "Compteur général [bold]"
    assert ASCII.text("Compteur général") == "Compteur general"
    assert tidy("\u0915\u093f") == "\u0915", "a mark that some terminals give a cell is left out"
    assert tidy("z\u0300\u0301\u0302\u0303") == "z\u0300\u0301"


@given(NAMES, st.integers(0, 60))
def test_what_is_cut_fits(name: str, cells: int) -> None:
    text = tidy(name)
    assert width(cut(text, cells, "...")) <= cells
    if width(text) <= cells:
        assert cut(text, cells, "...") == text


@given(ROWS, st.sampled_from([40, 80, 132]), st.sampled_from([FULL, CONSOLE, ASCII]))
def test_the_columns_of_a_table_stand_below_each_other_and_fit(
    rows: list[tuple[str, str, str, str]], cells: int, glyphs: Glyphs
) -> None:
    tidied = [[glyphs.text(name), *others] for name, *others in rows]
    table = Table(COLUMNS, tidied, cells, glyphs.dots)
    lines = [table.heads(), *map(table.row, tidied)]
    assert max(map(cell_len, lines)) <= cells
    end = cell_len(lines[0].partition("value")[0] + "value")
    for line in lines[1:]:
        assert cell_len(line[: line.index("-12.5")] + "-12.5") == end


def test_where_it_is_narrow_the_least_needed_columns_go() -> None:
    row = ["a name of some length", "12.5", "kilowatt", "▁" * 24]
    heads = {cells: Table(COLUMNS, [row], cells, "…").heads().split() for cells in (None, 66, 50, 24)}
    assert heads[None] == heads[66] == ["name", "value", "unit", "recent"]
    assert heads[50] == ["name", "value", "unit"]
    assert heads[24] == ["name", "value"]
    assert Table(COLUMNS, [row], 24, "…").row(row) == "a name of some l…   12.5"


def test_a_column_of_which_there_is_nothing_is_not_shown() -> None:
    assert Table(COLUMNS, [["name", "1", "", ""]], None, "…").heads().split() == ["name", "value"]


@given(NAMES, st.integers(12, 80))
def test_a_sentence_is_broken_into_lines_that_fit(name: str, cells: int) -> None:
    for line in wrapped(tidy(name), cells, "  "):
        assert width(line) <= cells


@given(st.integers(14, 60))
def test_no_line_begins_with_a_sign_that_french_puts_a_space_before(cells: int) -> None:
    text = "jeton (token) : le serveur le refuse ; voir « droits » ; ensuite : sudo inviseobox check ; voilà ! a ;b"
    lines = wrapped(text, cells)
    assert not [line for line in lines if line[0] in ":;!»" and line != ";b"]
    assert not [line for line in lines if line.endswith("«")]
    assert " ".join(lines) == text
