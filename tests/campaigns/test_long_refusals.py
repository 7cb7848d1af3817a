"""What a box sends to a server that refuses for hours, and what it concludes; with the model of the server."""

import json
from collections.abc import Iterator

import pytest

from inviseobox.records import Reading
from tests.support.buffers import dating, stamp

from .model_box import Box, series
from .model_server import ModelServer

_START = 1_700_000_000.0
_HOUR = 3600.0


@pytest.fixture
def box() -> Iterator[Box]:
    """Yield a box on an empty file, whose server is well."""
    one = Box(ModelServer(), _START)
    yield one
    one.remove()


def _window(box: Box, number: int) -> None:
    box.buffer.record(stamp(box.now), 600, [Reading(series(name, 0, 0), float(number)) for name in ("energy", "heat")])
    box.pass_time(600)
    box.do(box.buffer.seal(dating(box.now)))


@pytest.mark.parametrize("mood", ["fails at everything", "overloaded", "refuses everything"])
def test_a_backlog_adds_no_request_to_the_back_off(box: Box, mood: str) -> None:
    _window(box, 0)
    box.server.mood = mood
    for number in range(1, 12):
        _window(box, number)
    box.pass_time(_HOUR)
    before = box.server.requests
    box.pass_time(4 * _HOUR)
    assert box.server.requests - before < 4 * _HOUR / 75, "the pauses are 150 s in the mean"


@pytest.mark.parametrize("refusal", [503, "hangs up", "stalls"])
def test_trouble_with_one_value_proves_less_than_its_refusal(box: Box, refusal: int | str) -> None:
    _window(box, 0)
    box.pass_time(60)
    box.server.refusal = refusal
    box.server.mood = "away"
    _window(box, 1)
    ((fields,),) = box.rows("SELECT fields FROM outbox")
    first = json.loads(fields)[0]
    report = first["measurement"], first["timestamp"]
    box.server.poisoned.add(report)
    box.server.mood = "well"
    for number in range(2, 40):
        _window(box, number)
        if box.rows("SELECT 1 FROM rejected"):
            break
    assert box.rows("SELECT 1 FROM rejected")
    assert box.server.is_proven(report)
