"""What the updater remembers, written and read again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.updater import state
from inviseobox.updater.errors import StateError
from inviseobox.updater.state import BadVersion, Cause, Level, Libraries, Pending, Probation, Proof, State, Trouble

FULL = State(
    installed="2.0",
    good="1.0",
    kept="0.9",
    proof=Proof("2.0", Level.PASSED, "boot", state.Required(("polling",), ("a", "b")), state.Required((), ("a",))),
    probation=Probation("2.0", None, Cause.BACK, "boot", 1.5, condemned="2.1", reason="it crashes"),
    pending=Pending(2, "boot", {"inviseobox": "1.0"}, {"inviseobox": "2.0"}),
    bad={"2.1": BadVersion("it crashes", 3.0, tries=2, is_unclear=True)},
    libraries=Libraries("id", {"python3": "3.13"}, None, "boot", {"python3": "3.14"}),
    reports=({"schema": 1, "journal": ["a"]},),
    trouble=Trouble("taken back", "2.1", "it crashes"),
    looked_at=5.0,
    oldest_reader=5,
)


@pytest.mark.parametrize("known", [State(), FULL])
def test_it_is_read_as_it_was_written(known: State) -> None:
    again = state.from_json(state.to_json(known))
    assert again == known
    assert again.probation is None or again.probation.cause is Cause.BACK


def test_what_a_later_version_has_added_is_ignored() -> None:
    content = json.loads(state.to_json(FULL))
    content["more"] = 1
    content["probation"]["more"] = [1]
    assert state.from_json(json.dumps(content)) == FULL


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"installed": 1},
        {"looked_at": True},
        {"bad": []},
        {"bad": {"1": {"reason": "x"}}},
        {"probation": {"version": "1"}},
        {"proof": {"version": "1", "level": "great"}},
        {"reports": {"a": 1}},
    ],
)
def test_what_is_no_state_is_named_so(change: dict[str, object]) -> None:
    content = json.loads(state.to_json(FULL)) | change
    with pytest.raises(StateError):
        state.from_json(json.dumps(content))


@given(st.text() | st.integers(0, 3000).map("[".__mul__))
def test_any_text_is_a_state_or_refused(text: str) -> None:
    with pytest.raises(StateError):
        state.from_json(text)


@given(st.integers(0, len(state.to_json(FULL)) - 3))
def test_half_a_state_is_refused(length: int) -> None:
    with pytest.raises(StateError):
        state.from_json(state.to_json(FULL)[:length])
