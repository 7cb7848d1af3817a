"""Every key of config.toml: its default, good values, and what is said about bad ones."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.schedule import next_start
from inviseobox.configuration import ApiForm, Configuration, HttpSettings, ModbusSettings, parse
from inviseobox.errors import ConfigurationError, NotConfigured

SOURCE = "/etc/inviseobox/config.toml"
TOKEN = "0123456789abcdef" * 4
NEEDED = f'token = "{TOKEN}"\nurl = "https://domaine.com/api"\n'


def files(content: Mapping[str, str]) -> Callable[[str], str]:
    """Make a reader of files that are not on the disk."""

    def read(path: str) -> str:
        if path not in content:
            raise FileNotFoundError(2, "No such file or directory", path)
        return content[path]

    return read


def read(text: str, *, credential: str | None = None, content: Mapping[str, str] | None = None) -> Configuration:
    return parse(text, SOURCE, credential=credential, read_file=files(content or {}))


def setting(key: str, value: str) -> str:
    """Write a configuration with `key`, which may be in a table, set to `value`."""
    table, _, name = key.rpartition(".")
    if not table:
        return f"{name} = {value}\n" + "".join(line for line in NEEDED.splitlines(True) if not line.startswith(name))
    return f"{NEEDED}[{table}]\n{name} = {value}\n"


def error(text: str, *, credential: str | None = None, content: Mapping[str, str] | None = None) -> str:
    """Return the text of the error, which is one line that names the file and never the token."""
    with pytest.raises(ConfigurationError) as caught:
        read(text, credential=credential, content=content)
    assert not isinstance(caught.value, NotConfigured)
    said = str(caught.value)
    assert said.startswith(f"{SOURCE}: ")
    assert len(said.splitlines()) == 1
    assert TOKEN not in said
    return said


def value(configuration: Configuration, key: str) -> object:
    place: Any = configuration
    attribute = {"buffer.path": "buffer_path", "buffer.max_size": "buffer_max_size", "log.level": "log_level"}
    for step in attribute.get(key, key).split("."):
        place = getattr(place, step)
    found: object = place
    return found


def test_the_defaults_are_those_of_the_design() -> None:
    assert read(NEEDED) == Configuration(
        token=TOKEN,
        url="https://domaine.com/api",
        interval=None,
        api=None,
        ca_file=None,
        modbus=ModbusSettings(period=10, timeout=1, max_registers=125, gap=8),
        http=HttpSettings(period=600, timeout=25, max_body=1048576, verify_tls=True),
        buffer_path="/var/lib/inviseobox/data.db",
        buffer_max_size=536870912,
        log_level="info",
    )


@pytest.mark.parametrize(
    ("key", "written", "meant"),
    [
        ("token", '"abc"', "abc"),
        ("token", '" abc "', "abc"),
        ("url", '"http://192.0.2.1:8080/api"', "http://192.0.2.1:8080/api"),
        ("url", '"https://domaine.com/api/"', "https://domaine.com/api"),
        ("url", '"https://[2001:db8::1]/api"', "https://[2001:db8::1]/api"),
        ("interval", "1", 1),
        ("interval", "86400", 86_400),
        ("api", '"auto"', None),
        ("api", '"documented"', ApiForm.DOCUMENTED),
        ("api", '"deployed"', ApiForm.DEPLOYED),
        ("ca_file", '"/etc/ssl/own.pem"', "/etc/ssl/own.pem"),
        ("modbus.period", "0", 0),
        ("modbus.period", "2.5", 2.5),
        ("modbus.timeout", "0.25", 0.25),
        ("modbus.timeout", "5", 5),
        ("modbus.max_registers", "60", 60),
        ("modbus.max_registers", "125", 125),
        ("modbus.gap", "0", 0),
        ("modbus.gap", "124", 124),
        ("http.period", "60", 60),
        ("http.timeout", "2.5", 2.5),
        ("http.max_body", "2048", 2048),
        ("http.verify_tls", "false", False),
        ("buffer.path", '"/srv/data.db"', "/srv/data.db"),
        ("buffer.max_size", "10485760", 10_485_760),
        ("log.level", '"debug"', "debug"),
        ("log.level", '"info"', "info"),
        ("log.level", '"warning"', "warning"),
        ("log.level", '"error"', "error"),
    ],
)
def test_good_values_are_taken(key: str, written: str, meant: object) -> None:
    assert value(read(setting(key, written)), key) == meant


@pytest.mark.parametrize(
    ("key", "bad", "right"),
    [
        ("token", ["5", "true", '["a"]', '"two words"', '"a\\nb"', '"é"'], "64 hexadecimal digits"),
        ("token_file", ["5", '"a\\nb"'], "path"),
        (
            "url",
            ["5", '"domaine.com/api"', '"ftp://domaine.com"', '"https://"', '"https://h:port/"', '"https://h:99999/"',
             '"https://h h/"', '"https://[::1/"', '"file:///etc/passwd"', '"https://h:0/"'],
            "https://domaine.com/api",
        ),
        ("interval", ["0", "-1", "86401", "1800.0", '"1800"', "true", "[]", "1979-05-27"], "from 1 to 86400"),
        ("api", ['"new"', '""', "5", "true", '["auto"]'], "auto, documented, deployed"),
        ("ca_file", ["5", "true", '"a\\nb"'], "path"),
        ("modbus", ["5", '"x"', "[1]"], "[modbus]"),
        ("modbus.period", ["-1", "86401", "nan", "inf", '"10"', "true", "[]"], "from 0 to 86400"),
        ("modbus.timeout", ["0", "-1", "61", "nan", '"1"', "false"], "60"),
        ("modbus.max_registers", ["0", "-5", "126", "12.5", '"125"', "true"], "125"),
        ("modbus.gap", ["-1", "125", "8.0", '"8"', "true"], "from 0 to 124"),
        ("http", ["5", '"x"', "[1]"], "[http]"),
        ("http.period", ["0", "-1", "86401", "nan", '"600"', "true"], "86400"),
        ("http.timeout", ["0", "-1", "601", "inf", '"25"', "true"], "600"),
        ("http.max_body", ["0", "-1", "1e6", '"1048576"', "true", "9999999999999"], "bytes"),
        ("http.verify_tls", ["0", "1", '"true"', "[]"], "true or false"),
        ("buffer", ["5", "[]"], "[buffer]"),
        ("buffer.path", ["5", "true", '"a\\u0000b"'], "path"),
        ("buffer.max_size", ["0", "-1", "1.5", '"512M"', "true"], "bytes"),
        ("log", ["5", '"debug"'], "[log]"),
        ("log.level", ['"loud"', '"INFO"', "5", "true", '["info"]'], "debug, info, warning, error"),
    ],
)  # fmt: skip
def test_bad_values_are_named_with_what_would_be_right(key: str, bad: list[str], right: str) -> None:
    for written in bad:
        said = error(setting(key, written))
        assert said.startswith(f"{SOURCE}: {key}: ")
        assert right in said
        assert len(said) < 400


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("tokn", "token"),
        ("modbus.perod", "period"),
        ("http.verify", "verify_tls"),
        ("buffer.size", "max_size"),
        ("log.lvl", "level"),
        ("modbuss.period", "modbus"),
    ],
)
def test_an_unknown_key_is_named_beside_the_known_ones(key: str, known: str) -> None:
    said = error(setting(key, "5"))
    assert said.startswith(f"{SOURCE}: {key.split('.')[0] if key.startswith('modbuss') else key}: ")
    assert known in said.partition("known here are")[2]


def test_a_key_in_the_wrong_table_is_unknown() -> None:
    assert "http.gap" in error(f"{NEEDED}[http]\ngap = 8\n")
    assert "period" in error(f"period = 10\n{NEEDED}")


def test_a_hostile_key_is_named_in_one_line() -> None:
    error(f'"a\\nb\\u001b[31m" = 5\n{NEEDED}')


@pytest.mark.parametrize(
    "text",
    ["token", "token = ", "token = abc", "[modbus", "a = 1\na = 2", "\x00", "x = 2024-13-45", f"x = {'[' * 5000}"],
    ids=range(8),
)
def test_a_text_that_is_not_toml_is_an_error_that_says_so(text: str) -> None:
    assert "TOML" in error(text)


@pytest.mark.parametrize("number", ["9" * 5000, "0x" + "f" * 5000], ids=["decimal", "hexadecimal"])
def test_a_huge_number_is_wrong_like_any_other(number: str) -> None:
    assert len(error(setting("interval", number))) < 400


@pytest.mark.parametrize("url", ["https://h/api?token=5", "https://h/api#top", "https://h/api?", "https://h/api#"])
def test_url_has_neither_query_nor_fragment(url: str) -> None:
    assert "query" in error(setting("url", f'"{url}"'))


def test_url_has_no_user_and_a_password_is_not_shown() -> None:
    said = error(setting("url", '"https://user:secret@h/api"'))
    assert "user" in said
    assert "secret" not in said


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", ["token", "url"]),
        ('token = ""\nurl = ""\n', ["token", "url"]),
        ('token = "  "\nurl = "https://h/api"\n', ["token"]),
        (f'token = "{TOKEN}"\n', ["url"]),
        ('url = "https://h/api"\n[modbus]\nperiod = 5\n', ["token"]),
    ],
)
def test_a_configuration_that_is_not_filled_in_names_the_missing_keys(text: str, keys: list[str]) -> None:
    with pytest.raises(NotConfigured) as caught:
        read(text)
    said = str(caught.value)
    assert said.startswith(SOURCE)
    assert [key for key in ("token", "url") if key in said.removeprefix(SOURCE).split()] == keys
    assert len(said.splitlines()) == 1


def test_a_wrong_value_is_told_before_a_missing_one() -> None:
    assert "interval" in error("interval = 0\n")


def test_a_token_file_holds_the_token_or_is_named() -> None:
    text = 'token_file = "/t"\nurl = "https://h/api"\n'
    assert read(text, content={"/t": f"{TOKEN}\n"}).token == TOKEN
    said = error(text)
    assert "token_file: /t: No such file or directory" in said
    assert "64 hexadecimal digits" in said
    assert "token_file" in error(text, content={"/t": f"{TOKEN}\n{TOKEN}\n"})
    with pytest.raises(NotConfigured):
        read(text, content={"/t": "\n"})


def test_a_token_file_that_is_not_text_is_named() -> None:
    def undecodable(path: str) -> str:
        return b"\xff".decode()

    with pytest.raises(ConfigurationError, match="token_file: /t: not a text file"):
        parse('token_file = "/t"\nurl = "https://h/api"\n', SOURCE, read_file=undecodable)


def test_token_and_token_file_exclude_each_other() -> None:
    assert "token_file" in error(f'{NEEDED}token_file = "/t"\n', content={"/t": TOKEN})


def test_a_credential_is_used_where_the_file_has_no_token() -> None:
    assert read('url = "https://h/api"\n', credential=f"{TOKEN}\n").token == TOKEN
    assert read('token = ""\nurl = "https://h/api"\n', credential=TOKEN).token == TOKEN
    assert read(NEEDED, credential="other").token == TOKEN
    with pytest.raises(NotConfigured):
        read('url = "https://h/api"\n', credential="")


def test_a_credential_that_is_not_a_token_is_wrong() -> None:
    assert "token" in error('url = "https://h/api"\n', credential="two words")


@pytest.mark.parametrize(
    ("token", "usual"),
    [(TOKEN, True), (TOKEN.upper(), True), (TOKEN[1:], False), (f"{TOKEN}0", False), ("g" * 64, False)],
)
def test_a_token_of_the_usual_form_is_told_apart(token: str, usual: bool) -> None:
    assert read(setting("token", f'"{token}"')).token_is_usual is usual


def test_the_token_is_not_in_the_repr() -> None:
    assert TOKEN not in repr(read(NEEDED))


def attempt(text: str) -> ConfigurationError | None:
    """Return the error of a text, where it has one."""
    try:
        read(text)
    except ConfigurationError as caught:
        return caught
    return None


@given(st.text())
def test_any_text_gives_a_configuration_or_a_configuration_error(text: str) -> None:
    outcome = attempt(text)
    assert outcome is None or str(outcome).startswith(SOURCE)


TOML_VALUE = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.floats().map(repr),
    st.sampled_from(["true", "false", "[]", "{}", "[[]]", '""', '"x"', "{x = 1}", "1979-05-27T07:32:00Z", "07:32:00"]),
)
KEYS = [
    "token", "token_file", "url", "interval", "api", "ca_file", "modbus", "modbus.period", "modbus.timeout",
    "modbus.max_registers", "modbus.gap", "http", "http.period", "http.timeout", "http.max_body", "http.verify_tls",
    "buffer", "buffer.path", "buffer.max_size", "log", "log.level",
]  # fmt: skip


@given(st.sampled_from(KEYS), TOML_VALUE)
def test_any_value_for_any_key_is_used_or_named(key: str, written: str) -> None:
    outcome = attempt(setting(key, written))
    if isinstance(outcome, NotConfigured):
        assert key in ("token", "url")
    elif outcome is not None:
        assert outcome.key == key or outcome.key.startswith(f"{key}.")


@given(st.just(0.0) | st.floats(0.1, 86_400), st.floats(0, 1e9), st.floats(0, 1e6))
def test_every_period_that_is_accepted_can_be_scheduled(period: float, previous: float, passed: float) -> None:
    accepted = read(setting("modbus.period", repr(period))).modbus.period
    assert next_start(previous, accepted, previous + passed) >= previous
