"""What to ask one unit in a round, and what its refusals teach. Pure: the caller does the reads.

A device may refuse (exception 2 or 3) a read that bridges unused registers, one that is too long for it, or one that
holds a register which it does not have. Which of these it was shows only by trying: the refused block is halved until
the good parts flow and a bad register stands alone; then cuts that turn out to be needless are taken back.
"""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, field

from inviseobox.acquisition.register_plan import Request, plan
from inviseobox.devices.registers import Span

SHORTENED_TIME = 3600.0
"""Seconds for which a unit gets shorter reads, once long ones had no answer: the line may only have been noisy."""
ISOLATED_RETRY = 600.0
"""Seconds between two tries of a register that the device does not seem to have."""

_SHORTEST_LIMIT = 4
"""Registers of the widest value; no device that has such values can refuse reads of this length."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One read to do. Where `counts` is false it only finds out what the device accepts: its values are not kept."""

    request: Request
    counts: bool = True


Outcome = bool | None
"""True: the unit answered with values. False: it refused with exception 2 or 3. None: nothing to be learned from."""

Learning = Generator[Attempt, Outcome, None]


@dataclass
class UnitPlan:
    """The measurements of one unit, and what is known of how it likes to be read.

    `gap` and `longest`, the longest read, are in registers; `shortened` is the longest read that the unit answers,
    where that was learned. No read goes across the border just before a span in `cuts`. `isolated` are spans that were
    refused alone, with the time on the caller's clock when they are tried again.
    """

    wanted: frozenset[Span]
    gap: int
    longest: int
    shortened: int | None = None
    shortened_until: float = 0.0
    cuts: set[Span] = field(default_factory=set)
    isolated: dict[Span, float] = field(default_factory=dict)

    def requests(self) -> list[Request]:
        """Return the reads of a round by what is known now; isolated spans are left out, and never bridged."""
        return self._plan(self.wanted)

    def shortest(self) -> Request:
        """Return the shortest read that the unit should answer, to find out whether it answers at all."""
        span = min(self.wanted, key=lambda span: (span in self.isolated, span.count, span))
        return Request(span, (span,))

    def shorten(self, silent: Span, now: float) -> None:
        """Ask for shorter reads for an hour: at most half of one that never gets an answer."""
        self.shortened_until = now + SHORTENED_TIME
        registers = silent.count // 16 if silent.function.reads_bits else silent.count
        self.shortened = max(_SHORTEST_LIMIT, registers // 2)

    def attempts(self, now: float) -> Learning:
        """Yield the attempts of one round that begins at `now`; after each, send back its outcome.

        Each wanted span is in at most one accepted attempt that counts. It is in none where it was refused alone, or
        is isolated. A round may be broken off at any point.
        """
        if now >= self.shortened_until:
            self.shortened = None
        for span in sorted(span for span, due in self.isolated.items() if due <= now):
            self.isolated[span] = now + ISOLATED_RETRY
            if (yield Attempt(Request(span, (span,)), counts=False)):
                del self.isolated[span]
        for request in self.requests():
            if (yield Attempt(request)) is False:
                yield from self._learn(request, now)

    @property
    def _limit(self) -> int:
        return self.longest if self.shortened is None else min(self.longest, self.shortened)

    def _plan(self, wanted: Iterable[Span]) -> list[Request]:
        return [request for run in self._runs(wanted) for request in plan(run, max_registers=self._limit, gap=self.gap)]

    def _runs(self, wanted: Iterable[Span]) -> list[list[Span]]:
        runs: list[list[Span]] = [[]]
        for span in sorted(wanted):
            if span in self.cuts or span in self.isolated:
                runs.append([])
            if span not in self.isolated:
                runs[-1].append(span)
        return runs

    def _learn(self, refused: Request, now: float) -> Learning:
        spans = refused.wanted
        if len(spans) == 1:
            self.isolated[spans[0]] = now + ISOLATED_RETRY
            return
        border = _middle(spans)
        self.cuts.add(spans[border])
        for part in (spans[:border], spans[border:]):
            request = _over(part)
            if (yield Attempt(request)) is False:
                yield from self._learn(request, now)
        yield from self._mend(spans[border], refused)

    def _mend(self, cut: Span, refused: Request) -> Learning:
        """Take a cut back if the unit accepts the read that would cross it."""
        self.cuts.discard(cut)
        # Of the spans of this request only: what else a read could bridge from here is for later rounds to find out.
        crossing = next((request for request in self._plan(refused.wanted) if _crosses(request, cut)), None)
        if crossing is None:
            return
        if crossing == refused or not (yield Attempt(crossing, counts=False)):
            self.cuts.add(cut)


def _middle(spans: Sequence[Span]) -> int:
    """Return the index before which to cut: at the middle gap, for gaps are the likelier cause, else in the middle."""
    gaps = []
    end = spans[0].end
    for index, span in enumerate(spans):
        if span.address > end:
            gaps.append(index)
        end = max(end, span.end)
    return gaps[len(gaps) // 2] if gaps else len(spans) // 2


def _over(spans: Sequence[Span]) -> Request:
    first = spans[0]
    end = max(span.end for span in spans)
    return Request(Span(first.unit, first.function, first.address, end - first.address), tuple(spans))


def _crosses(request: Request, cut: Span) -> bool:
    return request.wanted[0] < cut <= request.wanted[-1]
