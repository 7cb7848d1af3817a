"""The turns of the pages of a host: whatever some of them do, the others are read in every window."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.acquisition.page_turns import LEAST_LIMIT, Pace, Turns
from inviseobox.acquisition.schedule import next_start

TIMEOUT = 25.0
FULL_LIMIT_PERIOD = 3600.0
HANGS = 1e9
Takes = Callable[[float], float]


@dataclass
class Page:
    """A page whose answer takes, at a time, what `takes` says. Most that a host does needs no sockets to be seen."""

    takes: Takes
    pace: Pace = field(default_factory=Pace)
    read: list[float] = field(default_factory=list)
    limits: list[float] = field(default_factory=list)

    def gaps(self, begin: float, end: float) -> list[float]:
        times = [begin, *(at for at in self.read if at > begin), end]
        return [late - early for early, late in itertools.pairwise(times)]


def watch(pages: list[Page], seconds: float, period: float, window: float | None) -> None:
    """Let rounds go over the pages for so long."""
    by_pace = {page.pace: page for page in pages}
    now = start = 0.0
    while now < seconds:
        turns = Turns(list(by_pace), now, start + period, TIMEOUT, window, FULL_LIMIT_PERIOD)
        for pace in turns.order:
            limit = turns.limit(now)
            page = by_pace[pace]
            page.limits.append(limit)
            if limit < LEAST_LIMIT:
                continue
            began, takes = now, page.takes(now)
            now += min(takes, limit)
            if takes > limit:
                pace.timed_out(now, now + FULL_LIMIT_PERIOD)
            else:
                pace.answered(began, now)
                pace.is_slow = False
                page.read.append(now)
        start = next_start(start, period, now)
        now = max(now, start)


def steady(seconds: float) -> Takes:
    return lambda now: seconds


def between(begin: float, end: float, seconds: float, otherwise: float) -> Takes:
    return lambda now: seconds if begin <= now < end else otherwise


WINDOWS = [(3.0, 10.0), (5.0, 10.0), (2.5, 10.0), (10.0, 20.0), (10.0, 60.0), (30.0, 60.0), (600.0, 1800.0)]


@pytest.mark.parametrize(("period", "window"), WINDOWS)
@pytest.mark.parametrize("hanging", [1, 2, 3])
@pytest.mark.parametrize("place", ["first", "last"])
def test_pages_that_hang_cost_no_other_a_window(period: float, window: float, hanging: int, place: str) -> None:
    bad = [Page(steady(HANGS)) for _ in range(hanging)]
    good = [Page(steady(0.05)) for _ in range(3)]
    watch(bad + good if place == "first" else good + bad, 50 * window, period, window)
    for page in good:
        assert max(page.gaps(0, 50 * window - period)) < window
    for page in bad:
        asked = [limit for limit in page.limits if limit >= 0.1]
        assert len(asked) >= len(page.limits) / 2 / hanging


@given(
    st.sampled_from(WINDOWS[:-1]),
    st.lists(st.tuples(st.floats(0, 3000), st.floats(1, 3000), st.sampled_from([HANGS, 4.0, 20.0])), max_size=4),
)
def test_pages_that_begin_to_hang_at_any_time_cost_no_other_a_window(
    times: tuple[float, float], spells: list[tuple[float, float, float]]
) -> None:
    period, window = times
    bad = [Page(between(begin, begin + lasts, takes, 0.05)) for begin, lasts, takes in spells]
    good = [Page(steady(0.05)) for _ in range(2)]
    watch([good[0], *bad, good[1]], 3500, period, window)
    for page in good:
        assert max(page.gaps(0, 3500 - period)) <= window + 1e-6
    for page, (begin, lasts, _) in zip(bad, spells, strict=True):
        # Soon after it answers it is read again.
        if begin + lasts < 3300:
            assert any(begin + lasts <= at <= begin + lasts + 60 + window for at in page.read)


@pytest.mark.parametrize("seconds", [1.0, 2.0, 5.0])
def test_a_page_that_takes_its_time_is_read_in_every_window(seconds: float) -> None:
    lazy, good = Page(steady(seconds)), Page(steady(0.05))
    watch([lazy, good], 600, 3.0, 10.0)
    assert max(lazy.gaps(20, 580)) < 10
    assert max(good.gaps(0, 580)) < 10


@pytest.mark.parametrize(
    ("period", "window", "each"),
    [(3.0, 10.0, 0.5), (3.0, 10.0, 1.0), (10.0, 20.0, 2.0), (30.0, 60.0, 1.0), (30.0, 60.0, 5.0)],
)
def test_a_host_that_was_away_is_read_again_though_all_its_pages_are_lazy(
    period: float, window: float, each: float
) -> None:
    """They need more than the part of a period that each slow page has."""
    pages = [Page(between(100, 900, HANGS, each)) for _ in range(4)]
    watch(pages, 1500, period, window)
    for page in pages:
        assert min(at for at in page.read if at >= 900) < 900 + 4 * 60
        assert max(page.gaps(1200, 1480)) < 2 * period + 4 * each


def test_a_page_that_is_alone_has_its_whole_time() -> None:
    page = Page(between(10, 100, HANGS, 6.0))
    watch([page], 300, 3.0, 10.0)
    assert set(page.limits) == {TIMEOUT}
    assert min(at for at in page.read if at > 100) < 100 + TIMEOUT + 10


def test_once_an_hour_a_slow_page_has_its_whole_time() -> None:
    page, good = Page(steady(HANGS)), Page(steady(0.05))
    watch([page, good], 3 * 3600.0, 3.0, 10.0)
    assert page.limits.count(TIMEOUT) == 2
    assert sum(gap > 10 for gap in good.gaps(0, 3 * 3600.0)) <= 2


def test_a_page_that_always_took_long_is_not_cut_short_for_others_that_do() -> None:
    """Together they take longer than a window: each has what it took the last time, twice."""
    pages = [Page(steady(4.0)) for _ in range(4)]
    for page in pages:
        page.pace.answered(0.0, 4.0)
    watch(pages, 600, 3.0, 10.0)
    assert not any(page.pace.is_slow for page in pages)
    assert all(max(page.gaps(20, 560)) < 25 for page in pages)


def test_the_pages_of_a_host_may_be_very_many() -> None:
    paces = [Pace(is_slow=number % 3 == 0, took=number % 5, read_at=0.0) for number in range(20_000)]
    began = time.process_time()
    turns = Turns(paces, 0.0, 600.0, TIMEOUT, 1800.0, FULL_LIMIT_PERIOD)
    limits = [turns.limit(0.0) for _ in turns.order]
    assert time.process_time() - began < 2
    assert len(limits) == 20_000
