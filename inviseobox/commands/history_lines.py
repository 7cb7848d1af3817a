"""What `inviseobox history` shows of a measurement: a table, a plot, or CSV. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from itertools import pairwise
from typing import Any

from inviseobox.clock import utc_text
from inviseobox.commands.box_state import LATEST, DeviceState, MeasurementState
from inviseobox.commands.charts import Values, plot
from inviseobox.commands.layout import Column, Glyphs, Line, Table, Tone, wrapped
from inviseobox.commands.quantities import DIGITS, shortened, time_text, value_text
from inviseobox.control.selection import plain
from inviseobox.translation import _
from inviseobox.untrusted import number

KEYS = ("min", "max", "avg", "diff")
_STATES = ("ok", "partial", "dead")
_MOST_SLOTS = 20_000


@dataclass(frozen=True, slots=True)
class Window:
    """What was sealed of a measurement in a window: its end, and the aggregates as texts, empty for what is none."""

    end: int
    values: Mapping[str, str]
    status: str
    is_delivered: bool

    def number(self, key: str) -> float | None:
        """Return an aggregate."""
        return number(self.values[key])


Found = tuple[DeviceState, MeasurementState]


def found(devices: Iterable[DeviceState], text: str) -> list[Found]:
    """Return the measurements that are meant by a text: by _id, by name, by a part of it, or those of a device."""
    listed = [(device, one) for device in devices for one in device.measurements]
    wanted = plain(text)
    for group in (
        [(device, one) for device, one in listed if one.id == text],
        [(device, one) for device, one in listed if plain(one.name) == wanted],
        [(device, one) for device, one in listed if wanted in plain(one.name)],
    ):
        if group:
            return group
    return listed


def title(text: str, meant: Found | None, glyphs: Glyphs) -> str:
    """Return what the history is of: what is meant, or the `text` by which somebody asked for it."""
    if meant is None:
        return glyphs.text(text)
    device, one = meant
    unit = glyphs.text(one.unit)
    names = {"device": glyphs.text(device.name), "measurement": glyphs.text(one.name)}
    return _("{device}, {measurement}").format(**names) + (f" ({unit})" if unit else "")


def windows(lines: Iterable[Mapping[str, Any]]) -> list[Window]:
    """Read an answer of the daemon, which is not trusted, oldest first; what is none of its lines is left out."""
    read = []
    for line in lines:
        end, status = line.get("end"), line.get("status")
        if isinstance(end, int) and not isinstance(end, bool) and 0 <= end <= LATEST and status in _STATES:
            values = {key: _decimal(line.get(key)) for key in KEYS}
            read.append(Window(end, values, str(status), line.get("delivered") is True))
    return sorted(read, key=lambda one: one.end)


def _decimal(value: object) -> str:
    return value if isinstance(value, str) and number(value) is not None and value.isascii() else ""


def csv_lines(history: Iterable[Window]) -> Iterator[Line]:
    """Yield lines for programs: the end of each window in UTC, the aggregates digit for digit, its state."""
    yield Line(",".join(["end", *KEYS, "status", "delivered"]))
    for one in history:
        delivered = "true" if one.is_delivered else "false"
        yield Line(",".join([utc_text(one.end), *one.values.values(), one.status, delivered]))


def table_lines(
    history: Sequence[Window], cells: int | None, glyphs: Glyphs, zone: tzinfo | None = None
) -> Iterator[Line]:
    """Yield a row for each window, oldest first, in the time of day of `zone`."""
    columns = [
        Column(_("End of window")),
        Column(_("Min"), rank=5, right=True),
        Column(_("Max"), rank=6, right=True),
        Column(_("Avg"), rank=1, right=True),
        Column(_("Diff"), rank=4, right=True),
        Column(_("State"), rank=2),
        Column(_("Sent"), rank=3),
    ]
    states = {"ok": _("ok"), "partial": _("partial"), "dead": _("dead")}
    is_whole = all(one.end % 60 == 0 for one in history)
    rows = [
        [
            time_text(one.end, zone)[: -3 if is_whole else None],
            *(_shown(one.values[key], cells) for key in KEYS),
            states[one.status],
            _("yes") if one.is_delivered else _("no"),
        ]
        for one in history
    ]
    table = Table(columns, rows, cells, glyphs.dots)
    yield Line(table.heads(), Tone.STRONG)
    for one, row in zip(history, rows, strict=True):
        tone = Tone.BAD if one.status == "dead" else Tone.PLAIN
        yield Line(table.row(row), Tone.WARNING if one.status == "partial" else tone)


def _shown(text: str, cells: int | None) -> str:
    return text if cells is None or len(text) <= DIGITS else shortened(float(text))


def plot_lines(
    history: Sequence[Window], cells: int, rows: int, glyphs: Glyphs, zone: tzinfo | None = None
) -> Iterator[Line]:
    """Yield bars of the averages, or of the differences where there are none, over the time of day of `zone`."""
    key = next((key for key in ("avg", "diff", "max", "min") if any(one.values[key] for one in history)), None)
    if key is None:
        sentence = _("There is no value in these windows.")
        yield from (Line(text, Tone.WARNING) for text in wrapped(sentence, cells))
        return
    slots = _slots(history, key)
    there = [value for value in slots if value is not None]
    labels = (value_text(max(there)), value_text(min(there)))
    for text in plot(slots, glyphs.levels, cells, rows, labels):
        yield Line(text)
    ends = [time_text(one.end, zone)[:16] for one in (history[0], history[-1])]
    room = max(map(len, labels)) + 2
    between = cells - room - sum(map(len, ends))
    if between > 0 and len(slots) >= cells - room:
        yield Line(" " * room + (" " * between).join(ends))
    else:
        sentence = _("from {begin} to {end}").format(begin=ends[0], end=ends[1])
        yield from map(Line, wrapped(sentence, cells, "  "))


def _slots(history: Sequence[Window], key: str) -> Values:
    """Return the values at equal distances in time, None where there was no window."""
    first, last = history[0].end, history[-1].end
    distances = Counter(later.end - earlier.end for earlier, later in pairwise(history) if later.end > earlier.end)
    step = max(distances.most_common(1)[0][0] if distances else 1, (last - first) / _MOST_SLOTS)
    slots: list[float | None] = [None] * (round((last - first) / step) + 1)
    for one in history:
        slots[min(len(slots) - 1, max(0, round((one.end - first) / step)))] = one.number(key)
    return slots
