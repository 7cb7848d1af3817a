"""Changing packages so that whatever happens meanwhile, the machine finds its way: all .debs first, then dpkg."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from .box import Box
from .dpkg import DEADLINE, LOCK_WAIT
from .errors import InstallationFailed, NotNow, ProgramFailed
from .events import REPAIRED
from .places import OURS

BACK_WITHIN = 120.0
"""Seconds for one run of dpkg that brings a small package back. Who waits for a script of the bad one waits in vain."""
BACK_PATIENCE = 3600.0
"""Seconds to wait for another program that installs, where a version that does not work is installed meanwhile."""
_REPAIR_WITHIN = 1800.0
_SOMEBODY_ELSE = 75
"""Exit status of the script."""


def install(
    box: Box,
    files: Sequence[Path],
    new: Sequence[str] = (),
    *,
    within: float = DEADLINE,
    patience: float = LOCK_WAIT,
) -> None:
    """Install package files: what others made first, then ours, whose services are left alone.

    `new` names the packages that nobody asked for. The change stays begun if it fails: the caller puts other files in
    its place, or has it repaired. One run of dpkg has `within` seconds; for another program that installs it is
    waited `patience` seconds.

    Raises:
        InstallationFailed: dpkg did not do it.
        NotNow: somebody else is installing; nothing was begun. Who asks to stop later is obeyed once this has returned.
    """
    with ExitStack() as once_begun:
        with box.dpkg.locked(patience):
            # A stop after dpkg would look to the caller like one before it.
            once_begun.enter_context(box.stop.put_off())
            _change(box, files, within)
        box.apt.mark_auto(new)
        box.systemd.reload()


def _change(box: Box, files: Sequence[Path], within: float) -> None:
    begun = box.store.begin(files)
    others = [file for file in begun if file.name.partition("_")[0] not in OURS]
    if others:
        box.dpkg.install(others, offline=False, within=within)
    box.dpkg.install([file for file in begun if file not in others], offline=True, within=within)
    box.store.end()


def repair(box: Box) -> bool:
    """Bring what was cut off to its end, by the script that also does so at boot; return whether it is whole.

    A stop waits until the dpkg that is at work has ended.

    Raises:
        NotNow: somebody else is changing packages.
        Stopped: somebody asked for it; the rest is left to the next run.
    """
    try:
        ended = box.programs.run_unbroken(box.places.repair, within=_REPAIR_WITHIN)
    except ProgramFailed:
        return False
    if ended.status == _SOMEBODY_ELSE:
        raise NotNow("another program installs packages and does not end; nothing was begun")
    if ended.status:
        return False
    box.note(REPAIRED, reason="a change of packages was cut off and is repaired")
    return True


def install_or_repair(box: Box, files: Sequence[Path]) -> None:
    """Install package files of ours, with the script's help if need be.

    Raises:
        InstallationFailed: not even that helped.
    """
    try:
        install(box, files, within=BACK_WITHIN, patience=BACK_PATIENCE)
    except InstallationFailed:
        if not repair(box):
            raise
