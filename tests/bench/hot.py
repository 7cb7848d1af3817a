"""The functions of a profile that cost most."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.support.daemons import CHECKOUT

_MACHINERY = ("<frozen ", "/asyncio/", "/threading.py", "/concurrent/", "/tests/bench/", "/cli.py", "/commands/")
"""What everything is called by, which says nothing of where the time goes."""


def functions(file: Path, count: int) -> Iterator[str]:
    """Yield the hottest functions by their own time, then by that with all that they call."""
    profile = json.loads(file.read_text())
    yield f"{profile['cpu']:.1f} s of CPU in all"
    for title in ("own", "cumulative"):
        yield f"\nby {title} time"
        times: Mapping[str, float] = profile[title]
        shown = [name for name in times if title == "own" or not any(part in name for part in _MACHINERY)]
        for name in sorted(shown, key=lambda name: -times[name])[:count]:
            yield f"{times[name] / profile['cpu'] * 100:6.1f} %{times[name]:8.2f} s  {_short(name)}"


def _short(name: str) -> str:
    path, _, function = name.partition(" ")
    file = Path(path)
    if file.is_relative_to(CHECKOUT):
        return f"{file.relative_to(CHECKOUT)} {function}"
    return f"{Path(*file.parts[-2:])} {function}"
