"""The functions of a profile that cost most."""

import pstats
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.daemons import CHECKOUT

_OWN, _CUMULATIVE = 2, 3


def functions(file: Path, count: int) -> Iterator[str]:
    """Yield the hottest functions by own time, then by the time with all that they call; shares of all CPU."""
    stats: dict[Any, Any] = pstats.Stats(str(file)).stats  # type: ignore[attr-defined]
    busy = sum(row[_OWN] for row in stats.values())
    for title, column in (("own time", _OWN), ("cumulative time", _CUMULATIVE)):
        yield f"\nby {title}; {busy:.1f} s of CPU in all"
        for name, row in sorted(stats.items(), key=lambda item: -item[1][column])[:count]:
            yield f"{row[column] / busy * 100:6.1f} %{row[column]:9.2f} s{row[1]:12,} calls  {_label(name)}"


def _label(name: Any) -> str:
    file, line, function = name
    path = Path(file)
    if path.is_relative_to(CHECKOUT):
        path = path.relative_to(CHECKOUT)
    elif path.is_absolute():
        path = Path(*path.parts[-2:])
    return function if file == "~" else f"{path}:{line} {function}"
