"""What the updater tells of itself, and when a version can be watched."""

from dataclasses import replace
from typing import Any

import pytest

from inviseobox.updater import showing
from inviseobox.updater.service import Service, is_about_units
from inviseobox.updater.state import BadVersion, Cause, Level, Probation, Proof, State, Trouble
from inviseobox.updater.watching import can_be_watched

WATCHED = Probation("1.1", "1.0", Cause.UPDATE, "boot", 0)


def service(active_state: str, result: str = "success") -> Service:
    return Service(active_state, "", "id", 0, 0, result, 0, None, "enabled")


@pytest.mark.parametrize(
    ("state", "is_up", "phase"),
    [
        (State(), True, "idle"),
        (State(probation=WATCHED), True, "watching"),
        (State(probation=WATCHED), False, "not watched yet"),
        (
            State(probation=Probation("1.1", "1.0", Cause.UPDATE, "", 0, waits_for="no route")),
            True,
            "waiting: no route",
        ),
        (State(proof=Proof("1.1", Level.PASSED)), True, "one more start to be seen"),
        (State(proof=Proof("1.1", Level.GOOD)), True, "idle"),
    ],
)
def test_the_phase_is_what_lies_before_the_version(state: State, is_up: bool, phase: str) -> None:
    assert showing.phase(state, is_up) == phase


def test_the_overview_shows_only_a_newer_version_as_candidate() -> None:
    back = Probation("1.0", None, Cause.BACK, "boot", 0)
    assert showing.overview(State(probation=WATCHED), "1.0", True)["candidate"] == "1.1"
    assert showing.overview(State(probation=back), "1.0", True)["candidate"] is None


def test_a_person_reads_what_is_wrong_and_what_is_not_taken() -> None:
    state = State(
        installed="1.0",
        good="1.0",
        bad={"1.1": BadVersion("it is not ready after 180 s", 0)},
        trouble=Trouble("taken back", "1.1", "it is not ready after 180 s"),
        looked_at=0.0,
        looked="ok",
    )
    told = showing.overview(state, "1.0", True)
    lines = showing.status_lines(told)
    assert lines[0] == "inviseobox 1.0: idle"
    assert "not taken: 1.1: it is not ready after 180 s" in lines
    assert lines[-1] == "wrong: 1.1 was taken back: it is not ready after 180 s"
    assert showing.is_wrong(told)


@pytest.mark.parametrize(("looked", "wrong"), [("", False), ("ok", False), ("the repository cannot be read", True)])
def test_a_look_that_failed_is_wrong(looked: str, wrong: bool) -> None:
    assert showing.is_wrong(showing.overview(State(looked=looked), "1.0", True)) is wrong


@pytest.mark.parametrize(
    "entry", [{}, {"at": "yesterday"}, {"at": -5}, {"at": 2.0**80}, {"at": 1e9, "event": "taken", "version": "1.1"}]
)
def test_no_entry_of_the_history_is_too_odd_to_be_shown(entry: dict[str, Any]) -> None:
    assert "\n" not in showing.history_line(entry)


@pytest.mark.parametrize(
    ("active_state", "result", "ran_before", "watched"),
    [
        ("active", "success", False, True),
        ("activating", "exit-code", False, True),
        # In the midst of a restart.
        ("deactivating", "success", True, True),
        # Stopped, disabled or masked: it stays so.
        ("inactive", "success", True, False),
        # Its configuration is wrong, and was before.
        ("failed", "exit-code", False, False),
        ("failed", "exit-code", True, True),
        ("inactive", "exec-condition", False, False),
        ("inactive", "exec-condition", True, True),
    ],
)
def test_what_did_not_run_is_not_judged(active_state: str, result: str, ran_before: bool, watched: bool) -> None:
    probation = Probation("1.1", "1.0", Cause.UPDATE, "boot", 0, invocation_id="before" if ran_before else "")
    assert can_be_watched(service(active_state, result), probation) is watched


@pytest.mark.parametrize(
    ("complaint", "is_theirs"),
    [
        ("Failed to restart inviseobox.service: Unit helper.service not found.", True),
        ("Failed to restart inviseobox.service: Unit inviseobox.service has a bad unit file setting.", True),
        ("Failed to restart inviseobox.service: Unit inviseobox.service is masked.", True),
        ("Failed to restart inviseobox.service: Transaction order is cyclic. See system logs for details.", True),
        # The machine is being switched off.
        ("Failed to restart inviseobox.service: Transaction for inviseobox.service/restart is destructive (…).", False),
        ("Failed to connect to bus: No such file or directory", False),
        ("systemctl did not end within 120 s", False),
    ],
)
def test_a_version_is_blamed_for_its_units_alone(complaint: str, is_theirs: bool) -> None:
    assert is_about_units(complaint) is is_theirs


def test_what_a_boot_left_out_is_told_from_what_somebody_stopped() -> None:
    never = Service("inactive", "dead", "", 0, 0, "success", 0, None, "enabled")
    assert never.was_left_out
    for other in (
        replace(never, invocation_id="id"),
        replace(never, unit_file_state="disabled"),
        replace(never, result="condition"),
        replace(never, has_job=True),
        replace(never, active_state="active"),
    ):
        assert not other.was_left_out
