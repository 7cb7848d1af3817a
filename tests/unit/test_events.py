"""Every line that a person may have to act on says of which kind it is."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import inviseobox
from inviseobox import events
from inviseobox.events import Event, TroubleKind, together

PACKAGE = Path(inviseobox.__file__).parent
SOURCES = {
    path: ast.parse(path.read_text())
    for path in sorted(PACKAGE.rglob("*.py"))
    if not set(path.relative_to(PACKAGE).parts) & {"simulator", "demo.py", "events.py"}
}
EVENTS = {name: value for name, value in vars(events).items() if isinstance(value, Event)}
TROUBLES = {name: value for name, value in vars(events).items() if isinstance(value, TroubleKind)}

LOUD = ("warn", "warning", "error", "exception", "critical")


def loud_calls(source: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that write a line at the level of warnings or above."""
    for node in ast.walk(source):
        match node:
            case ast.Call(func=ast.Attribute(value=logger, attr=level)) if level in LOUD:
                if "log" in ast.unparse(logger).lower():
                    yield node


def events_named(expression: ast.AST) -> set[str]:
    """Name what of `events` an expression mentions."""
    return {
        node.attr
        for node in ast.walk(expression)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "events"
    }


def carried(call: ast.Call, source: ast.AST) -> set[str]:
    """Name the events in a log call's `extra`, or in what was assigned to the variable that stands there."""
    (extra,) = [keyword.value for keyword in call.keywords if keyword.arg == "extra"] or [ast.Constant(None)]
    found = events_named(extra)
    if isinstance(extra, ast.Name):
        for node in ast.walk(source):
            if isinstance(node, ast.Assign) and extra.id in {
                name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }:
                found |= events_named(node.value)
    return found


def test_every_event_has_an_id_of_its_own() -> None:
    ids = [event.id for event in EVENTS.values()]
    assert len(set(ids)) == len(ids) > 40
    assert [one for one in ids if not re.fullmatch("[0-9a-f]{32}", one)] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_warning_and_error_carries_an_event(path: Path) -> None:
    # Those of troubles are carried by the Trouble that `Troubles` was given.
    functions = [node for node in ast.walk(SOURCES[path]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    without = [
        call.lineno
        for function in functions
        for call in loud_calls(function)
        if not carried(call, function) & EVENTS.keys() and ".begins" not in ast.unparse(call)
    ]
    assert without == []
    assert len(list(loud_calls(SOURCES[path]))) == sum(len(list(loud_calls(function))) for function in functions)


def test_every_event_is_told_somewhere() -> None:
    used = {name for source in SOURCES.values() for name in events_named(source)}
    assert used - {"together", "AboutMeasurement"} <= EVENTS.keys() | TROUBLES.keys()
    told = {id(EVENTS[name]) for name in used & EVENTS.keys()}
    for name in used & TROUBLES.keys():
        told |= {id(TROUBLES[name].begins), id(TROUBLES[name].ends)}
    assert {name for name, event in EVENTS.items() if id(event) not in told} == set()
    assert TROUBLES.keys() <= used


def test_an_event_gives_its_id_and_what_it_is_about() -> None:
    assert events.STOPPED() == {"MESSAGE_ID": events.STOPPED.id}
    assert events.DELIVERY_DAMAGED(window="2026-11-22T12:00:00Z") == {
        "MESSAGE_ID": "9374b8ee0c414af28d64ed59daad6a21",
        "INVISEOBOX_WINDOW": "2026-11-22T12:00:00Z",
    }


def test_a_trouble_gives_both_lines_the_same_fields() -> None:
    trouble = events.DEVICE("no answer", link="/dev/ttyUSB0", unit="5", device="Compteur général", device_id="65a0")
    assert trouble.begins == {
        "MESSAGE_ID": events.DEVICE_SILENT.id,
        "INVISEOBOX_LINK": "/dev/ttyUSB0",
        "INVISEOBOX_UNIT": "5",
        "INVISEOBOX_DEVICE": "Compteur général",
        "INVISEOBOX_DEVICE_ID": "65a0",
    }
    assert trouble.ends == {**trouble.begins, "MESSAGE_ID": events.DEVICE_BACK.id}


def test_several_names_of_devices_become_one_text() -> None:
    assert together(["a"]) == "a"
    assert together(["b", "a", "b"]) == "b, a"
    assert together(map(str, range(10))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert together(map(str, range(12))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 (+2)"


@pytest.mark.parametrize(
    ("function", "found"),
    [
        ("_log.error('x')", set()),
        ("_log.error('x', extra={})", set()),
        ("_log.error('x', extra=events.STUCK(task='a'))", {"STUCK"}),
        ("fields = events.STUCK(task='a')\n    _log.error('x', extra=fields)", {"STUCK"}),
        ("fields, y = events.STUCK(task='a'), 1\n    _log.error('x', extra=fields)", {"STUCK"}),
        ("y = events.STUCK(task='a')\n    _log.error('x', extra=fields)", set()),
    ],
)
def test_the_reader_of_calls_sees_what_a_line_carries(function: str, found: set[str]) -> None:
    source = ast.parse(f"def f():\n    {function}\n")
    (call,) = loud_calls(source)
    assert carried(call, source) == found
