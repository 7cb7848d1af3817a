"""The docker-compose.yml of a box of old, as people wrote it."""

import pytest

from inviseobox.commands.compose_file import MAX_SIZE, Composed, parse
from inviseobox.commands.config_text import Settings
from inviseobox.errors import ComposeError

TOKEN = "0123456789abcdef" * 4
URL = "https://domaine.com/api"
WATCHTOWER = """
  watchtower:
    image: containrrr/watchtower:latest
    restart: always
    environment: [TZ=Europe/Paris]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock"]
    command: --interval 5 --cleanup inviseobox
"""


def compose(*environment: str, more: str = "", after: str = "", before: str = "") -> str:
    lines = "".join(f"      {line}\n" for line in environment)
    return (
        f'version: "3"\n{before}services:\n  inviseobox:\n    image: ghcr.io/example/box:latest\n'
        f"    privileged: true\n    environment:\n{lines}{more}{after}"
    )


LIST = compose(f"- token={TOKEN}", f"- url={URL}", "- interval=900")
ALL = Settings(TOKEN, URL, 900)

UNDERSTOOD: dict[str, tuple[str, Settings]] = {
    "a list": (LIST, ALL),
    "a map": (compose(f"token: {TOKEN}", f"url: {URL}", "interval: 900"), ALL),
    "a list in quotation marks": (compose(f'- "token={TOKEN}"', f"- 'url={URL}'", '- "interval=900"'), ALL),
    "values in quotation marks": (compose(f'- token="{TOKEN}"', f"- url='{URL}'", '- interval="900"'), ALL),
    "a map in quotation marks": (compose(f'token: "{TOKEN}"', f"'url': '{URL}'", 'interval: "900"'), ALL),
    "a list of maps": (compose(f"- token: {TOKEN}", f"- url: {URL}", "- interval: 900"), ALL),
    "in one line": (compose(f"{{token: {TOKEN}, url: '{URL}', interval: 900}}"), ALL),
    "names in capitals": (compose(f"- TOKEN={TOKEN}", f"- URL={URL}", "- INTERVAL=900"), ALL),
    "blanks and comments": (compose(f"- token = {TOKEN}   # mine", f"- url={URL} ", "- interval= 900"), ALL),
    "without an interval": (compose(f"- token={TOKEN}", f"- url={URL}"), Settings(TOKEN, URL, None)),
    "a port and other variables": (
        compose(
            "- TZ=Europe/Paris",
            "- DEBUG",
            f"- token={TOKEN}",
            f"- url={URL}",
            "- interval=900",
            more='    devices: ["/dev/ttyUSB0:/dev/ttyUSB0"]\n    volumes:\n      - /dev:/dev\n',
        ),
        ALL,
    ),
    "a watchtower after it": (LIST + WATCHTOWER, ALL),
    "a watchtower before it": (LIST.replace("services:\n", "services:\n" + WATCHTOWER, 1), ALL),
    "a token of digits with a leading 0": (
        compose("token: 0" + "1234567" * 9, f"url: {URL}"),
        Settings("0" + "1234567" * 9, URL, None),
    ),
    "a token like a number in hexadecimal": (compose("token: 0x1F", f"url: {URL}"), Settings("0x1F", URL, None)),
    "a token like a time": (compose("token: 12:30:45", f"url: {URL}"), Settings("12:30:45", URL, None)),
    "a token like a number with an exponent": (compose("token: 1e5", f"url: {URL}"), Settings("1e5", URL, None)),
    "a token like a truth value": (compose("token: on", f"url: {URL}"), Settings("on", URL, None)),
    "a token like a date": (compose("token: 2024-12-24", f"url: {URL}"), Settings("2024-12-24", URL, None)),
    "a token with the tag of another kind": (
        compose("token: !!timestamp abc", f"url: {URL}", "interval: !!int 900"),
        Settings("abc", URL, 900),
    ),
    "a token that begins like null": (compose("token: nullab12", f"url: {URL}"), Settings("nullab12", URL, None)),
    "a token that begins like a merge key": (compose("token: <<a", f"url: {URL}"), Settings("<<a", URL, None)),
    "a token like null in a list": (compose("- token=null", f"- url={URL}"), Settings("null", URL, None)),
    "a doubled dollar": (compose("- token=a$$b$5", f"- url={URL}"), Settings("a$b$5", URL, None)),
    "an alias": (
        compose(f"- &token token={TOKEN}", f"- url={URL}", "- interval=900", after="  other:\n    labels: [*token]\n"),
        ALL,
    ),
    "a merged map": (
        compose("<<: *common", f"token: {TOKEN}", before=f"x-common: &common\n  url: {URL}\n  interval: 900\n"),
        ALL,
    ),
    "a merged map whose values are overruled": (
        compose(
            f"token: {TOKEN}",
            "<<: *common",
            f"url: {URL}",
            before="x-common: &common {url: 'http://old/api', interval: 900}\n",
        ),
        ALL,
    ),
    "a merged service": (
        f"x-box: &box\n  environment: [token={TOKEN}, '&url', interval=900]\nservices:\n  box: {{<<: *box}}\n".replace(
            "&url", f"url={URL}"
        ),
        ALL,
    ),
    "ends of lines of Windows": (LIST.replace("\n", "\r\n"), ALL),
    "a byte order mark": ("\ufeff" + LIST, ALL),
    "both": ("\ufeff" + LIST.replace("\n", "\r\n"), ALL),
}


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_compose_file_gives_its_settings(name: str) -> None:
    text, settings = UNDERSTOOD[name]
    assert parse(text.encode()).settings == settings


def test_a_compose_file_in_utf_16_is_read() -> None:
    assert parse(LIST.encode("utf-16")).settings == ALL


def test_service_and_watchtower_are_told() -> None:
    assert parse(LIST.encode()) == Composed(ALL, "inviseobox", has_watchtower=False)
    assert parse((LIST + WATCHTOWER).encode()) == Composed(ALL, "inviseobox", has_watchtower=True)


REFUSED: dict[str, tuple[str, str]] = {
    "a variable": (compose("- token=${BOX_TOKEN}", f"- url={URL}"), "token is taken from the variable BOX_TOKEN"),
    "a variable without braces": (
        compose("- token=$BOX_TOKEN", f"- url={URL}"),
        "token is taken from the variable BOX_",
    ),
    "a variable with a default": (
        compose(f"token: {TOKEN}", f"url: ${{API:-{URL}}}"),
        "url is taken from the variable API",
    ),
    "a variable in the middle": (
        compose(f"token: {TOKEN}", "url: https://${HOST}/api"),
        "url is taken from the variable HOST",
    ),
    "a variable as interval": (
        compose(f"token: {TOKEN}", f"url: {URL}", "interval: ${EVERY?}"),
        "interval is taken from the variable EVERY",
    ),
    "a bare name": (compose("- token", f"- url={URL}"), "token has no value in the file"),
    "a name without a value": (compose("- token=", f"- url={URL}"), "token has no value in the file"),
    "nothing in a map": (compose("token:", f"url: {URL}"), "token has no value in the file"),
    "null in a map": (compose("token: null", f"url: {URL}"), "token has no value in the file"),
    "a tilde in a map": (
        compose(f"token: {TOKEN}", f"url: {URL}", "interval: ~"),
        "interval has no value in the file",
    ),
    "a variable without a name": (
        compose(f"- token=${{?{TOKEN}}}", f"- url={URL}"),
        "token is taken from the variable ${}",
    ),
    "an empty text": (compose('token: ""', f"url: {URL}"), "token has no value in the file"),
    "a bare interval": (compose(f"- token={TOKEN}", f"- url={URL}", "- interval"), "interval has no value in the file"),
    "no token": (compose(f"- url={URL}", "- interval=900"), "token is missing under environment"),
    "no token, beside a watchtower": (
        compose(f"- url={URL}").replace("services:\n", "services:\n" + WATCHTOWER, 1),
        "token is missing under environment",
    ),
    "no url": (compose(f"- token={TOKEN}"), "url is missing under environment"),
    "an older box": (compose("- worker_id=1", f"- url={URL}", "- email=a"), "the box is older than tokens"),
    "an env_file": (
        compose(f"- url={URL}", more="    env_file: box.env\n"),
        "token is not in the file, but perhaps in its env_file box.env",
    ),
    "an env_file alone": (
        "services:\n  box:\n    env_file:\n      - path: a.env\n      - b.env\n",
        "perhaps in its env_file a.env, b.env",
    ),
    "an interval in words": (
        compose(f"- token={TOKEN}", f"- url={URL}", "- interval=30m"),
        "interval: must be a whole number",
    ),
    "a negative interval": (
        compose(f"- token={TOKEN}", f"- url={URL}", "- interval=-5"),
        "interval: must be a whole number",
    ),
    "an interval like a time": (compose(f"token: {TOKEN}", f"url: {URL}", "interval: 0:30:00"), "not '0:30:00'"),
    "an interval that is too long": (
        compose(f"- token={TOKEN}", f"- url={URL}", "- interval=86401"),
        "from 1 to 86400",
    ),
    "a wrong url": (compose(f"- token={TOKEN}", "- url=domaine.com/api"), "url: must be an http or https address"),
    "two boxes": (
        LIST + LIST.partition("services:\n")[2].replace("inviseobox:", "second:"),
        "several services have a token: inviseobox, second",
    ),
    "no services": ("version: '3'\n", "it has no services"),
    "empty services": ("services:\n", "it has no services"),
    "a list": ("- services\n", "it has no services"),
    "empty": ("", "it has no services"),
    "no YAML": ("services:\n  a: [1\n  b: }\n", "it is not valid YAML, see line 3"),
    "a tab": ("services:\n\tbox:\n", "it is not valid YAML, see line 2"),
    "a tag": ("services:\n  a: !!python/object:os.system {}\n", "it is not valid YAML, see line 2"),
    "a list as a key": ("services:\n  ? [a]\n  : b\n", "it is not valid YAML"),
    "itself in itself": ("services: &a\n  <<: *a\n", "it "),
    "two documents": (LIST + "---\n" + LIST, "it is not valid YAML"),
    "too deep": ("services: " + "[" * 200_000, "it is nested too deep"),
    "too long": ("#" * (MAX_SIZE + 1), "it is longer than"),
    "too many aliases": ("a: &a [" + "1," * 999 + "]\nb: [" + "*a, " * 33 + "]\n", "uses too many aliases"),
    "merged maps that grow": (
        "a0: &a0 {"
        + ", ".join(f"k{number}: 1" for number in range(1000))
        + "}\n"
        + "".join(f"a{number}: &a{number} {{<<: [{', '.join([f'*a{number - 1}'] * 4)}]}}\n" for number in range(1, 9)),
        "uses too many aliases",
    ),
    "a list in itself": (
        f"services:\n  box:\n    environment: &e\n      - token={TOKEN}\n      - *e\n",
        "url is missing under environment",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_compose_file_that_does_not_say_it_is_refused_in_one_line(name: str) -> None:
    text, words = REFUSED[name]
    with pytest.raises(ComposeError) as refused:
        parse(text.encode())
    said = str(refused.value)
    assert words in said
    assert said.isprintable()
    assert TOKEN not in said


@pytest.mark.parametrize(
    "content",
    [b"services:\n  box: \xff\xfe\x00\n", f"# bo\u00eetier\n{LIST}".encode("latin-1"), b"\x1f\x8b\x08\x00"],
    ids=["bytes", "Latin-1", "gzip"],
)
def test_bytes_that_are_no_text_are_refused(content: bytes) -> None:
    with pytest.raises(ComposeError, match="it is not a text file in UTF-8"):
        parse(content)


def test_names_of_others_are_told_without_what_a_terminal_obeys() -> None:
    text = compose("- token=${A\u202eB}", f"- url={URL}")
    with pytest.raises(ComposeError) as refused:
        parse(text.encode())
    assert str(refused.value).isprintable()
