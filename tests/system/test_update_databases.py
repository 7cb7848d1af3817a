"""Versions that bring another schema of the database or another package of Debian's."""

import pytest

from tests.support.other_version import field_of, file_of

from .bad_versions import DELIVERS_NOTHING
from .side_by_side import Case, SideBySide
from .updated_box import PROGRAM_AT, UpdatedBox

_SCHEMA_AT = PROGRAM_AT + "buffer/schema.py"
_DATABASE = "/var/lib/inviseobox/data.db"
_DEPENDENCY = "hello"
_NOW, _NEXT = 5, 6

pytestmark = pytest.mark.timeout(3600)


def _migrating(box: UpdatedBox, oldest_reader: int) -> dict[str, bytes]:
    """Return the files of a version that adds a table, and whose database is read from `oldest_reader` on."""
    text = file_of(box.repository.package, _SCHEMA_AT)
    for before, after in (
        (f"\nSCHEMA = {_NOW}\n", f"\nSCHEMA = {_NEXT}\n"),
        (f"\nOLDEST_READER = {_NOW}\n", f"\nOLDEST_READER = {oldest_reader}\n"),
        ("] = ()\n", '] = ("CREATE TABLE later (a INTEGER) STRICT;",)\n'),
    ):
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return {_SCHEMA_AT: text.encode()}


def _fields(oldest_reader: int) -> dict[str, str]:
    return {"Inviseobox-Schema": str(_NEXT), "Inviseobox-Oldest-Reader": str(oldest_reader)}


def _with_a_dependency(box: UpdatedBox) -> dict[str, str]:
    return {"Depends": f"{field_of(box.repository.package, 'Depends')}, {_DEPENDENCY}"}


def _schema(box: UpdatedBox) -> int:
    owner = ("setpriv", "--reuid=inviseobox", "--regid=inviseobox", "--clear-groups")
    ask = f"import sqlite3; print(*sqlite3.connect('{_DATABASE}').execute('PRAGMA user_version').fetchone())"
    return int(box.machine.run(*owner, "/usr/bin/python3", "-I", "-c", ask).stdout)


def _is_taken_with_its_dependency(box: UpdatedBox) -> None:
    box.publish("9.1", _migrating(box, _NOW), fields=_fields(_NOW) | _with_a_dependency(box))
    assert box.look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    assert box.history("good") == ["9.1"]
    assert _schema(box) == _NEXT
    # It goes with what needs it.
    assert box.machine.run("apt-mark", "showauto", _DEPENDENCY).stdout.strip() == _DEPENDENCY
    box.lost_nothing()


def _is_taken_back_with_its_database(box: UpdatedBox) -> None:
    files = _migrating(box, _NOW) | box.with_end(DELIVERS_NOTHING)
    box.publish("9.1", files, fields=_fields(_NOW) | _with_a_dependency(box))
    box.begin_to_look()
    # What it seals, it does not deliver: that waits for the version before.
    box.machine.run("sleep", "60", timeout=120)
    box.note_sealed()
    waiting = box.sealed - box.delivered()
    assert waiting
    assert box.end_of_look() == 1, box.said()
    assert box.told()["bad"] == {"9.1": "nothing is delivered any more"}
    assert box.versions() == box.before
    assert _schema(box) == _NEXT
    box.lost_nothing()
    assert waiting <= box.delivered()


def _goes_by_way_of_the_version_in_between(box: UpdatedBox) -> None:
    # While the box was off.
    box.publish("9.1", _migrating(box, _NOW), fields=_fields(_NOW))
    box.publish("9.2", _migrating(box, _NEXT), fields=_fields(_NEXT))
    box.publish("9.3", _migrating(box, _NEXT), fields=_fields(_NEXT))
    assert box.look() == 0, box.said()
    assert box.versions() == "9.1 ii"
    assert box.look() == 0, box.said()
    assert box.versions() == "9.3 ii"
    assert box.history("good") == ["9.1", "9.3"]
    box.lost_nothing()


def _is_refused_without_one_in_between(box: UpdatedBox) -> None:
    box.publish("9.2", _migrating(box, _NEXT), fields=_fields(_NEXT))
    assert box.look() == 0, box.said()
    assert box.versions() == box.before
    trouble = box.told()["trouble"]
    assert (trouble["kind"], trouble["version"]) == ("refused", "9.2")
    assert box.history("taken") == []
    assert box.history("refused") == ["9.2"]
    box.lost_nothing()


def _is_refused_for_what_is_missing(box: UpdatedBox) -> None:
    needed = f"{field_of(box.repository.package, 'Depends')}, python3-nowhere"
    box.publish("9.1", fields={"Depends": needed})
    assert box.look() == 0, box.said()
    assert box.versions() == box.before
    trouble = box.told()["trouble"]
    assert (trouble["kind"], trouble["version"]) == ("refused", "9.1")
    assert "python3-nowhere" in trouble["reason"]
    assert box.look() == 0, box.said()
    assert box.history("refused") == ["9.1"]
    box.publish("9.2")
    assert box.look() == 0, box.said()
    assert box.versions() == "9.2 ii"
    assert box.told()["trouble"] is None


CASES: dict[str, Case] = {
    "a dependency that Debian lacks": _is_refused_for_what_is_missing,
    "another schema and a dependency": _is_taken_with_its_dependency,
    "taken back after a migration": _is_taken_back_with_its_database,
    "two steps": _goes_by_way_of_the_version_in_between,
    "no step in between": _is_refused_without_one_in_between,
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_version_brings_with_it(cases: SideBySide, case: str) -> None:
    cases.result(case)
