"""The promises of loops and links, by which the watchdog is fed."""

from dataclasses import dataclass

from inviseobox.health.heartbeats import Heartbeats


@dataclass
class Clock:
    """A clock that is set by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_promise_is_overdue_when_its_time_has_passed_and_not_before() -> None:
    clock = Clock(100)
    beats = Heartbeats(clock)
    assert beats.overdue() == []
    beats.of("link").expect(30)
    beats.of("another").expect(30)
    beats.expect("windows", 3600)
    clock.seconds = 130
    assert beats.overdue() == []
    clock.seconds = 130.1
    assert beats.overdue() == ["another", "link"]
    beats.of("link").expect(3600)
    assert beats.overdue() == ["another"]
    beats.of("another").forget()
    beats.forget("unknown")
    assert beats.overdue() == []


def test_a_blocked_loop_is_seen_at_the_next_look() -> None:
    beats = Heartbeats(Clock())
    beats.expect("upload", -1)
    assert beats.overdue() == ["upload"]
