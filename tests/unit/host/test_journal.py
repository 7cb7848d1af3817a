"""No line holds the token, in whatever part of it the token came."""

import logging
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

from inviseobox.host import journal
from inviseobox.host.journal import Redaction

TOKEN = "0123456789abcdef" * 4


@pytest.fixture
def redaction() -> Redaction:
    redaction = Redaction()
    redaction.learn(TOKEN)
    return redaction


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """Restore the root logger, for what comes after this test."""
    root, own = logging.getLogger(), journal.logger()
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def record(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("inviseobox.x", logging.ERROR, "f.py", 1, message, arguments, more.get("exc_info"))


def failure(text: str) -> tuple[type[BaseException], BaseException, TracebackType | None]:
    try:
        raise ValueError(text)
    except ValueError as error:
        return type(error), error, error.__traceback__


def everything(line: logging.LogRecord) -> str:
    """Return all that a handler may store: journald's takes arguments, exception and every attribute."""
    return logging.Formatter("%(message)s").format(line) + repr(vars(line))


@pytest.mark.parametrize(
    "line",
    [
        record(f"GET https://domaine.com/api/workers?token={TOKEN}"),
        record("GET %s", f"https://domaine.com/api/workers?token={TOKEN}"),
        record("%(token)s", {"token": TOKEN}),
        record("%r and %s", [TOKEN], {"token": TOKEN}),
        record("failed", exc_info=failure(f"no such token: {TOKEN}")),
        record("%s", ValueError(TOKEN)),
        record(f"{TOKEN}{TOKEN}"),
    ],
    ids=range(7),
)
def test_the_token_is_in_no_part_of_a_line(redaction: Redaction, line: logging.LogRecord) -> None:
    assert redaction.filter(line)
    assert TOKEN not in everything(line)
    assert "<token>" in line.getMessage()


def test_a_traceback_in_a_line_becomes_text(redaction: Redaction) -> None:
    line = record("failed", exc_info=failure("unexpected"))
    redaction.filter(line)
    assert line.getMessage().startswith("failed\nTraceback")
    assert line.getMessage().endswith("ValueError: unexpected")
    assert logging.Formatter("%(message)s").format(line).count("Traceback") == 1


def test_the_rest_of_a_line_stays_as_it_is(redaction: Redaction) -> None:
    line = record("%s: %d %%", "Humidité", 50)
    assert redaction.filter(line)
    assert line.getMessage() == "Humidité: 50 %"
    assert redaction.filter(line)
    assert line.getMessage() == "Humidité: 50 %"


def test_fields_of_a_line_stay(redaction: Redaction) -> None:
    line = record("x")
    line.INVISEOBOX_DEVICE = "d"
    redaction.filter(line)
    assert vars(line)["INVISEOBOX_DEVICE"] == "d"


def test_the_token_is_in_no_field(redaction: Redaction) -> None:
    """The name of a device is what the server says it is."""
    line = record("x")
    line.INVISEOBOX_DEVICE = f"meter of {TOKEN}"
    redaction.filter(line)
    assert TOKEN not in everything(line)
    assert vars(line)["INVISEOBOX_DEVICE"] == "meter of <token>"


def test_a_redaction_without_a_secret_replaces_nothing() -> None:
    line = record("plain %s", "text")
    assert Redaction().filter(line)
    assert line.getMessage() == "plain text"


@pytest.mark.usefixtures("_logging_as_before")
def test_a_line_of_a_library_with_wrong_arguments_does_not_fail_the_caller(
    redaction: Redaction, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    journal.set_up("info", redaction, to_journal=False)
    logging.getLogger("library").warning("%d", "no number")


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("to_journal", [True, False])
def test_the_handler_redacts_the_token(redaction: Redaction, to_journal: bool) -> None:
    journal.set_up("info", redaction, to_journal=to_journal)
    (handler,) = logging.getLogger().handlers
    line = record("%s", TOKEN)
    assert handler.filter(line)
    assert TOKEN not in everything(line)


@pytest.mark.usefixtures("_logging_as_before")
def test_lines_go_to_standard_error_without_a_journal(redaction: Redaction, capsys: pytest.CaptureFixture[str]) -> None:
    journal.set_up("info", redaction, to_journal=False)
    logging.getLogger("inviseobox.upload").info("to %s", TOKEN)
    logging.getLogger("inviseobox.upload").debug("details")
    logging.getLogger("library").info("chatter")
    logging.getLogger("library").warning("warning of a library")
    said = capsys.readouterr().err
    assert TOKEN not in said
    assert "to <token>" in said
    assert "warning of a library" in said
    assert "details" not in said
    assert "chatter" not in said
    assert sys.stderr  # the handler wrote to the stream of this test


@pytest.mark.usefixtures("_logging_as_before")
def test_the_level_of_the_log_can_be_changed(redaction: Redaction, capsys: pytest.CaptureFixture[str]) -> None:
    journal.set_up("info", redaction, to_journal=False)
    journal.set_level("debug")
    journal.logger().debug("details")
    journal.set_level("error")
    journal.logger().warning("not any more")
    said = capsys.readouterr().err
    assert "details" in said
    assert "not any more" not in said


def test_a_process_without_journal_stream_is_not_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert not journal.is_service()
