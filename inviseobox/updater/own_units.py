"""The updater's own units, which a new version of it must not take from itself: nobody else would start it."""

from dataclasses import dataclass

from .programs import Programs

_SERVICE = "inviseobox-updater.service"
_TIMERS = ("inviseobox-updater.timer", "inviseobox-updater-boot.timer")
_LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as systemd knows it."""

    is_loaded: bool
    is_enabled: bool
    is_active: bool


Units = dict[str, Unit]


def look(programs: Programs) -> Units:
    """Return how the units are. Raises ProgramFailed."""
    return {name: _unit(programs, name) for name in (_SERVICE, *_TIMERS)}


def fault(before: Units, after: Units) -> str:
    """Say what a new version took from itself, empty where nothing. Pure."""
    for name, unit in after.items():
        if before[name].is_loaded and not unit.is_loaded:
            return f"systemd does not understand its {name}"
        if before[name].is_enabled and not unit.is_enabled:
            return f"it disables its {name}"
        if name in _TIMERS and before[name].is_active and not unit.is_active:
            return f"it stops its {name}"
    return ""


def restore(programs: Programs, before: Units) -> None:
    """Enable and start again what was. Raises ProgramFailed: there is no systemctl."""
    for name in _TIMERS:
        if before[name].is_enabled:
            # What somebody disabled, a package leaves so.
            programs.run("systemctl", "enable", name)
        if before[name].is_active:
            programs.run("systemctl", "start", "--no-block", name)


def _unit(programs: Programs, name: str) -> Unit:
    wanted = "--property=LoadState,UnitFileState,ActiveState"
    lines = programs.text("systemctl", "show", name, wanted).splitlines()
    told = {key: value for key, _, value in (line.partition("=") for line in lines)}
    return Unit(
        told.get("LoadState") == _LOADED, told.get("UnitFileState") == "enabled", told.get("ActiveState") == "active"
    )
