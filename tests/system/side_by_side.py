"""Boxes that mostly wait, at work at the same time, each in a thread of its own."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from .updated_box import Ground, UpdatedBox, updated_box

_MOST = 10
"""Machines at the same time: each takes about 150 MB."""

Case = Callable[[UpdatedBox], None]


class SideBySide:
    """Cases by name, which run while a test waits for its own."""

    def __init__(self, futures: dict[str, Future[None]]) -> None:
        self._futures = futures

    def result(self, name: str) -> None:
        """Wait for the end of a case. Raises what it raised."""
        self._futures[name].result()


@contextmanager
def side_by_side(
    cases: Mapping[str, Case], ground: Ground, request: pytest.FixtureRequest, factory: pytest.TempPathFactory
) -> Iterator[SideBySide]:
    """Run those of `cases` that tests of this file ask for as their parameter "case", each with a box of its own.

    All have ended at the end.
    """
    chosen = {item.callspec.params["case"] for item in request.session.items if item.path == request.path}  # type: ignore[attr-defined]
    # The agent of gpg listens below, on a path of at most 108 characters.
    folder = factory.mktemp("b")

    def run(number: int, case: Case) -> None:
        with updated_box(ground, folder / str(number)) as box:
            case(box)

    pool = ThreadPoolExecutor(max_workers=_MOST)
    at_work = {name: pool.submit(run, number, cases[name]) for number, name in enumerate(cases) if name in chosen}
    try:
        yield SideBySide(at_work)
    finally:
        pool.shutdown(cancel_futures=True)
