"""What a version is measured by: what the one before it is seen to do."""

import os
import time
from pathlib import Path

import pytest

from inviseobox.updater import journal, observing
from inviseobox.updater.errors import Stopped
from inviseobox.updater.state import Required
from tests.support.updater_boxes import UpdaterBox

ALL = ("polling", "commits", "delivery")
LINK = "Modbus TCP 10.0.0.5:502"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UpdaterBox:
    monkeypatch.setattr(journal, "send", lambda fields: False)
    monkeypatch.setattr(observing, "_owner", os.getuid)
    return UpdaterBox(tmp_path)


def tell(place: UpdaterBox, *facets: str, links: tuple[str, ...] = (LINK,)) -> None:
    """Let the service tell that these facets and links went on just now."""
    now = time.time()
    place.status(
        version="1",
        written_at=now,
        interval=1800,
        progress={name: now if name in facets else None for name in ALL},
        links=[{"name": name, "up": True, "cause": None, "last_good_reading": now} for name in links],
    )


def ready_for(place: UpdaterBox, seconds: float) -> None:
    """Let the service be ready for so many seconds."""
    place.service(ActiveEnterTimestampMonotonic=str(max(int((time.monotonic() - seconds) * 1e6), 1)))


def test_a_young_service_is_waited_for(place: UpdaterBox, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        tell(place, *ALL[: len(waits) + 1])

    monkeypatch.setattr(place.stop, "wait", wait)
    ready_for(place, 5)
    # Its first status comes while it is waited for.
    assert observing.required(place.box()) == Required(ALL, (LINK,))
    assert len(waits) == 2


def test_a_service_that_had_its_time_takes_one_look(place: UpdaterBox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place.stop, "wait", lambda seconds: pytest.fail("it waits"))
    ready_for(place, 2000)
    assert observing.required(place.box()) == Required()
    tell(place, *ALL[:2])
    assert observing.required(place.box()) == Required(ALL[:2], (LINK,))
    # What does not run has no age.
    place.service(ActiveState="inactive", ActiveEnterTimestampMonotonic=str(int(time.monotonic() * 1e6)))
    assert observing.required(place.box()).facets == ALL[:2]


def test_the_wait_for_a_young_service_is_ended_by_who_asks_to_stop(place: UpdaterBox) -> None:
    tell(place, *ALL[:2])
    ready_for(place, 300)
    box = place.box()
    place.stop.is_asked = True
    with pytest.raises(Stopped):
        observing.required(box)
