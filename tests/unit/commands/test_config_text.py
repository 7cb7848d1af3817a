"""Settings written into the text of config.toml."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.config_text import Settings, with_settings
from inviseobox.errors import ConfigurationError

SHIPPED = (Path(__file__).parents[3] / "debian" / "config.toml").read_text()
TOKEN = "0123456789abcdef" * 4
URL = "https://domaine.com/api"
ALL = Settings(TOKEN, URL, 60)


def changed(text: str, settings: Settings = ALL) -> str:
    return with_settings(text, "config.toml", settings)


def test_the_commented_lines_of_the_shipped_file_are_filled_in_where_they_stand() -> None:
    expected = (
        SHIPPED.replace('#token = ""', f'token = "{TOKEN}"')
        .replace(f'#url = "{URL}"', f'url = "{URL}"')
        .replace("#interval = 1800", "interval = 60")
    )
    assert changed(SHIPPED) == expected
    assert changed(expected) == expected, "once more changes nothing"


def test_what_is_not_given_stays() -> None:
    first = changed(SHIPPED)
    assert changed(first, Settings(url="http://h/api")) == first.replace(URL, "http://h/api")
    assert changed(first, Settings()) == first


PLACES = {
    "a present line, with its comment": ('token = "old" # mine\n', f'token = "{TOKEN}" # mine\n'),
    "without blanks": ('token="old"\n', f'token= "{TOKEN}"\n'),
    "a present line, not the commented one": ('#token = ""\ntoken = "old"\n', f'#token = ""\ntoken = "{TOKEN}"\n'),
    "a quoted key": ("\"token\" = 'old'\n", f'"token" = "{TOKEN}"\n'),
    "a text in typographic quotation marks": ("token = \u201cold\u201d\n", f'token = "{TOKEN}"\n'),
    "a text without its second quotation mark": ('token = "old\n[log]\n', f'token = "{TOKEN}"\n[log]\n'),
    "a comment in words is none": ("# token = who this is\n", f'# token = who this is\ntoken = "{TOKEN}"\n'),
    "in front of the tables": (
        'api = "auto"\n\n# More.\n[log]\n',
        f'api = "auto"\ntoken = "{TOKEN}"\n\n# More.\n[log]\n',
    ),
    "not within a table": ('[log]\n#token = ""\n', f'token = "{TOKEN}"\n[log]\n#token = ""\n'),
    "an empty file": ("", f'token = "{TOKEN}"\n'),
    "a last line without its end": ("# note", f'# note\ntoken = "{TOKEN}"\n'),
    "ends of lines of Windows": ('# note\r\n#token = ""\r\n', f'# note\r\ntoken = "{TOKEN}"\r\n'),
    "a further line as those of Windows": ('api = "auto"\r\n', f'api = "auto"\r\ntoken = "{TOKEN}"\r\n'),
    "another line mark in a comment": ("# one\u2028token = 1\n", f'# one\u2028token = 1\ntoken = "{TOKEN}"\n'),
    "in the place of token_file": (
        'token_file = "/etc/token" # old\n',
        f'#token_file = "/etc/token" # old\ntoken = "{TOKEN}"\n',
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_token_finds_its_place(name: str) -> None:
    before, after = PLACES[name]
    assert changed(before, Settings(token=TOKEN)) == after


@pytest.mark.parametrize(
    "text",
    ['token = """\nold"""\n', 'api = """\ntoken = "x"\n"""\n', "[[[\n", "token.x = 1\n", 'token = ["old"]\n'],
    ids=["text over lines", "within a text", "no TOML", "a table", "a list"],
)
def test_a_text_that_cannot_be_changed_is_refused_in_one_line_that_names_the_file(text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        changed(text)
    said = str(refused.value)
    assert said.startswith("config.toml: ")
    assert len(said.splitlines()) == 1
    assert TOKEN not in said


COMMENT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=20).map(lambda text: f"# {text}")
LINE = st.one_of(
    COMMENT,
    st.just(""),
    st.sampled_from(['#token = ""', '#url = "https://domaine.com/api"', "#interval = 1800", '#token_file = "/t"']),
)
SETTING = st.sampled_from(['token = "old"', "url = 'http://old/api' # from 2024", "interval = 1_800", 'api = "auto"'])


@given(
    st.lists(LINE, max_size=6),
    st.lists(SETTING, max_size=4, unique=True),
    st.lists(LINE, max_size=4),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1),
)
def test_any_text_says_then_what_is_given_and_keeps_everything_else(
    head: list[str], present: list[str], tail: list[str], token: str
) -> None:
    text = "\n".join([*head, *present, *tail, "", "[modbus]", "period = 5 # slow", '#token = "no"', ""])
    after = changed(text, Settings(token, URL, 60))
    expected = {**tomllib.loads(text), "token": token, "url": URL, "interval": 60}
    assert tomllib.loads(after) == expected
    assert after.endswith('\n[modbus]\nperiod = 5 # slow\n#token = "no"\n')
    templates = ("#token =", "#url =", "#interval =")
    notes = [line for line in text.split("\n") if line.startswith("#") and not line.startswith(templates)]
    assert [line for line in after.split("\n") if line in notes] == notes
