"""A server with moods, called instead of reached over HTTP, that holds the box to its promises.

Equal reports have equal values; a box sends no more than its back-off allows while nothing is taken; the server knows
what it refused how often, and so whether a value was set aside for true reasons.
"""

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field

from inviseobox.delivery.refusals import FAILURES, PROOF_TIME, PROOFS
from inviseobox.errors import DeliveryError, ServerNotReached, ServerStalled, ServerUnreachable
from inviseobox.records import Batch
from inviseobox.reports.batches import digest
from inviseobox.server.answers import Answer, Verdict
from inviseobox.server.api import TOTAL_TIMEOUT

from .files import Report, Value

MOODS = (
    "well", "talks much", "away", "portal", "redirects", "asks to wait", "refuses everything", "fails at everything",
    "overloaded", "busy", "stores without answering", "stores and stalls", "wants less", "refuses one", "token",
    "moved", "two in turn", "two at random",
)  # fmt: skip
_ANSWERS = {
    "talks much": Answer(200, b"O" * 100, is_whole=False),
    "portal": Answer(200, b" <html>log in"),
    "redirects": Answer(302),
    "asks to wait": Answer(503, b"", 120.0),
    "refuses everything": Answer(400, b"no"),
    "fails at everything": Answer(500, b"oops"),
    "overloaded": Answer(503, b"too much"),
    "busy": Answer(429, b"too much"),
    "token": Answer(401, b"who are you?"),
    "moved": Answer(404, b"not here"),
}
_WELL = Answer(200, b"OK")
_LATENCY = 0.2
_TRIES_OF_BACKOFF = 12
"""Tries with which a back-off may begin, before it has grown to minutes."""
_LEAST_MEAN_PAUSE = 30.0
"""Seconds between two tries in the mean, at the least, once the back-off has grown; they are 150 as a rule."""


@dataclass
class _Refused:
    """How often one report was not taken, alone in its batch.

    `proofs` are the times of those before which something else was taken; `taken` is how much was by the last.
    """

    proofs: list[float] = field(default_factory=list)
    refusals: int = 0
    troubles: int = 0
    taken: int | None = None


@dataclass
class ModelServer:
    """Takes fields as its mood is. `poisoned` are the reports that it refuses for their own sake.

    `refusal` is how: with that status, or in that it "hangs up" or "stalls".
    """

    mood: str = "well"
    refusal: int | str = 422
    poisoned: set[Report] = field(default_factory=set)
    stored: dict[Report, Value] = field(default_factory=dict)
    late: deque[Batch] = field(default_factory=lambda: deque(maxlen=8))
    """Batches that it has, of which an acceptance may still be on its way."""
    requests: int = 0
    _dice: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311
    _turn: int = 0
    _taken: int = 0
    _refused: dict[Report, _Refused] = field(default_factory=dict)
    _tries: int = 0
    _allowed: float = _TRIES_OF_BACKOFF
    _tries_since: float = 0.0

    def begin_again(self) -> None:
        """Note that the box was started: it knows nothing of what was refused, and its back-off begins anew."""
        self._refused.clear()
        self._allowed += _TRIES_OF_BACKOFF

    def window_sealed(self) -> None:
        """Note that the box has something new to send, which is worth a try."""
        self._allowed += 2

    async def send_values(self, batch: Batch) -> Answer:
        """Answer as the mood is. Raises DeliveryError."""
        self._count()
        assert digest(batch.fields) == batch.digest
        reports = {(one["measurement"], one["timestamp"]): one["value"] for one in json.loads(batch.fields)}
        assert len(reports) == batch.count
        await asyncio.sleep(_LATENCY)
        try:
            answer = self._answer(reports)
            if answer.is_success and not answer.is_html:
                self._store(batch, reports)
            self._lose_answer(batch)
        except DeliveryError:
            if len(reports) == 1:
                self._note_refused(next(iter(reports)), is_trouble=True)
            raise
        if answer.is_success and not answer.is_html:
            self._taken += 1
            self._tries, self._allowed, self._tries_since = 0, _TRIES_OF_BACKOFF, asyncio.get_running_loop().time()
        elif len(reports) == 1:
            self._note_refused(next(iter(reports)), is_trouble=answer.verdict is not Verdict.REFUSED)
        return answer

    async def send_status(self, devices: str, *, timeout: float = TOTAL_TIMEOUT) -> Answer:
        """Take any status, unless the mood is against it. Raises DeliveryError."""
        json.loads(devices)
        await asyncio.sleep(_LATENCY)
        answer = self._answer({})
        if answer.status < 500 and answer.verdict in (Verdict.ACCEPTED, Verdict.REFUSED, Verdict.WRONG_FORM):
            # The box is done with it, which ends its back-off.
            self._allowed += _TRIES_OF_BACKOFF
        return answer

    def is_proven(self, report: Report) -> bool:
        """Whether the report was refused often and long enough, while others were taken, to be set aside."""
        known = self._refused.get(report, _Refused())
        times = known.proofs
        count = min(len(times), known.refusals + known.troubles // FAILURES)
        return count >= PROOFS and times[-1] - times[0] >= PROOF_TIME

    def _answer(self, reports: dict[Report, Value]) -> Answer:
        if self.mood == "away":
            raise ServerNotReached("no connection")
        if self.mood == "wants less" and len(reports) > 1:
            return Answer(413)
        if self._is_bad_one():
            return Answer(500 if self.refusal == 500 else 400, b"I know no such thing")
        answer = _ANSWERS.get(self.mood, _WELL)
        if answer.is_success and self.poisoned & set(reports):
            return self._refuse()
        return answer

    def _refuse(self) -> Answer:
        match self.refusal:
            case int(status):
                return Answer(status, b"this one is wrong")
            case "hangs up":
                raise ServerUnreachable("the connection was closed without an answer")
        raise ServerStalled("it fell silent", took_some=True)

    def _is_bad_one(self) -> bool:
        """Whether another server answers under the same name, which refuses everything."""
        self._turn += 1
        return (
            self._turn % 2 == 0
            if self.mood == "two in turn"
            else (self.mood == "two at random" and self._dice.random() < 0.5)
        )

    def _store(self, batch: Batch, reports: dict[Report, Value]) -> None:
        for report, value in reports.items():
            assert self.stored.setdefault(report, value) == value, f"{report}: {self.stored[report]}, then {value}"
        self.late.append(batch)

    def _lose_answer(self, batch: Batch) -> None:
        if self.mood == "stores without answering":
            raise DeliveryError("no complete answer")
        if self.mood == "stores and stalls":
            raise ServerStalled("it fell silent", took_some=batch.count > 1)

    def _note_refused(self, report: Report, *, is_trouble: bool) -> None:
        known = self._refused.setdefault(report, _Refused())
        known.troubles += is_trouble
        if known.taken is not None and self._taken > known.taken:
            known.proofs.append(asyncio.get_running_loop().time())
            known.refusals += not is_trouble
        known.taken = self._taken

    def _count(self) -> None:
        """Count what is sent while nothing is taken."""
        self.requests += 1
        self._tries += 1
        allowed = self._allowed + (asyncio.get_running_loop().time() - self._tries_since) / _LEAST_MEAN_PAUSE
        assert self._tries <= allowed, f"{self.mood}: {self._tries} tries, where {allowed:.0f} are allowed"
