"""What the updater tells, among the troubles of the daemon."""

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox import events
from inviseobox.health.health import Health
from inviseobox.host import updater_status
from inviseobox.host.updater_status import UpdaterStatus, UpdateTroubles
from inviseobox.updater import showing
from inviseobox.updater.state import Cause, Probation, State, Trouble

BAD = {"kind": "taken back", "version": "2.0", "reason": "nothing is delivered any more"}
BLIND = {"kind": "repository", "version": "", "reason": "the repository cannot be read: no route"}
DAY = 86_400.0


class Box:
    """A daemon that looks at what the updater wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.updates = UpdateTroubles(path, lambda: self.now)

    def tell(self, **content: Any) -> None:
        new = self.path.with_name("new")
        new.write_text(json.dumps({"schema": 1, "installed": "1.0", "looked_at": 1e9, "trouble": None} | content))
        new.replace(self.path)
        self.look()

    def look(self) -> None:
        self.updates.look(self.health.troubles)

    @property
    def causes(self) -> list[str]:
        return [one.cause for one in self.health.troubles.current()]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path / "status.json")


def test_a_version_that_was_taken_back_is_a_trouble_until_a_newer_one_is_good(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    box.look()
    box.tell()
    assert box.causes == []
    box.tell(trouble=BAD)
    box.look()
    assert box.causes == ["version 2.0 was taken back: nothing is delivered any more"]
    box.tell()
    assert box.causes == []
    assert [(record.levelname, record.__dict__["MESSAGE_ID"]) for record in caplog.records] == [
        ("WARNING", events.UPDATES_FAIL.id),
        ("INFO", events.UPDATES_WORK.id),
    ]
    assert caplog.records[0].getMessage() == (
        "updates: version 2.0 was taken back: nothing is delivered any more; the installed version works on; more is "
        "told by: sudo inviseobox-updater status"
    )


def test_an_updater_that_is_removed_has_no_trouble(box: Box) -> None:
    box.tell(trouble=BAD)
    box.path.unlink()
    box.look()
    assert box.causes == []


def test_that_nothing_can_be_looked_for_counts_after_a_day(box: Box) -> None:
    box.tell(trouble=BLIND)
    box.now = DAY - 1
    box.tell(trouble=BLIND)
    assert box.causes == []
    box.now = DAY
    box.look()
    assert box.causes == ["the repository cannot be read: no route"]
    box.tell()
    box.now += 1
    box.tell(trouble=BLIND)
    assert box.causes == []


@pytest.mark.parametrize("kind", ["library", "refused", "no room", "updater"])
def test_what_else_is_wrong_is_told_as_the_updater_says_it(box: Box, kind: str) -> None:
    box.tell(trouble={"kind": kind, "version": "2.0", "reason": "python3 3.13.1 → 3.13.2: it ends"})
    assert box.causes == ["python3 3.13.1 → 3.13.2: it ends"]


def test_what_the_updater_of_this_version_writes_is_understood(tmp_path: Path) -> None:
    def told(state: State) -> UpdaterStatus | None:
        path = tmp_path / "status.json"
        path.write_text(json.dumps(showing.overview(state, "1.0", True)))
        return updater_status.read(path)

    assert told(State()) == UpdaterStatus("", None)
    assert told(State(installed="1.0", looked_at=1e9)) == UpdaterStatus("1.0", 1e9)
    watched = State(installed="2.0", probation=Probation("2.0", "1.0", Cause.UPDATE, "boot", 1.0))
    assert told(watched) == UpdaterStatus("2.0", None, is_watched=True)
    bad = told(State(installed="1.0", trouble=Trouble(**BAD)))
    assert bad == UpdaterStatus("1.0", None, "version 2.0 was taken back: nothing is delivered any more")
    blind = told(State(installed="1.0", trouble=Trouble(**BLIND)))
    assert blind == UpdaterStatus("1.0", None, BLIND["reason"], cannot_look=True)


def test_what_cannot_be_understood_is_nothing(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for text in ("", "[]", "{}", '{"schema": 2}', "[" * 100_000, '{"schema": 1, "a": "' + "x" * 1_100_000 + '"}'):
        path.write_text(text)
        assert updater_status.read(path) is None
    path.unlink()
    os.mkfifo(path)
    assert updater_status.read(path) is None
    assert updater_status.read(tmp_path) is None


def test_a_reason_is_shown_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    for reason in ("a\nb", "x" * 5000, 7):
        path.write_text(json.dumps({"schema": 1, "trouble": {"kind": "library", "reason": reason}}))
        status = updater_status.read(path)
        assert status is not None
        assert status.trouble == "" or status.trouble.isprintable()
        assert len(status.trouble) <= 200


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["kind", "reason"]), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["installed", "looked_at", "trouble", "phase"]), values))
def test_no_content_is_an_error(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"schema": 1, **content}))
    assert isinstance(updater_status.read(path), UpdaterStatus)
