"""What is wanted of one unit, and what it taught about how it likes to be read. Pure.

A device may refuse a read that bridges unused registers, one that is too long for it, or one that holds a register
which it does not have; it may also meet it with silence, or with what is no answer. Which of these it was shows only by
trying: `unit_round` does that, and this is what it found out.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inviseobox.acquisition.register_plan import Request, plan
from inviseobox.acquisition.retry import FIRST_TRIAL, LAST_TRIAL, LATER, SOON, Retry
from inviseobox.devices.registers import Span

SHORTEST_LIMIT = 4
"""Registers of the widest value; no device that has such values can refuse reads of this length."""
_MOST_READS = 200
"""Reads of a unit of which something is kept: where answers are lost, it is read in ever other pieces."""


class Knowledge(NamedTuple):
    """What a unit taught: see UnitPlan."""

    cuts: frozenset[Span]
    isolated: frozenset[Span]
    wanted: frozenset[Span]
    shortened: int | None


@dataclass
class UnitPlan:
    """The measurements of one unit, and what is known of how it likes to be read.

    `gap` and `longest`, the longest read, are in registers. `least` are spans with the part of them that is asked for
    if the whole is refused. What is known:

    `shortened` is the longest read that the unit answers, None where it takes any. No read goes across the border just
    before a span in `cuts`. `isolated` are spans that give no values though they are asked for alone. `doubtful` are
    those of reads that gave none, while it is not known yet which part of the read is to blame.
    """

    wanted: frozenset[Span]
    gap: int
    longest: int
    least: Mapping[Span, Span] = field(default_factory=dict)
    has_numbers: bool = True
    """Whether answers have the number of their request, as on Modbus/TCP; else a late one is told by its length."""
    shortened: int | None = None
    longer: Retry = field(default_factory=lambda: Retry(None, FIRST_TRIAL))
    """When a longer read is tried again, while reads are shortened."""
    tries: int | None = None
    """The length in registers that is tried then; None for twice what is known to do."""
    cuts: dict[Span, Retry] = field(default_factory=dict)
    """With each the next trial to read across it."""
    isolated: dict[Span, Retry] = field(default_factory=dict)
    """With each the next try."""
    doubtful: set[Span] = field(default_factory=set)
    suspects: set[Span] = field(default_factory=set)
    """What a unit that had just answered was silent to, while it is not known yet whether it fell silent itself."""
    good: set[Span] = field(default_factory=set)
    """What gave values since the start of the program."""
    stays_busy: bool = False
    """Whether the unit was busy to the end of its last round."""
    _start: Retry = field(default_factory=lambda: Retry(None, SOON))
    """The next look whether a unit that never gave a value has come to its start."""
    _known_good: set[Request] = field(default_factory=set)
    _probes: Counter[Span | None] = field(default_factory=Counter)
    """How often it was asked for a short read instead of each one that failed; None for none."""
    _starts: int = 0
    _turns: int = 0
    _requests: tuple[Knowledge, list[Request]] | None = None

    def __post_init__(self) -> None:
        """Keep what was wanted at first, by which the unit's memory recognises its measurements."""
        self.listed = self.wanted

    def requests(self) -> list[Request]:
        """Return the reads of a round by what is known now; isolated spans are left out, and never bridged."""
        known = self.knowledge
        if self._requests is None or self._requests[0] != known:
            self._requests = known, self._plan(self.wanted, self._limit)
        return self._requests[1]

    @property
    def knowledge(self) -> Knowledge:
        """All that decides how the unit is read, apart from what is tried and when."""
        return Knowledge(frozenset(self.cuts), frozenset(self.isolated), self.wanted, self.shortened)

    def probe(self, answered: Collection[Span] = (), other_than: Request | None = None) -> Request | None:
        """Return a short read with which to find out whether the unit answers, another one each time.

        One of what it `answered` just now will do best. None where there is nothing but `other_than`.
        """
        spans = [span for span in answered or self.wanted if other_than is None or other_than.wanted != (span,)]
        hopeful = [span for span in spans if span not in self.isolated] or spans
        if not hopeful:
            return None
        # What has nothing to do with the other read comes first.
        failed = other_than.wanted if other_than is not None else ()
        turns = tuple(
            alone(self.least.get(span, span)) for span in sorted(hopeful, key=lambda span: (span in failed, span))
        )
        if other_than is not None and not self.has_numbers:
            turns = self._unlike(other_than, turns) or turns
        return turns[self._turn(other_than) % len(turns)]

    def _turn(self, failed: Request | None) -> int:
        """Count the probes after a read that failed; return how many there were before."""
        key = failed.span if failed is not None else None
        if len(self._probes) >= _MOST_READS and key not in self._probes:
            self._probes.clear()
        self._probes[key] += 1
        return self._probes[key] - 1

    def _unlike(self, failed: Request, reads: Iterable[Request]) -> tuple[Request, ...]:
        """Return reads whose answers a late one to `failed` cannot be taken for: those of another length."""
        apart = [one for one in self.requests() if set(one.wanted).isdisjoint(failed.wanted)]
        return tuple(one for one in (*reads, *apart) if one.span.count != failed.span.count)

    def doubtful_ones(self, requests: Sequence[Request]) -> list[Request]:
        """Return the reads of which a part may be what the unit does not answer, another one first each time."""
        if not self.doubtful:
            return []
        self._turns += 1
        found = [request for request in requests if not self.doubtful.isdisjoint(request.wanted)]
        first = self._turns % max(1, len(found))
        return found[first:] + found[:first]

    def note_read(self, request: Request) -> None:
        """Note that a read was answered with values."""
        if request not in self._known_good:
            if len(self._known_good) >= _MOST_READS:
                self._known_good.clear()
            self._known_good.add(request)
            self.good.update(request.wanted)
        if self.doubtful:
            self.doubtful.difference_update(request.wanted)
        if self.suspects:
            self.suspects.difference_update(request.wanted)
        if self.isolated:
            for span in request.wanted:
                self.isolated.pop(span, None)

    def isolate(self, span: Span, now: float, *, is_refused: bool) -> None:
        """Leave a span out of the reads that others share, and try it again in the next round.

        Only one that `is_refused`, and never gave values, waits longer: the device does not seem to have it.
        """
        self.doubtful.discard(span)
        self.suspects.discard(span)
        if span in self.isolated:
            self.isolated[span] = self.isolated[span].failed(now, LATER)
        elif is_refused and span not in self.good:
            self.isolated[span] = Retry(now + LATER, LATER)
        else:
            self.isolated[span] = Retry(now, SOON)

    def expect_back(self, now: float, tried: Collection[Span]) -> None:
        """Let all that once gave values be tried now, but what was `tried` just before: a part of it is back.

        Where nothing did before, that is everything: the unit has come to its start.
        """
        once_good = self.isolated.keys() & self.good if self.good.difference(tried) else set(self.isolated)
        for span in once_good.difference(tried):
            self.isolated[span] = Retry(now, SOON)

    def narrow(self, span: Span) -> None:
        """Ask from now on for the least part of a span."""
        self.doubtful.discard(span)
        self.wanted = self.wanted - {span} | {self.least[span]}

    def cut(self, span: Span, now: float) -> None:
        """Read no more across the border before the span, until a trial."""
        self.cuts[span] = Retry(now + FIRST_TRIAL, FIRST_TRIAL)

    def uncut(self, span: Span) -> None:
        """Read across the border before the span again."""
        self.cuts.pop(span, None)

    def cut_stays(self, span: Span, now: float) -> None:
        """Keep a cut after a trial that failed."""
        self.cuts[span] = self.cuts[span].failed(now, LAST_TRIAL)

    def shorten(self, registers: int, now: float) -> None:
        """Ask for reads of at most so many registers, until a trial."""
        self.shortened = max(SHORTEST_LIMIT, min(registers, self._limit))
        self.longer = Retry(now + FIRST_TRIAL, FIRST_TRIAL)

    def lengthen(self, read: Span, now: float) -> None:
        """Allow reads of the length of one that was tried, which the unit answers."""
        registers = registers_of(read)
        self.shortened = registers if registers < self.longest else None
        self.tries = None
        self.longer = Retry(now + FIRST_TRIAL, FIRST_TRIAL)

    def stays_short(self, now: float) -> None:
        """Keep to short reads after a trial that failed; the next one is half as much longer."""
        nearer = (self._reach() + (self.shortened or 0)) // 2
        self.tries = nearer if nearer > (self.shortened or 0) else None
        self.longer = self.longer.failed(now, LAST_TRIAL)

    def _reach(self) -> int:
        return self.tries or 2 * (self.shortened or self.longest)

    def begin(self, now: float) -> None:
        """Let pauses begin that are known from an earlier run of the program."""
        self.longer = self.longer.begun(now)
        self.cuts = {span: retry.begun(now) for span, retry in self.cuts.items()}
        self.isolated = {span: retry.begun(now) for span, retry in self.isolated.items()}
        if self.isolated and not self.good and self.isolated.keys() >= self.wanted:
            self._expect_start(now)

    def _expect_start(self, now: float) -> None:
        """Let one span be tried soon where the unit never gave a value: it may be starting, after a power cut, say."""
        self._start = self._start.begun(now)
        if self._start.is_due(now):
            self._start = self._start.failed(now, LATER)
            turns = sorted(self.isolated)
            self.isolated[turns[self._starts % len(turns)]] = Retry(now, LATER)
            self._starts += 1

    def has_trials(self, now: float) -> bool:
        """Whether anything is to be tried again now."""
        retries = (*self.isolated.values(), *self.cuts.values())
        is_short = self.shortened is not None and self.longer.is_due(now)
        return is_short or any(retry.is_due(now) for retry in retries)

    def crossing(self, cut: Span, wanted: Iterable[Span] | None = None) -> Request | None:
        """Return the read that would go across the border before the span if there were no cut, if any would.

        `wanted` restricts the spans that it may hold.
        """
        saved = self.cuts.pop(cut, None)
        requests = self._plan(self.wanted if wanted is None else self.wanted & set(wanted), self._limit)
        if saved is not None:
            self.cuts[cut] = saved
        return next((request for request in requests if request.wanted[0] < cut <= request.wanted[-1]), None)

    def longer_read(self) -> Request | None:
        """Return a read that is longer than the unit seems to like, if any is wanted."""
        if self.shortened is None:
            return None
        requests = [one for one in self._plan(self.wanted, self._reach()) if len(one.wanted) > 1]
        longest = max(requests, key=lambda one: registers_of(one.span), default=None)
        return longest if longest is not None and registers_of(longest.span) > self.shortened else None

    @property
    def _limit(self) -> int:
        return self.longest if self.shortened is None else min(self.longest, self.shortened)

    def _plan(self, wanted: Iterable[Span], limit: int) -> list[Request]:
        limit = min(limit, self.longest)
        return [request for run in self._runs(wanted) for request in plan(run, max_registers=limit, gap=self.gap)]

    def _runs(self, wanted: Iterable[Span]) -> list[list[Span]]:
        runs: list[list[Span]] = [[]]
        for span in sorted(wanted):
            if span in self.cuts or span in self.isolated:
                runs.append([])
            if span not in self.isolated:
                runs[-1].append(span)
        return runs


def alone(span: Span) -> Request:
    """Return the read of a span by itself."""
    return Request(span, (span,))


def registers_of(span: Span) -> int:
    """Return the length of a read in registers; sixteen bits count as one."""
    return -(-span.count // 16) if span.function.reads_bits else span.count


def middle(spans: Sequence[Span]) -> int:
    """Return the index before which to cut: at the middle gap, for gaps are the likelier cause, else in the middle."""
    gaps = []
    end = spans[0].end
    for index, span in enumerate(spans):
        if span.address > end:
            gaps.append(index)
        end = max(end, span.end)
    return gaps[len(gaps) // 2] if gaps else len(spans) // 2


def over(spans: Sequence[Span]) -> Request:
    """Return the read of neighbouring spans together, which are in order."""
    first = spans[0]
    end = max(span.end for span in spans)
    return Request(Span(first.unit, first.function, first.address, end - first.address), tuple(spans))
