"""What `inviseobox check` finds of updates."""

import json
from pathlib import Path

import pytest

from inviseobox.commands.checks import updates, words
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import Check, Finding, State, right, settled, wrong
from inviseobox.host.updater_status import UpdaterStatus
from tests.support.french import compile_french

NOW = 1e9
BAD = UpdaterStatus("1.0", NOW, "version 2.0 was taken back: it is not ready after 180 s")
BLIND = UpdaterStatus("1.0", NOW, "the repository cannot be read: no route", cannot_look=True)


@pytest.mark.parametrize(
    ("status", "state", "code", "line"),
    [
        (
            UpdaterStatus("1.0", NOW - 4000), State.RIGHT, Code.UPDATES_LOOKED_FOR,
            "right: updates: version 1.0; a newer one was looked for 1 h 7 min ago",
        ),
        (
            UpdaterStatus("1.0", NOW + 4000), State.RIGHT, Code.UPDATES_LOOKED_FOR,
            "right: updates: version 1.0; a newer one was looked for 0 s ago",
        ),
        (
            UpdaterStatus("2.0", None, is_watched=True), State.RIGHT, Code.VERSION_WATCHED,
            "right: updates: version 2.0 is being watched until it is seen to do its work",
        ),
        (
            BAD, State.WRONG, Code.UPDATES_FAIL,
            ("wrong: updates: version 2.0 was taken back: it is not ready after 180 s; "
            "next: sudo inviseobox-updater status"),
        ),
        (
            BLIND, State.WRONG, Code.CANNOT_LOOK,
            "wrong: updates: the repository cannot be read: no route; next: sudo inviseobox-updater status",
        ),
        (
            UpdaterStatus("1.0", NOW - 200_000), State.WRONG, Code.LOOKS_NO_MORE,
            ("wrong: updates: no newer version has been looked for in 2 d 7 h; "
            "next: systemctl status inviseobox-updater.timer"),
        ),
        (
            UpdaterStatus("1.0", None), State.NOT_TESTED, Code.NOT_LOOKED_YET,
            "not tested: updates: the updater has not looked for a newer version yet",
        ),
    ],
)  # fmt: skip
def test_what_the_updater_tells_is_found(status: UpdaterStatus, state: State, code: Code, line: str) -> None:
    finding = updates.of(status, NOW)
    assert (finding.state, finding.code) == (state, code)
    assert words.line(finding) == line


def test_it_is_told_in_french(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in compile_french(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert words.line(updates.of(BAD, NOW)) == (
        "en défaut : mises à jour : la version 2.0 a été retirée : il n'est pas prêt après 180 s ; "
        "ensuite : sudo inviseobox-updater status"
    )


def test_without_the_updater_nothing_is_tested(tmp_path: Path) -> None:
    finding = updates.looked_at(tmp_path / "status.json", tmp_path / "none")
    assert (finding.state, finding.code) == (State.NOT_TESTED, Code.NO_UPDATER)


def test_an_updater_that_has_not_run_since_the_start_is_not_tested(tmp_path: Path) -> None:
    finding = updates.looked_at(tmp_path / "status.json", tmp_path)
    assert (finding.state, finding.code) == (State.NOT_TESTED, Code.NOT_LOOKED_YET)
    (tmp_path / "status.json").write_text(json.dumps({"schema": 1, "installed": "1.0", "looked_at": 1.0}))
    assert updates.looked_at(tmp_path / "status.json", tmp_path).code is Code.LOOKS_NO_MORE


@pytest.mark.parametrize("cause", [Check.DISK, Check.DNS, Check.SERVER, Check.CLOCK])
def test_that_nothing_can_be_looked_for_has_the_cause_that_is_told_already(cause: Check) -> None:
    def told(status: UpdaterStatus, *others: Finding) -> Finding:
        return settled(updates.of(status, NOW), {one.check: one for one in others})

    fault = wrong(cause, Code.UNREACHABLE, "ip route")
    assert told(BLIND, fault).because is cause
    assert told(BLIND, right(cause, Code.CONNECTED)).state is State.WRONG
    assert told(BAD, fault).state is State.WRONG
