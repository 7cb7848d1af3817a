"""Tasks that fail are started again, and the others never notice."""

import asyncio
import contextlib
import logging
import selectors
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest

from inviseobox.health import sentences
from inviseobox.health.troubles import Troubles
from inviseobox.supervisor import FAILURES, Supervisor, noted_end

Scenario = Callable[[Supervisor], Awaitable[None]]


class _Jumping(selectors.SelectSelector):
    """Instead of waiting for a timer, lets the time pass."""

    def __init__(self) -> None:
        super().__init__()
        self.passed = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout else timeout)
        if not ready and timeout:
            self.passed += timeout
        return ready


class _HurriedLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return super().time() + self._jumping.passed


def play(scenario: Scenario) -> None:
    """Play a scenario in which hours take no time; at most a day of it."""

    async def played() -> None:
        supervisor = Supervisor()
        try:
            async with asyncio.timeout(86_400):
                await scenario(supervisor)
        finally:
            await supervisor.stop_all()

    with asyncio.Runner(loop_factory=_HurriedLoop) as runner:
        runner.run(played())


def now() -> float:
    return asyncio.get_running_loop().time()


async def until(predicate: Callable[[], bool]) -> None:
    """Let time pass until it holds."""
    while not predicate():  # noqa: ASYNC110 - nobody tells when it begins to hold, and the time is not real
        await asyncio.sleep(0.25)


class Task:
    """A task that does what it is told at each of its starts, the last over and over."""

    def __init__(self, *behaviours: Callable[[], Awaitable[None]]) -> None:
        self._behaviours = list(behaviours)
        self.starts: list[float] = []
        self.ended = 0

    async def __call__(self) -> None:
        self.starts.append(now())
        behaviour = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
        try:
            await behaviour()
        finally:
            self.ended += 1

    async def started(self, times: int) -> None:
        await until(lambda: len(self.starts) >= times)

    @property
    def pauses(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.starts)]


async def work() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise RuntimeError("unexpected")


async def end() -> None:
    return


async def fail_after_an_hour() -> None:
    await asyncio.sleep(3600)
    raise RuntimeError("unexpected")


async def be_cancelled_by_a_library() -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("failure", [fail, end, be_cancelled_by_a_library])
def test_a_task_that_ends_in_whatever_way_is_started_again(failure: Callable[[], Awaitable[None]]) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        task = Task(failure, work)
        supervisor.start("link", task)
        async with asyncio.timeout(10):
            await task.started(2)

    play(scenario)


def test_a_task_that_cannot_even_begin_is_tried_again() -> None:
    begun = []

    def begin() -> object:
        begun.append(now())
        if len(begun) == 1:
            raise ValueError("no such link")
        return work()

    async def scenario(supervisor: Supervisor) -> None:
        supervisor.start("link", begin)  # type: ignore[arg-type]
        async with asyncio.timeout(10):
            await until(lambda: len(begun) >= 2)

    play(scenario)


def test_a_failed_task_is_told_with_its_name_and_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario(supervisor: Supervisor) -> None:
        task = Task(fail, work)
        supervisor.start("link gateway:502", task)
        await task.started(2)

    play(scenario)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "link gateway:502" in record.getMessage()
    assert record.exc_info
    assert record.exc_info[0] is RuntimeError


def test_other_tasks_do_not_notice_a_failed_one() -> None:
    async def scenario(supervisor: Supervisor) -> None:
        steady, failing = Task(work), Task(fail)
        supervisor.start("steady", steady)
        supervisor.start("failing", failing)
        await failing.started(10)
        assert len(steady.starts) == 1
        assert steady.ended == 0

    play(scenario)


def test_the_pauses_before_restarts_of_a_task_grow_to_a_minute() -> None:
    async def scenario(supervisor: Supervisor) -> None:
        task = Task(fail)
        supervisor.start("failing", task)
        await task.started(12)
        assert task.pauses[0] == pytest.approx(1, abs=0.1)
        assert all(later >= earlier - 0.1 for earlier, later in pairwise(task.pauses))
        assert task.pauses[-1] == pytest.approx(60, abs=0.1)
        assert max(task.pauses) < 60.1

    play(scenario)


def test_a_task_that_ran_well_for_long_is_started_again_at_once() -> None:
    async def scenario(supervisor: Supervisor) -> None:
        task = Task(fail, fail, fail, fail, fail, fail_after_an_hour, work)
        supervisor.start("link", task)
        await task.started(7)
        assert task.pauses[-1] - 3600 == pytest.approx(1, abs=0.1)

    play(scenario)


def test_stopping_a_task_waits_for_its_cleaning_up_and_leaves_the_others() -> None:
    cleaned = asyncio.Event()

    async def tidy() -> None:
        try:
            await work()
        finally:
            await asyncio.sleep(2)
            cleaned.set()

    async def scenario(supervisor: Supervisor) -> None:
        stopped, other = Task(tidy), Task(work)
        supervisor.start("stopped", stopped)
        supervisor.start("other", other)
        await stopped.started(1)
        await supervisor.stop(["stopped", "unknown"])
        assert cleaned.is_set()
        await asyncio.sleep(600)
        assert len(stopped.starts) == 1
        assert (len(other.starts), other.ended) == (1, 0)

    play(scenario)


def test_a_task_is_stopped_while_it_waits_for_its_next_start() -> None:
    async def scenario(supervisor: Supervisor) -> None:
        task = Task(fail)
        supervisor.start("failing", task)
        await task.started(4)
        before = now()
        await supervisor.stop(["failing"])
        assert now() - before < 0.1
        await asyncio.sleep(600)
        assert len(task.starts) == 4

    play(scenario)


def test_a_task_that_fails_while_it_is_stopped_does_not_fail_the_stop() -> None:
    async def fail_at_the_end() -> None:
        try:
            await work()
        finally:
            raise RuntimeError("in cleaning up")

    async def scenario(supervisor: Supervisor) -> None:
        task, other = Task(fail_at_the_end, work), Task(work)
        supervisor.start("task", task)
        supervisor.start("other", other)
        await task.started(1)
        async with asyncio.timeout(10):
            await supervisor.stop_all()
        assert (task.ended, other.ended) == (1, 1)
        await asyncio.sleep(600)
        assert len(task.starts) == 1

    play(scenario)


def test_a_task_that_takes_its_stop_for_an_ordinary_end_is_not_started_again() -> None:
    async def return_when_cancelled() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await work()

    async def scenario(supervisor: Supervisor) -> None:
        task = Task(return_when_cancelled, work)
        supervisor.start("task", task)
        await task.started(1)
        async with asyncio.timeout(10):
            await supervisor.stop(["task"])
        await asyncio.sleep(600)
        assert len(task.starts) == 1

    play(scenario)


def test_the_name_of_a_task_can_be_used_again_after_its_stop() -> None:
    async def scenario(supervisor: Supervisor) -> None:
        first, second = Task(work), Task(work)
        supervisor.start("link", first)
        await first.started(1)
        await supervisor.stop(["link"])
        supervisor.start("link", second)
        await second.started(1)
        await supervisor.stop_all()
        assert (first.ended, second.ended) == (1, 1)

    play(scenario)


def test_a_task_that_fails_is_a_trouble_until_it_has_run_for_five_minutes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "inviseobox")
    troubles = Troubles()

    async def scenario(_: Supervisor) -> None:
        supervisor = Supervisor(troubles)
        task = Task(fail, fail, fail, work)
        supervisor.start_loop("windows", task)
        await task.started(4)
        (trouble,) = troubles.current()
        assert sentences.summary(trouble).startswith("windows: failed, which is an error in this program: RuntimeError")
        await asyncio.sleep(299)
        assert len(troubles.current()) == 1
        await asyncio.sleep(2)
        assert troubles.current() == []
        await supervisor.stop_all()

    play(scenario)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"], "one line, whatever the tries"


def test_a_loop_that_fails_again_and_again_ends_the_process_once_it_may() -> None:
    asked: list[str] = []

    async def may_end(cause: str) -> bool:
        asked.append(cause)
        # As a day after the process ended for the same cause, or once the disk has room to remember it.
        return len(asked) == 4

    async def scenario(_: Supervisor) -> None:
        supervisor = Supervisor(Troubles(), may_end)
        task, link = Task(fail), Task(fail)
        supervisor.start_loop("windows", task)
        supervisor.start("link gateway", link)
        await task.started(FAILURES + 2)
        assert not supervisor.has_given_up.is_set()
        await asyncio.wait_for(supervisor.has_given_up.wait(), 3600)
        assert len(asked) == 4
        assert all(one.startswith("windows: failed") for one in asked), "and a link never does"
        await supervisor.stop_all()

    play(scenario)


def test_an_end_of_the_process_for_one_cause_comes_at_most_once_a_day() -> None:
    day = 86_400.0
    first = noted_end("", "windows: a", 0.0)
    assert first is not None
    assert noted_end(first, "windows: a", day - 1) is None
    other = noted_end(first, "upload: b", 100.0)
    assert other is not None
    assert noted_end(other, "windows: a", 200.0) is None
    again = noted_end(other, "windows: a", day + 50)
    assert again is not None
    assert noted_end(again, "upload: b", day + 60) is None
    assert noted_end(first, "windows: a", -2 * day) is not None, "a clock that was far ahead does not stop it for ever"


@pytest.mark.parametrize("known", ["", "[]", "null", '{"windows: a": "x"}', "[" * 100_000])
def test_rubbish_in_place_of_noted_ends_is_no_end(known: str) -> None:
    assert noted_end(known, "windows: a", 0.0) is not None
