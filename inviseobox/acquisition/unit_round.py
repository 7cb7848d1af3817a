"""One round of one unit: what to ask, and what its answers teach. Pure: the caller does the reads.

First each read that is known to be good is asked for. What did not give values is then taken apart, after the good
reads of all units of the link, until the good parts flow and a bad register stands alone; cuts that turn out to be
needless are taken back. What is only tried costs no reading, and little time: see `_MOST_WAITS`.
"""

from collections.abc import Generator
from itertools import pairwise

from inviseobox.acquisition.attempt import Answer, Attempt
from inviseobox.acquisition.register_plan import Request
from inviseobox.acquisition.unit_plan import SHORTEST_LIMIT, UnitPlan, alone, middle, over, registers_of
from inviseobox.devices.registers import Span

_MOST_WAITS = 3
"""Reads without a valid answer in a round, beside those of the plan: each costs the whole link a time-out."""
_BUSY_PAUSES = (0.2, 0.4, 0.8)
"""Seconds that a busy unit is given at the end of the round, before each further question."""


Attempts = Generator[Attempt | None, Answer, bool]
"""Yields what to ask, and is sent what came of it. None: first read the other units of the link; the answer to that is
ignored. Returns whether the unit answers at all."""
_Asking = Generator[Attempt | None, Answer, Answer]
_Work = Generator[Attempt | None, Answer, None]


def attempts(plan: UnitPlan, now: float, *, was_silent: bool = False) -> Attempts:
    """Read one unit in a round that begins at `now`; `plan` learns from it.

    A unit that `was_silent` is asked one short read first. A round may be broken off at any point.
    """
    plan.begin(now)
    return _Round(plan, now).attempts(was_silent=was_silent)


class _Round:
    def __init__(self, plan: UnitPlan, now: float) -> None:
        self._plan = plan
        self._now = now
        self._done: list[Request] = []
        self._is_plain = True
        self._has_answered = self._answers_since_silence = False
        self._last: Request | None = None
        # The last request, if the one before it had a valid answer.
        self._asked_while_answering: Request | None = None
        self._busy: list[Request] = []
        # Reads without values, of which it is to be found out which part is to blame.
        self._unread: list[tuple[Request, Answer]] = []
        self._waits = _MOST_WAITS

    def attempts(self, *, was_silent: bool) -> Attempts:
        if was_silent and not (yield from self._answers_probe()):
            return False
        requests = self._plan.requests()
        doubtful = self._plan.doubtful_ones(requests)
        for request in requests:
            # While all is well no probe can have read it already.
            if request in doubtful or (not self._is_plain and self._read.issuperset(request.wanted)):
                continue
            # The first silence may be a lost frame; after several, what is silent will not be asked twice here.
            answer = yield from self._ask(request, tries=2 if self._waits > 0 else 1)
            if not answer.is_valid and not (yield from self._lives(request, answer)):
                if self._has_answered:  # It may be this read that made the unit deaf: the others come first now.
                    self._plan.doubtful.update(request.wanted)
                return False
            yield from self._take(request, answer)
        self._waits = _MOST_WAITS
        if doubtful or self._busy or self._unread or self._plan.has_trials(self._now):
            yield None
            return (yield from self._finish(doubtful))
        self._plan.stays_busy = False
        return True

    def _ask(self, request: Request, *, tries: int = 1, pause: float = 0.0) -> _Asking:
        answer = yield Attempt(request, tries, pause)
        self._last = request
        self._asked_while_answering = request if self._answers_since_silence else None
        self._answers_since_silence = answer.is_valid
        if answer is Answer.READ:
            self._done.append(request)
            self._plan.note_read(request)
        else:
            self._is_plain = False
        if answer.is_valid:
            self._has_answered = True
        else:
            self._waits -= 1
        return answer

    def _has_time_for(self, request: Request) -> bool:
        """Whether a read may be tried now, whose answer cannot be mistaken for a late one to the read before."""
        last = self._last
        if last is None or last == request or self._plan.has_numbers or self._answers_since_silence:
            return self._waits > 0
        return self._waits > 0 and last.span.count != request.span.count

    @property
    def _read(self) -> set[Span]:
        """What was read in this round."""
        return {span for request in self._done for span in request.wanted}

    def _answers_probe(self) -> Attempts:
        self._is_plain = False
        probe = self._plan.probe()
        return probe is not None and (yield from self._ask(probe)).is_valid

    def _lives(self, request: Request, answer: Answer) -> Attempts:
        """Find out whether a unit without a valid answer to `request` has one to something else."""
        if self._answers_since_silence or (answer is Answer.ODD and self._read):
            return True
        probe = self._plan.probe(self._read, other_than=request)
        return probe is not None and (yield from self._ask(probe)).is_valid

    def _take(self, request: Request, answer: Answer) -> _Work:
        """Note what is left to do about a request after its answer; what was refused is taken apart at once."""
        match answer:
            case Answer.READ:
                pass
            case Answer.REFUSED:
                yield from self._take_apart(request, answer)
            case Answer.BUSY:
                self._busy.append(request)
            case Answer.FAILED | Answer.ODD | Answer.SILENT:
                self._unread.append((request, answer))

    def _finish(self, doubtful: list[Request]) -> Attempts:
        """Do what is left after the good reads of all units; return whether the unit still answers."""
        yield from self._ask_busy()
        for request in doubtful:
            if not self._has_time_for(request):
                break
            answer = yield from self._ask(request)
            if not (answer.is_valid or self._read or (yield from self._lives(request, answer))):
                return False
            yield from self._take(request, answer)
            yield from self._look_into_unread()
        yield from self._look_into_unread()
        yield from self._try_isolated()
        yield from self._try_cuts()
        yield from self._try_longer()
        return self._has_answered or self._last is None

    def _ask_busy(self) -> _Work:
        """Ask again what the unit was too busy for. One that is busy in every round is given no time for it."""
        pauses = iter(() if self._plan.stays_busy else _BUSY_PAUSES)
        self._plan.stays_busy = False
        for request in self._busy:
            answer = yield from self._ask(request)
            while answer is Answer.BUSY and (pause := next(pauses, None)) is not None:
                answer = yield from self._ask(request, pause=pause)
            if answer is Answer.BUSY:
                self._plan.stays_busy = True
                self._unread.append((request, answer))
            else:
                yield from self._take(request, answer)

    def _look_into_unread(self) -> _Work:
        """Find out why requests had no values, as far as there is time for it in this round."""
        while self._unread:
            request, answer = self._unread.pop()
            if answer is Answer.FAILED:
                answer = yield from self._ask(request)
            if self._waits <= 0:
                self._plan.doubtful.update(request.wanted)
            elif answer is not Answer.READ and (yield from self._is_to_blame(request, answer)):
                yield from self._take_apart(request, answer)

    def _is_to_blame(self, request: Request, answer: Answer) -> Attempts:
        """Find out whether it is this read that the unit does not like, and not any read now."""
        if answer is Answer.SILENT or self._read:
            return True
        probe = self._plan.probe(other_than=request)
        return probe is not None and (yield from self._ask(probe)) is Answer.READ

    def _take_apart(self, request: Request, answer: Answer) -> _Work:
        """Find the part of a read that is to blame for its answer, by halving."""
        spans = request.wanted
        if len(spans) == 1:
            yield from self._isolate(spans[0], answer)
            return
        border = middle(spans)
        cut = spans[border]
        self._plan.cut(cut, self._now)
        self._plan.doubtful.update(spans if answer is not Answer.REFUSED else ())
        halves = (over(spans[:border]), over(spans[border:]))
        for half in halves:
            if not self._has_time_for(half):
                return
            found = yield from self._ask(half)
            if found is not Answer.READ:
                yield from self._take_apart(half, found)
        if self._is_too_long(request, answer):
            self._plan.uncut(cut)
            self._plan.shorten(max(registers_of(half.span) for half in halves), self._now)
        else:
            yield from self._mend(cut, request)

    def _is_too_long(self, request: Request, answer: Answer) -> bool:
        """Whether only the length of a read can be to blame: each address in it was read in shorter ones."""
        adjoining = all(left.end >= right.address for left, right in pairwise(request.wanted))
        is_long = registers_of(request.span) > SHORTEST_LIMIT
        return answer is not Answer.REFUSED and is_long and adjoining and self._read.issuperset(request.wanted)

    def _mend(self, cut: Span, refused: Request) -> _Work:
        """Take a cut back if the unit accepts the read that would cross it."""
        # Of the spans of this request only: what else a read could bridge from here is for later trials to find out.
        crossing = self._plan.crossing(cut, refused.wanted)
        is_new = crossing not in (None, refused)
        if crossing is None or (
            is_new and self._has_time_for(crossing) and (yield from self._ask(crossing)) is Answer.READ
        ):
            self._plan.uncut(cut)

    def _isolate(self, span: Span, answer: Answer) -> _Work:
        """Leave a span out of the others' reads, unless it is read in its least part, or the unit is silent now."""
        least = self._plan.least.get(span)
        if least is not None and (yield from self._ask(alone(least))) is Answer.READ:
            self._plan.narrow(span)
        elif answer is not Answer.SILENT or (yield from self._stays_silent_to(span)):
            self._plan.isolate(span, self._now, is_refused=answer is Answer.REFUSED)

    def _stays_silent_to(self, span: Span) -> Attempts:
        """Return whether a unit that answers something else does not answer for a span even then.

        What it does not like may leave it deaf for a while: then only what it is silent to just after an answer counts.
        """
        if self._asked_while_answering == alone(span):
            if span in self._plan.suspects:
                return True
            self._plan.suspects.add(span)
        if not (yield from self._lives(alone(span), Answer.SILENT)):
            return False
        return (yield from self._ask(alone(span))) is not Answer.READ

    def _try_isolated(self) -> _Work:
        """Ask alone for each span whose turn has come; where one is back, so may be the others."""
        tried: set[Span] = set()
        while True:
            due = sorted(span for span, retry in self._plan.isolated.items() if retry.is_due(self._now))
            span = next((span for span in due if span not in tried), None)
            if span is None or not self._has_time_for(alone(span)):
                return
            tried.add(span)
            answer = yield from self._ask(alone(span))
            if answer is not Answer.READ:
                self._plan.isolate(span, self._now, is_refused=answer is Answer.REFUSED)
            else:
                self._plan.expect_back(self._now, tried)

    def _try_cuts(self) -> _Work:
        """Try to do without one of the cuts whose turn has come."""
        due = sorted(span for span, retry in self._plan.cuts.items() if retry.is_due(self._now))
        for cut in due:
            crossing = self._plan.crossing(cut)
            if crossing is None:
                self._plan.uncut(cut)
            elif self._has_time_for(crossing):
                if (yield from self._ask(crossing)) is Answer.READ:
                    self._plan.uncut(cut)
                else:
                    self._plan.cut_stays(cut, self._now)
                return

    def _try_longer(self) -> _Work:
        """Try a longer read, where its turn has come."""
        longer = self._plan.longer_read()
        if longer is None or not (self._plan.longer.is_due(self._now) and self._has_time_for(longer)):
            return
        if (yield from self._ask(longer)) is Answer.READ:
            self._plan.lengthen(longer.span, self._now)
        else:
            self._plan.stays_short(self._now)
