"""What `inviseobox status` shows: the verdict first, then what is wrong, then the rest. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from inviseobox.commands.box_state import BoxState, DeviceState, MeasurementState
from inviseobox.commands.charts import sparkline
from inviseobox.commands.layout import Column, Glyphs, Line, Table, Tone, cut, width, wrapped
from inviseobox.commands.quantities import age_text, bytes_text, length_text, share_text, time_text, value_text
from inviseobox.translation import _

MOST_ROWS = 50
"""Measurements that are shown one by one, unless somebody chose them."""
_MOST_OF_A_DEVICE = 10
_MOST_LINES = 20
"""Devices without trouble that have a line each."""
_MOST_TROUBLES = 10
_UNIT = 8
"""Cells of a unit."""


@dataclass(frozen=True, slots=True)
class View:
    """How it is shown: in lines of `cells`, None where they have any length, by what was known `now`.

    `is_chosen`: a person named what he wants to see, so that all of it is shown.
    """

    cells: int | None
    glyphs: Glyphs
    now: float
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A device, and those of its measurements that have a row."""

    device: DeviceState
    measurements: Sequence[MeasurementState]


def folded(devices: Sequence[DeviceState], *, is_chosen: bool) -> tuple[list[Shown], list[DeviceState]]:
    """Choose what is shown one by one, devices in trouble first; the others are told together."""
    ordered = sorted(devices, key=lambda device: (not device.is_silent, not device.failing))
    if is_chosen or sum(len(device.measurements) for device in devices) <= MOST_ROWS:
        return [Shown(device, device.measurements) for device in ordered], []
    shown: list[Shown] = []
    room = MOST_ROWS
    for place, device in enumerate(ordered):
        if not device.failing or room <= 0:
            return shown, ordered[place:]
        rows = sorted(device.measurements, key=lambda one: not one.is_failing)[: min(room, _MOST_OF_A_DEVICE)]
        shown.append(Shown(device, rows))
        room -= len(rows)
    return shown, []


def status_lines(state: BoxState, problem: Sequence[str], view: View) -> Iterator[Line]:
    """Yield all lines; `problem` says why the daemon itself was not asked, sentence by sentence, if it was not."""
    if problem:
        for sentence in problem:
            yield from _wrapped(sentence, Tone.BAD, view)
    else:
        yield from _wrapped(*_verdict(state), view)
    yield from _troubles(state, view)
    yield Line()
    yield from _labelled(
        [
            (_("Service"), _service(state, problem, view), Tone.PLAIN),
            (_("Server"), _server(state, view), Tone.PLAIN),
            (_("Refused"), _refused(state), Tone.WARNING),
            (_("Disk"), _disk(state), Tone.PLAIN),
            (_("Clock"), _clock(state, view), Tone.PLAIN),
        ],
        view,
    )
    yield from _devices(state, view)


def _verdict(state: BoxState) -> tuple[str, Tone]:
    answering = sum(any(one.is_read and not one.is_failing for one in device.measurements) for device in state.devices)
    count = {"good": answering, "all": len(state.devices)}
    if not state.is_right:
        return _("Something is wrong. Devices that answer: {good} of {all}.").format(**count), Tone.BAD
    if not state.devices:
        return _("There is no device to read."), Tone.WARNING
    if not any(one.is_read for device in state.devices for one in device.measurements):
        return _("Nothing has been read yet. Devices: {all}.").format(**count), Tone.WARNING
    return _("All is well. Devices that answer: {good} of {all}.").format(**count), Tone.GOOD


def _troubles(state: BoxState, view: View) -> Iterator[Line]:
    for subject, cause in state.troubles[:_MOST_TROUBLES]:
        text = _("- {subject}: {cause}").format(subject=view.glyphs.text(subject), cause=view.glyphs.text(cause))
        yield from _wrapped(text, Tone.BAD, view)
    more = len(state.troubles) - _MOST_TROUBLES
    if more > 0:
        text = _("- more of them: {count} (inviseobox status --json)").format(count=more)
        yield from _wrapped(text, Tone.BAD, view)


def _wrapped(text: str, tone: Tone, view: View) -> Iterator[Line]:
    for line in wrapped(text, view.cells, "  "):
        yield Line(line, tone)


def _labelled(rows: Iterable[tuple[str, str, Tone]], view: View) -> Iterator[Line]:
    there = [row for row in rows if row[1]]
    indent = " " * (max(width(label) for label, _text, _tone in there) + 2) if there else ""
    for label, text, tone in there:
        for line in wrapped(label + indent[width(label) :] + text, view.cells, indent):
            yield Line(line, tone)


def _service(state: BoxState, problem: Sequence[str], view: View) -> str:
    interval = state.count("interval")
    parts = [_("version {version}").format(version=view.glyphs.text(state.text("version")))]
    if interval:
        parts.append(_("windows of {length}").format(length=length_text(interval)))
    read = state.time("progress", "polling")
    parts.append(_("last value {age} ago").format(age=_age(read, view)) if read is not None else _("no value yet"))
    written = state.time("written_at")
    if problem and written is not None:
        parts.append(_("all this as known at {time}").format(time=time_text(written)))
    return ", ".join(parts)


def _server(state: BoxState, view: View) -> str:
    window = state.time("last_delivered_window")
    parts = [_("no window delivered since the start")]
    if window is not None:
        at = state.time("progress", "delivery")
        parts = [_("window {time} delivered").format(time=time_text(window))]
        if at is not None:
            parts = [_("window {time} delivered {age} ago").format(time=time_text(window), age=_age(at, view))]
    waiting, size = state.count("backlog_windows"), state.count("backlog_bytes")
    if not waiting:
        parts.append(_("nothing waits"))
    elif size is None:
        parts.append(_("windows that wait: {count}").format(count=waiting))
    else:
        parts.append(_("windows that wait: {count} ({size})").format(count=waiting, size=bytes_text(size)))
    return ", ".join(parts)


def _refused(state: BoxState) -> str:
    count = state.count("rejected_deliveries")
    return (
        _("deliveries that the server refused for good: {count} (inviseobox rejected)").format(count=count)
        if count
        else ""
    )


def _disk(state: BoxState) -> str:
    free = state.count("disk_free")
    return _("{size} free").format(size=bytes_text(free)) if free is not None else ""


def _clock(state: BoxState, view: View) -> str:
    sentences = {
        "confirmed clock": _("right"),
        "unconfirmed clock": _("not confirmed by anybody yet"),
        "time synchronisation": _("wrong; readings are dated by the time synchronisation"),
        "server": _("wrong; readings are dated by the server's time"),
        "believed clock": _("seems to be wrong; readings are dated by it all the same"),
        "nothing": _("wrong, and nobody tells the time; readings wait"),
    }
    text = sentences.get(state.text("dated_by"), "")
    at = state.time("clock_confirmed", "at")
    witnesses = {"the server": _("the server"), "the time synchronisation": _("the time synchronisation")}
    witness = witnesses.get(state.clock_witness)
    if text and at is not None and witness:
        return _("{state}, confirmed by {witness} {age} ago").format(state=text, witness=witness, age=_age(at, view))
    return text


def _devices(state: BoxState, view: View) -> Iterator[Line]:
    shown, others = folded(state.devices, is_chosen=view.is_chosen)
    columns = [
        Column(_("Measurement"), elastic=True),
        Column(_("Value"), right=True),
        Column(_("Unit"), rank=1),
        Column(_("Age"), right=True),
        Column(_("Good"), rank=2, right=True),
        Column(_("Last windows"), rank=3),
    ]
    rows = [[_row(one, view) for one in part.measurements] for part in shown]
    table = Table(columns, [row for part in rows for row in part], view.cells, view.glyphs.dots)
    if any(rows):
        yield Line()
        yield Line(table.heads(), Tone.STRONG)
    for part, part_rows in zip(shown, rows, strict=True):
        yield from _device(part.device, view)
        for one, row in zip(part.measurements, part_rows, strict=True):
            yield Line(table.row(row), Tone.BAD if one.is_failing else Tone.PLAIN)
        if more := len(part.device.measurements) - len(part.measurements):
            yield from _wrapped(_("  and more of it: {count}").format(count=more), Tone.PLAIN, view)
    yield from _others(others, view)


def _row(one: MeasurementState, view: View) -> list[str]:
    return [
        f"  {view.glyphs.text(one.name) or view.glyphs.text(one.id)}",
        value_text(one.value),
        cut(view.glyphs.text(one.unit), _UNIT, view.glyphs.dots),
        _age(one.at, view) if one.at is not None else _("never"),
        share_text(one.good, one.reads),
        sparkline(one.recent, view.glyphs.levels),
    ]


def _device(device: DeviceState, view: View) -> Iterator[Line]:
    places = [view.glyphs.text(device.link)] if device.link else []
    places += [_("unit {number}").format(number=number) for number in device.units[:1] if len(device.units) == 1]
    where = f" ({', '.join(places)})" if places else ""
    mark = "!" if device.failing else "*"
    name = view.glyphs.text(device.name) or view.glyphs.text(device.id)
    if view.cells is not None:
        name = cut(name, max(16, view.cells - 2 - width(where)), view.glyphs.dots)
    yield from _wrapped(f"{mark} {name}{where}", Tone.BAD if device.failing else Tone.STRONG, view)
    if device.failing and device.cause and view.is_chosen:
        yield from _wrapped(f"  {view.glyphs.text(device.cause)}", Tone.BAD, view)


def _others(devices: Sequence[DeviceState], view: View) -> Iterator[Line]:
    failing = [device for device in devices if device.failing]
    if failing:
        text = _("! more devices of which something does not answer: {count}").format(count=len(failing))
        yield from _wrapped(text, Tone.BAD, view)
    well = [device for device in devices if not device.failing]
    if not well:
        return
    if len(well) <= _MOST_LINES:
        for device in well:
            name = view.glyphs.text(device.name) or view.glyphs.text(device.id)
            if view.cells is not None:
                name = cut(name, max(16, view.cells - 24), view.glyphs.dots)
            count = len(device.measurements)
            yield from _wrapped(
                _("* {device}: measurements: {count}").format(device=name, count=count), Tone.PLAIN, view
            )
    else:
        count = sum(len(device.measurements) for device in well)
        text = _("* devices without trouble: {devices}, their measurements: {measurements}")
        yield from _wrapped(text.format(devices=len(well), measurements=count), Tone.PLAIN, view)
    yield from _wrapped(_("One of them, by a part of its name: inviseobox status NAME"), Tone.PLAIN, view)


def _age(at: float | None, view: View) -> str:
    return age_text(view.now - at) if at is not None else ""
