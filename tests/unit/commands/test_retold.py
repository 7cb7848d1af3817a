"""What the rest of the program says is found again by its pattern, and told in French."""

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import inviseobox
from inviseobox.acquisition.link_opening import link_down
from inviseobox.acquisition.modbus_frame import EXCEPTION_NAMES
from inviseobox.commands.known_texts import KNOWN
from inviseobox.commands.retold import RETOLD, WHOLE, error_text, retold
from inviseobox.configuration import parse
from inviseobox.devices import inventory
from inviseobox.devices.links import SerialLink
from inviseobox.errors import ConfigurationError, StatusUnreadable
from inviseobox.host import status_file
from inviseobox.network import http_faults
from inviseobox.network.http_faults import Asked
from inviseobox.server.answers import Answer, described
from inviseobox.timekeeping.clock_troubles import clock_trouble
from inviseobox.timekeeping.witnesses import Basis, Judgement
from inviseobox.updater import faults
from inviseobox.updater.state import Required
from tests.support.french import compile_french

PACKAGE = Path(inviseobox.__file__).parent
FLOORS = ("acquisition", "network", "server", "delivery", "buffer", "devices", "timekeeping", "health", "host")
SOURCES = [
    *(path for floor in FLOORS for path in sorted((PACKAGE / floor).glob("*.py"))),
    PACKAGE / "configuration.py",
    *(PACKAGE / "updater" / f"{name}.py" for name in ("faults", "probation", "versions", "dpkg")),
]
ERRORS = {
    "LinkDown", "ConnectionLost", "NoAnswer", "RequestStalled", "InvalidAnswer", "AnswersCollided", "Refused",
    "PageRefused", "UnusableValue", "DeliveryError", "ServerUnreachable", "ServerNotReached", "ServerStalled",
    "DeliveryRefused", "TokenRefused", "BufferFault", "BufferUnusable", "InventoryError", "NotUnderstood", "Unusable",
    "ServiceFault", "StatusUnreadable", "_remark", "Bad", "InstallationFailed",
}  # fmt: skip
"""What takes a text for people as its first argument."""
CONFIGURATION = {"ConfigurationError", "NotConfigured", "error", "not_configured"}
"""What takes it as its last one."""
FUNCTIONS = {
    "other_unit", "other_function", "other_length", "other_number", "cut_short", "what_came", "odd_line",
    "_connect_reason", "described", "_cause", "how_it_ended",
}  # fmt: skip
"""What returns such a text."""
OF_OTHERS = re.compile(r"7|7: 7|not configured yet; 7|device 7 |an http or https address of .*|whole seconds .*")
"""What is nothing but filled in, or is a part of another text."""
MADE_OF_PIECES = {
    "7 the server's": ["7 s ahead of the server's", "7 s behind the server's"],
    "7 what the time synchronisation set": [
        "7 s ahead of what the time synchronisation set",
        "7 s behind what the time synchronisation set",
    ],
    "7 this machine's, which is synchronised": [
        "7 s ahead of this machine's, which is synchronised",
        "7 s behind this machine's, which is synchronised",
    ],
    "7 within 7 s": [
        "no connection within 7 s",
        "its TLS handshake is not complete within 7 s",
        "its answer comes, but slowly: 512 bytes within 60 s",
        "its name is not resolved (DNS) within 7 s",
        "no complete answer within 7 s",
    ],
    "exception 7 (7)": ["exception 7 (unknown)"],
    "it answered 7 with a web page7": [
        "it answered 7 with a web page",
        "it answered 7 with a web page (is there a login page in between?)",
    ],
    "its count 7 is more than one request can ask for, 7 7": [
        "its count 7 is more than one request can ask for, 2,000 bits",
        "its count 7 is more than one request can ask for, 125 registers",
    ],
    "its url 7 is not 7": [
        "its url 7 is not an http or https address of at most 7 characters, as in http://192.0.2.34/",
    ],
    "none of its 7 units 7: 7": ["none of its 7 units answers: 7", "none of its 7 units gives a valid answer: 7"],
    "the buffer cannot be 7: 7": ["the buffer cannot be read: 7", "the buffer cannot be written: 7"],
    "the port cannot be set to 7": ["the port cannot be set to 7 baud, 7 bits, parity E, 1.5 stop bits"],
    "the server's device list is not valid JSON, or a device in it takes more than 7": [
        "the server's device list is not valid JSON, or a device in it takes more than 7 characters or 7 values",
    ],
    "write 7 there": ["write token there", "write url there", "write token and url there"],
    "7: unknown in response_format, ignored: 77; known are 7": [
        "device 7, measurement 7: unknown in response_format, ignored: 7 (+7); known are 7",
    ],
    "7: response_format asks for nothing; only its status is sent": [
        "device 7, measurement 7: response_format asks for nothing; only its status is sent",
    ],
}
"""Texts of which a part is computed, as the finder below sees them: all that they may be."""


def texts(expression: ast.expr, names: dict[str, list[ast.expr]], depth: int = 0) -> Iterator[str]:
    """Yield what an expression may say, with 7 for whatever is filled in."""
    match expression:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=values):
            parts = [list(texts(one, names, depth)) for one in values]
            yield from map("".join, itertools.product(*parts))
        case ast.FormattedValue(value=ast.Name(id=name)) if name.startswith("_") and name in names and depth < 3:
            yield from {text for one in names[name] for text in texts(one, names, depth + 1)}
        case ast.IfExp(body=body, orelse=other):
            yield from texts(body, names, depth)
            yield from texts(other, names, depth)
        case ast.BinOp(op=ast.Add(), left=left, right=right):
            parts = [list(texts(left, names, depth)), list(texts(right, names, depth))]
            yield from map("".join, itertools.product(*parts))
        case ast.Name(id=name) if name in names and depth < 3:
            for one in names[name]:
                yield from texts(one, names, depth + 1)
        case _:
            yield "7"


def assigned(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """Return what is assigned to each name that only ever holds a text which stands in the source."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    is_text = (ast.Constant, ast.JoinedStr, ast.IfExp)
    return {name: values for name, values in found.items() if all(isinstance(one, is_text) for one in values)}


def said(path: Path) -> Iterator[str]:
    """Yield what a source says to people in errors, remarks and causes of troubles."""
    tree = ast.parse(path.read_text())
    names = assigned(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[first, *rest]):
                is_trouble = name.isupper() and ast.unparse(node.func).startswith("events.")
                if name in ERRORS or is_trouble:
                    yield from texts(first, names)
                elif name in CONFIGURATION and rest and "_log" not in ast.unparse(node.func):
                    yield from texts(rest[-1], names)
            case ast.FunctionDef(name=name) if name in FUNCTIONS:
                for one in ast.walk(node):
                    if isinstance(one, ast.Return) and one.value is not None:
                        yield from texts(one.value, names)


SAID = {
    whole: path.name
    for path in SOURCES
    for text in said(path)
    if text and not OF_OTHERS.fullmatch(text)
    for whole in MADE_OF_PIECES.get(text, [text])
}


@pytest.fixture(autouse=True)
def _french(french_directory: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in french_directory.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def french_directory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return dict(compile_french(tmp_path_factory.mktemp("locale")))


@pytest.mark.parametrize("text", SAID)
def test_what_is_said_anywhere_is_known(text: str) -> None:
    told = retold(text)
    assert told != text, f"{SAID[text]} says what commands.known_texts does not know; 7 stands for what is filled in"


def test_no_text_is_spelt_out_that_is_not_computed_any_more() -> None:
    assert MADE_OF_PIECES.keys() <= {text for path in SOURCES for text in said(path)}


def test_the_finder_of_texts_sees_them() -> None:
    tree = ast.parse('_A = "a" if b else "b"\nraise E(f"x {n} {_A}" + ("c" if d else "d"))')
    call = next(node for node in ast.walk(tree) if isinstance(node, ast.Call))
    assert set(texts(call.args[0], assigned(tree))) == {"x 7 ac", "x 7 ad", "x 7 bc", "x 7 bd"}
    assert len(SAID) > 100


@pytest.mark.parametrize("sentence", KNOWN)
def test_a_known_text_is_found_by_its_own_pattern(sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = re.sub(r"\{(\w+)\}", lambda field: "7" if field[1] in WHOLE else "x'y", sentence)
    told = retold(filled)
    assert "{" not in told
    monkeypatch.setattr("inviseobox.commands.retold._", lambda text: f"<{text}>")
    by = re.sub(r"\{(\w+)\}", lambda field: "7" if field[1] in WHOLE else "x'y", f"<{sentence}>")
    assert retold(filled) == by


@pytest.mark.parametrize("name", [*EXCEPTION_NAMES.values(), *http_faults._BY_LIBRARY.values()])
def test_names_of_exceptions_and_faults_are_known(name: str) -> None:
    assert retold(name) != name


@pytest.mark.parametrize("words", [*faults.FACETS.values(), *faults._RESULTS.values()])
def test_what_a_version_does_not_do_is_known(words: str) -> None:
    assert retold(words) != words


@pytest.mark.parametrize("facets", [("polling",), ("commits", "delivery"), ("delivery",)])
@pytest.mark.parametrize("links", [("a",), ("a", "b"), ()])
def test_all_that_a_version_does_not_do_is_told_in_french(facets: tuple[str, ...], links: tuple[str, ...]) -> None:
    told = retold(
        f"version 2.0 was taken back: {faults.missing(Required(facets, links), Required(facets, (*links, 'c')))}"
    )
    assert told.startswith("la version 2.0 a été retirée")
    assert "any more" not in told


def port(stopbits: int) -> str:
    return str(link_down(SerialLink("/dev/ttyS0", stopbits=stopbits), ValueError()))


def clock(basis: Basis, ahead: float = 0.0) -> str:
    trouble = clock_trouble(Judgement(basis, None, ahead), 1.7e9)
    assert trouble
    return trouble.cause


def refused(key: str) -> str:
    with pytest.raises(ConfigurationError) as found:
        parse(f'token = "t"\nurl = "http://h"\n{key}', "config.toml", read_file=str)
    return error_text(found.value)


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("no answer within 1.5 s (modbus.timeout)", "pas de réponse en 1.5 s (modbus.timeout)"),
        (
            "none of its 3 units answers: no answer within 1 s (modbus.timeout)",
            "aucun de ses 3 appareils ne répond : pas de réponse en 1 s (modbus.timeout)",
        ),
        (
            "the device answers exception 2 (illegal data address)",
            "l'appareil répond : exception 2 (adresse refusée)",
        ),
        (described(500, b"no such field"), "réponse 500 : no such field"),
        (described(200, b"<html>"), "réponse 200 avec une page web (y a-t-il une page de connexion entre les deux ?)"),
        (
            str(Answer(401, b"it has no token").keeping()),
            "le serveur le refuse (réponse 401 : it has no token) ; vérifiez token et url dans la configuration",
        ),
        ("no connection (Connection refused)", "pas de connexion (Connection refused)"),
        (
            f"the answer is not valid HTTP: {http_faults.fault(b'SSH-2.0-x', '', Asked())}",
            "la réponse n'est pas du HTTP valable : c'est du SSH ('SSH-2.0-x')",
        ),
        (port(1), "le port ne peut pas être réglé à 9600 bauds, 8 bits, parité N, 1 bit d'arrêt"),
        (port(2), "le port ne peut pas être réglé à 9600 bauds, 8 bits, parité N, 2 bits d'arrêt"),
        (clock(Basis.SERVER, 90.0), "90 s d'avance sur celle du serveur"),
        (clock(Basis.SERVER, -90.0), "90 s de retard sur celle du serveur"),
        (clock(Basis.NOTHING), "inconnue, l'horloge est antérieure au 2023-11-14T22:13:20Z"),
        ("", ""),
        ("What no part of the program says.", "What no part of the program says."),
        ("x" * 100_000, "x" * 100_000),
    ],
)
def test_a_text_is_told_in_french_and_what_others_said_stays(text: str, french: str) -> None:
    assert retold(text) == french


@pytest.mark.parametrize(
    ("key", "french"),
    [
        ("interval = -1", "interval : il faut un nombre entier de secondes de 1 à 86400, et non -1"),
        ("ca_file = 5", "ca_file : il faut le chemin d'un fichier de certificats, entre guillemets"),
        ("log.level = 'x'", "log.level : il faut l'un de debug, info, warning, error, et non 'x'"),
        ("modbus.gap = 500", "modbus.gap : il faut un nombre entier de registres de 0 à 124, et non 500"),
        ("modbus.period = 0.01", "modbus.period : il faut 0 (un tour après l'autre) ou au moins 0.1 secondes"),
    ],
)
def test_an_error_of_the_configuration_is_french_to_its_colons(key: str, french: str) -> None:
    assert refused(key).replace("config.toml: ", "config.toml : ", 1) == f"config.toml : {french}"


def test_a_box_that_is_not_configured_is_told_so_in_french() -> None:
    with pytest.raises(ConfigurationError) as found:
        parse("", "config.toml", read_file=str)
    assert error_text(found.value) == (
        "config.toml : pas encore configuré ; lancez : sudo inviseobox configure "
        "(ou : écrivez-y token et url ; puis : systemctl restart inviseobox)"
    )


def test_remarks_of_a_device_list_are_french_whatever_is_in_their_names() -> None:
    listed = inventory.parse(
        '[{"_id": "a", "name": "x cannot be read: y", "communication": {"protocol": "Z"}},'
        ' {"name": "no id"}, {"_id": "b", "name": "[bold]", "communication": {}, "measurements": []}]'
    )
    told = [retold(remark) for remark in listed.remarks.texts]
    assert told[-1].startswith("l'appareil [bold] ne peut pas être lu : ")
    assert "sa communication n'a pas de configuration" in told[-1]
    assert any(one.startswith("l'appareil 2 (no id) est laissé de côté : pas de _id") for one in told)
    assert all("device" not in one for one in told)


def test_a_status_that_is_missing_is_told_in_french(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    with pytest.raises(StatusUnreadable) as found:
        status_file.read(path)
    assert error_text(found.value) == (
        f"{path} : il n'existe pas ; le service tourne-t-il ? (systemctl status inviseobox)"
    )


def test_in_english_every_text_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert [text for text in SAID if retold(text) != text] == []
    assert refused("interval = -1") == (
        "config.toml: interval: must be a whole number of seconds from 1 to 86400, not -1"
    )


def test_fields_that_hold_known_texts_are_named_in_the_known_texts() -> None:
    named = {name for sentence in KNOWN for name in re.findall(r"\{(\w+)\}", sentence)}
    assert named >= RETOLD
    assert named >= WHOLE


LIBC = {"Connection refused": "Connexion refusée", "Permission denied": "Permission non accordée"}


@pytest.mark.parametrize(
    ("text", "french"),
    [
        ("Permission denied", "Permission non accordée"),
        ("no connection (Connection refused)", "pas de connexion (Connexion refusée)"),
        ("cannot be read: Is a directory", "lecture impossible : Is a directory"),
        ("what a server said: Permission denied", "what a server said: Permission denied"),
    ],
)
def test_what_libc_says_is_french_where_its_catalog_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, french: str
) -> None:
    place = Path(compile_french(tmp_path)["TEXTDOMAINDIR"]) / "fr" / "LC_MESSAGES"
    source = tmp_path / "libc.po"
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n'
    source.write_text(head + "".join(f'\nmsgid "{one}"\nmsgstr "{other}"\n' for one, other in LIBC.items()))
    subprocess.run(["msgfmt", f"--output-file={place / 'libc.mo'}", source], check=True)
    monkeypatch.setenv("TEXTDOMAINDIR", str(tmp_path))
    monkeypatch.setenv("LC_ALL", "C")
    assert retold(text) == text
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert retold(text) == french
