"""What a check is told as, after the others: one cause for one fault; and the verdict."""

import string
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.commands.check import with_file
from inviseobox.commands.checks import words
from inviseobox.commands.checks.codes import Code
from inviseobox.commands.checks.findings import (
    AGAIN,
    CONFIGURE,
    EDIT,
    Check,
    Finding,
    State,
    document,
    late,
    not_tested,
    right,
    settled,
    verdict,
    wrong,
)
from tests.support.french import compile_french

ANY = Code.RUNS
COMMAND = "true"


def told(*found: Finding) -> dict[Check, Finding]:
    """Return the findings as they are told, in the order of the checks; those that are missing are right."""
    by_check = {one.check: one for one in found}
    done: dict[Check, Finding] = {}
    for check in Check:
        done[check] = settled(by_check.get(check, right(check, ANY)), done)
    return done


def causes(findings: dict[Check, Finding]) -> dict[Check, Check]:
    return {check: one.because for check, one in findings.items() if one.because}


def test_what_depends_on_a_fault_was_not_tested_because_of_it() -> None:
    fault = wrong(Check.DNS, Code.UNRESOLVED, COMMAND)
    later = [Check.SERVER, Check.TLS, Check.TOKEN, Check.API, Check.SERIAL_PORTS, Check.CLOCK, Check.SYNCHRONISATION]
    assert causes(told(fault, *map(not_tested, later))) == dict.fromkeys(later, Check.DNS)


def test_the_clock_was_not_tested_because_of_a_server_that_does_not_answer() -> None:
    fault = wrong(Check.API, Code.SERVER_FAILS, COMMAND)
    later = [Check.SERIAL_PORTS, Check.CLOCK, Check.SYNCHRONISATION]
    assert causes(told(fault, *map(not_tested, later))) == dict.fromkeys(later, Check.API)


def test_the_first_cause_is_named_and_not_what_depends_on_it() -> None:
    found = told(
        wrong(Check.RIGHTS, Code.NO_MEMBER, COMMAND), *map(not_tested, (Check.CONFIGURATION, Check.DNS, Check.SERVER))
    )
    assert causes(found) == dict.fromkeys((Check.CONFIGURATION, Check.DNS, Check.SERVER), Check.RIGHTS)


@pytest.mark.parametrize("cause", [Check.CONFIGURATION, Check.DISK])
def test_a_service_that_failed_because_of_something_else_is_no_fault_of_its_own(cause: Check) -> None:
    found = told(wrong(cause, ANY, COMMAND), wrong(Check.SERVICE, Code.FAILED, COMMAND, status=1))
    assert [one.check for one in found.values() if one.state is State.WRONG] == [cause]
    assert causes(found) == {Check.SERVICE: cause}


@pytest.mark.parametrize(
    ("command", "right_one"),
    [
        (CONFIGURE, "sudo inviseobox configure --config '/tmp/my box.toml'"),
        (AGAIN, "inviseobox check --config '/tmp/my box.toml'"),
        (EDIT, "sudoedit '/tmp/my box.toml'"),
        ("ip route", "ip route"),
    ],
)
def test_what_to_type_next_names_the_file_that_was_checked(command: str, right_one: str) -> None:
    assert with_file(command, "/tmp/my box.toml") == right_one  # noqa: S108


def test_a_service_that_runs_all_the_same_is_right() -> None:
    assert told(wrong(Check.DISK, Code.NO_ROOM, COMMAND))[Check.SERVICE].state is State.RIGHT


def test_what_hangs_on_the_machine_is_one_fault_and_the_rest_was_not_tested_because_of_it() -> None:
    done: dict[Check, Finding] = {}
    for check in Check:
        found = right(check, ANY) if check is Check.RIGHTS else late(check, done.values(), 10)
        done[check] = settled(found, done)
    assert verdict(done.values()) is State.WRONG
    assert done[Check.CONFIGURATION].code is Code.TOO_LATE
    assert done[Check.CONFIGURATION].command
    assert causes(done) == dict.fromkeys(list(Check)[2:], Check.CONFIGURATION)


def test_a_network_that_is_late_is_no_fault_of_the_machine() -> None:
    assert late(Check.API, [right(Check.RIGHTS, ANY)], 10).state is State.NOT_TESTED


def test_two_faults_that_have_nothing_to_do_with_each_other_are_both_told() -> None:
    found = told(wrong(Check.DISK, Code.NO_ROOM, COMMAND), wrong(Check.PASSWORD, Code.DEFAULT_PASSWORD, COMMAND))
    assert [one.check for one in found.values() if one.state is State.WRONG] == [Check.DISK, Check.PASSWORD]


def test_a_reason_of_its_own_stays() -> None:
    found = told(wrong(Check.CONFIGURATION, ANY, COMMAND), not_tested(Check.SERVICE, Code.NO_SYSTEMD, reason="x"))
    assert found[Check.SERVICE].code is Code.NO_SYSTEMD


def any_finding(check: Check) -> st.SearchStrategy[Finding]:
    kinds = [right(check, ANY), wrong(check, ANY, COMMAND), not_tested(check), not_tested(check, Code.ROOT_ONLY)]
    return st.sampled_from(kinds)


@given(st.tuples(*map(any_finding, Check)))
def test_what_was_not_tested_names_a_check_that_is_wrong_or_was_not_tested_itself(found: tuple[Finding, ...]) -> None:
    done = told(*found)
    for one in done.values():
        if one.because is not None:
            assert done[one.because].state is not State.RIGHT
            assert not one.command
    assert (verdict(done.values()) is State.WRONG) == any(one.state is State.WRONG for one in done.values())
    if any(one.state is State.WRONG for one in found):
        assert verdict(done.values()) is State.WRONG, "a fault is never told away"


def test_the_document_agrees_with_the_findings() -> None:
    fault = wrong(Check.DNS, Code.UNRESOLVED, COMMAND, host="h", reason="r")
    content = document(told(fault, not_tested(Check.SERVER)).values())
    assert (content["verdict"], content["wrong"], content["not_tested"]) == ("wrong", 1, 1)
    assert [one["check"] for one in content["checks"]] == [check.value for check in Check]
    dns = content["checks"][list(Check).index(Check.DNS)]
    assert dns == {
        "check": "dns",
        "state": "wrong",
        "code": "unresolved",
        "fields": {"host": "h", "reason": "r"},
        "command": COMMAND,
        "because": None,
    }


@pytest.mark.parametrize("code", Code)
def test_each_code_has_a_sentence_that_fits_a_line_of_the_journal(code: Code) -> None:
    sentences = {**words._box(), **words._service(), **words._server(), **words._answers(), **words._rest()}
    fields = {name for _, name, _, _ in string.Formatter().parse(sentences[code]) if name} - {"because"}
    finding = Finding(Check.DNS, State.WRONG, code, dict.fromkeys(fields, "{x}"), COMMAND)
    said = words.sentence(finding)
    assert said.endswith("; next: true")
    assert said.count("{x}") == len(fields)


def test_no_code_has_two_sentences() -> None:
    parts = [words._box(), words._service(), words._server(), words._answers(), words._rest()]
    assert not [shared for one, other in combinations(parts, 2) if (shared := one.keys() & other.keys())]


@pytest.mark.parametrize("check", Check)
def test_each_check_has_a_title(check: Check) -> None:
    assert words.title(check)


def test_the_last_line_is_the_verdict() -> None:
    def last(*found: Finding) -> str:
        return words.last_line(list(told(*found).values()))

    assert last() == "verdict: right (of 14 checks wrong: 0)"
    untested = not_tested(Check.PASSWORD, Code.ROOT_ONLY)
    assert last(untested) == "verdict: right, as far as it was tested (of 14 checks not tested: 1)"
    fault = wrong(Check.DISK, ANY, COMMAND)
    assert last(fault, untested) == "verdict: wrong (of 14 checks wrong: 1, not tested: 1)"


@pytest.mark.parametrize(
    ("finding", "english", "french"),
    [
        (
            wrong(Check.CLOCK, Code.CLOCK_AHEAD, COMMAND, time="3 d 2 h"),
            "wrong: clock: it is 3 d 2 h ahead of the server's; next: true",
            "en défaut : horloge : elle a 3 j 2 h d'avance sur celle du serveur ; ensuite : true",
        ),
        (
            wrong(Check.DNS, Code.UNRESOLVED, "", host="h", reason="its name is unknown (DNS)"),
            "wrong: name of the server (DNS): h: its name is unknown (DNS); check url in the configuration",
            "en défaut : nom du serveur (DNS) : h : son nom est inconnu (DNS) ; vérifiez url dans la configuration",
        ),
        (
            wrong(Check.SERVER, Code.UNREACHABLE, "", host="3 d", port=1, reason="Connection refused"),
            "wrong: connection to the server: 3 d, port 1: Connection refused; check url, cable and firewall",
            "en défaut : connexion au serveur : 3 d, port 1 : Connection refused ; vérifiez url, câble et pare-feu",
        ),
    ],
)
def test_a_finding_is_told_in_the_language_of_the_reader_but_for_what_others_said(
    finding: Finding, english: str, french: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert words.line(finding) == english
    for_programs = document([finding])
    for name, value in compile_french(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert words.line(finding) == french
    assert document([finding]) == for_programs
