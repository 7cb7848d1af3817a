"""Taking a newer version of the daemon, of the keys and of the box's settings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from . import keeping, room, versions
from .apt_output import Step
from .box import Box
from .errors import InstallationFailed, NotKept, NotNow, NotStarted, ProgramFailed
from .events import NOTED, UPDATE_REFUSED, UPDATE_TAKEN
from .going_back import condemn, refused_versions
from .installing import install, repair
from .keeping import keep
from .observing import configuration, required
from .places import APPLIANCE, KEYRING, OURS, PROGRAM, UNIT, UPDATER
from .service import Service
from .state import Cause, Level, Pending, Probation, Proof, Required, Trouble
from .versions import Offer, Refused, Waits


@dataclass(frozen=True, slots=True)
class Fetched:
    """What is to be installed: the steps and their files, which lie on the disk."""

    steps: list[Step]
    files: list[Path]

    def new(self) -> list[str]:
        """Return the packages of others that are not installed yet."""
        return [step.name for step in self.steps if not step.old and step.name not in OURS]


class Taken:
    """What a run took: the updater itself is replaced only in a run that took nothing."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.packages: list[str] = []


def take_companions(box: Box, offered: dict[str, str], taken: Taken) -> None:
    """Take the keys, which are held back by nothing, and the settings of a box, with the daemon that they belong to."""
    proof = box.state.proof
    for package in (KEYRING, APPLIANCE):
        version = offered.get(package)
        passed = proof is not None and proof.version == version and proof.level is not Level.NEW
        if version is None or (package == APPLIANCE and not passed):
            continue
        try:
            fetched = fetch(box, package, version)
            install(box, fetched.files, fetched.new())
        except NotKept as error:
            refuse(box, version, str(error), package)
        except InstallationFailed as error:
            repair(box)
            refuse(box, version, str(error), package)
        else:
            box.note(NOTED, package=package, version=version, reason="taken")
            taken.packages.append(package)


def candidate(box: Box, offered: dict[str, str]) -> str | None:
    """Return the version of the daemon to take, None if there is none. Raises ProgramFailed and NotKept."""
    installed = box.state.installed or ""
    offers = [Offer(one.version, one.schema, one.oldest_reader) for one in box.apt.versions(PROGRAM)]
    chosen = versions.choose(
        offered.get(PROGRAM),
        offers,
        installed=installed,
        schema_to_go_back_to=min(keeping.schema(box, keep(box, PROGRAM, one)) for one in _ways_back(box)),
        schema_later=_schema_later(box),
        bad=refused_versions(box)[PROGRAM],
        is_newer=lambda one, other: box.dpkg.compare(one, other) > 0,
    )
    if isinstance(chosen, Refused):
        refuse(box, chosen.version, chosen.reason)
        return None
    if isinstance(chosen, Waits):
        print(
            f"inviseobox {chosen.version} waits until {installed} is good: the one before could not read its database"
        )
        return None
    if chosen is None and PROGRAM not in offered:
        _refuse_what_lacks_something(box, [offer.version for offer in offers])
    return chosen.version if chosen else None


def _refuse_what_lacks_something(box: Box, versions: Sequence[str]) -> None:
    """Say so where the newest version is not offered because this Debian lacks what it needs. Raises ProgramFailed."""
    newest = max(versions, key=cmp_to_key(box.dpkg.compare), default="")
    if (
        not newest
        or box.dpkg.compare(newest, box.state.installed or "") <= 0
        or newest in refused_versions(box)[PROGRAM]
    ):
        return
    if not box.apt.is_held(PROGRAM):
        # What is only meant for others by now, or withdrawn, could be installed.
        try:
            box.apt.plan((PROGRAM, newest))
        except ProgramFailed as error:
            refuse(box, newest, f"apt knows no way to install it: {error}")


def go_back_to(box: Box) -> str:
    """Return the version that a bad one would be taken back to: what is installed, once it has passed.

    It is also where what was good cannot read the database any more.
    """
    state = box.state
    is_new = state.proof is None or state.proof.level is Level.NEW
    good = state.good if is_new and state.good and not keeping.cannot_read(box, state.good) else None
    return good or state.installed or ""


def _ways_back(box: Box) -> set[str]:
    """Return the versions that a new one may be taken back to: a boot leads back to the one that is good."""
    good = box.state.good
    return {go_back_to(box), good} if good and keeping.leads_back(box, good) else {go_back_to(box)}


def _schema_later(box: Box) -> int:
    """Return the schema of the installed version where it may still become good."""
    proof = box.state.proof
    if box.state.probation is None and (proof is None or proof.level is not Level.PASSED):
        return versions.NEVER
    return box.dpkg.installed(PROGRAM)[PROGRAM].schema


def take(box: Box, version: str, taken: Taken) -> None:
    """Install a version of the daemon; it is on probation when this returns, or taken back.

    Raises:
        NotNow: nothing was begun.
    """
    before = box.state.installed or ""
    previous = go_back_to(box)
    try:
        keep(box, PROGRAM, previous)
        fetched = fetch(box, PROGRAM, version)
    except NotKept as error:
        refuse(box, version, str(error))
        return
    must = required(box)
    box.stop.check()
    service = box.systemd.service()
    watched = _probation(box, version, previous, must, service)
    earlier = box.state
    pending = Pending(box.wall(), box.boot_id, {PROGRAM: before}, {PROGRAM: version})
    box.remember(probation=watched, pending=pending)
    taken.packages.append(PROGRAM)
    try:
        install(box, fetched.files, fetched.new())
    except NotNow:
        box.remember(probation=earlier.probation, pending=None)
        raise
    except InstallationFailed as error:
        condemn(box, watched, str(error))
        return
    box.remember(installed=version, pending=None, proof=Proof(version, Level.NEW, box.boot_id))
    runs = (service.is_up or service.has_failed) and not service.is_masked
    with box.stop.put_off():
        keeping.note_reader(box, box.dpkg.installed(PROGRAM)[PROGRAM])
        # What it did to its unit is seen only now.
        fault = _start(box, service, runs=runs)
    if fault:
        condemn(box, watched, fault)
        if service.is_enabled:
            box.systemd.enable()
        return
    then = "is being watched" if runs else "will be watched once it is started"
    message = f"inviseobox {version} was installed in place of {before} and {then}"
    box.tell(UPDATE_TAKEN, message, version=version, before=before)


def _start(box: Box, before: Service, *, runs: bool) -> str:
    """Start the version that was just installed, if it `runs`; return why systemd does not, or would not at a boot."""
    after = box.systemd.service()
    if before.is_loaded and not after.is_loaded:
        return f"systemd does not understand its {UNIT}"
    if before.is_enabled and not after.is_enabled:
        return f"it disables its {UNIT}"
    try:
        if runs:
            box.systemd.restart()
    except NotStarted as error:
        return str(error)
    return ""


def _probation(box: Box, version: str, previous: str, must: Required, service: Service) -> Probation:
    return Probation(
        version=version,
        previous=previous,
        cause=Cause.UPDATE,
        boot_id=box.boot_id,
        at=box.wall(),
        required=must,
        invocation_id=service.invocation_id if service.is_up else "",
        configuration=configuration(box.places.daemon_configuration),
    )


def fetch(box: Box, package: str, version: str) -> Fetched:
    """Fetch what installing a version takes, and see that there is room for it.

    Raises:
        NotKept: it would remove something or replace it by something older; nothing is taken.
        NotNow: it cannot be had now.
    """
    try:
        steps = box.apt.plan((package, version))
    except ProgramFailed as error:
        raise NotKept(f"apt knows no way to install it: {error}") from None
    _check(box, package, steps)
    size, unpacked = box.apt.sizes(steps)
    # Fetched, kept, and unpacked beside what is there.
    room.check(box.places, 2 * size + unpacked)
    files = box.apt.download([(step.name, step.new) for step in steps], box.places.downloads)
    found = {(box.dpkg.field(file, "Package"), box.dpkg.field(file, "Version")) for file in files}
    if found != {(step.name, step.new) for step in steps}:
        raise NotNow(f"what was fetched is not {package} {version}")
    kept = [box.store.keep(file) if file.name.partition("_")[0] in OURS else file for file in files]
    return Fetched(steps, kept)


def refuse(box: Box, version: str, reason: str, package: str = PROGRAM) -> None:
    """Say that a version is not taken, in the first run that finds so."""
    trouble = Trouble("refused", version, f"{package} {version} is not taken: {reason}")
    box.remember(trouble=trouble)
    if box.known_trouble != trouble:
        box.tell(UPDATE_REFUSED, trouble.reason, version=version, reason=reason, package=package)


def _check(box: Box, package: str, steps: Sequence[Step]) -> None:
    for step in steps:
        if not step.new:
            raise NotKept(f"it would remove {step.name}")
        if step.old and box.dpkg.compare(step.new, step.old) < 0:
            raise NotKept(f"it would replace {step.name} {step.old} by the older {step.new}")
        if step.name == UPDATER and package != UPDATER:
            raise NotKept(f"it needs inviseobox-updater {step.new}, which comes first")
        if step.name == PROGRAM and package != PROGRAM:
            raise NotKept(f"it needs inviseobox {step.new}, which comes first")
