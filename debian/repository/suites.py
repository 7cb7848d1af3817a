"""Which versions stand in which suite, and what may become of them. Pure.

A version goes to beta, then to stable, there first to a part of the boxes where it is phased. Apt never goes back to a
lower version: what is withdrawn is only followed by something higher.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from errors import Refused
from versions import ascending, is_lower, newest, without_epoch

SUITES = ("beta", "stable")
"""In the order in which they are published."""


@dataclass(frozen=True)
class Phase:
    """A version that only `percent` of the boxes take, each box for itself (Phased-Update-Percentage, apt)."""

    version: str
    percent: int


@dataclass(frozen=True)
class Suite:
    """The versions of a suite in ascending order, and which of them is being phased."""

    versions: tuple[str, ...] = ()
    phase: Phase | None = None


@dataclass(frozen=True)
class Content:
    """What is offered: the suites, the SHA-256 of each package file by version and name; and what was withdrawn."""

    suites: Mapping[str, Suite] = field(default_factory=lambda: {name: Suite() for name in SUITES})
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    withdrawn: tuple[str, ...] = ()


def published(content: Content, version: str, files: Mapping[str, str]) -> Content:
    """Return the content with the package files of `version`: in beta, and in stable too if it is the first one.

    `files` maps the name of each file to its SHA-256. A version that is there already may gain files.

    Raises:
        Refused: bytes that differ from those published, or a version that is not higher than what boxes may have.
    """
    known = content.files.get(version, {})
    for name, digest in files.items():
        if known.get(name, digest) != digest:
            raise Refused(
                f"{name} differs from the one that is published as {version}, and boxes may have that: "
                "write a new version in debian/changelog"
            )
    _check_above_withdrawn(content, version)
    for other in (*content.files, *content.withdrawn):
        if other != version and without_epoch(other) == without_epoch(version):
            raise Refused(
                f"the files of {version} are called as those of {other}, which have no epoch in their names either: "
                "write another version in debian/changelog"
            )
    if not known:
        is_first = not content.files and not content.withdrawn
        for name in SUITES if is_first else ("beta",):
            highest = newest(content.suites[name].versions)
            if highest is not None and not is_lower(highest, version):
                raise Refused(
                    f"{version} is not higher than {highest} in {name}: write a higher version in debian/changelog"
                )
            content = _with_version(content, name, version)
    return replace(content, files={**content.files, version: {**known, **files}})


def promoted(content: Content, version: str | None, percent: int | None) -> Content:
    """Return the content with a version of beta, its newest one unless named, in stable for `percent` of the boxes.

    Raises:
        Refused: it is not in beta, stable is beyond it, or what stable has is still being phased.
    """
    beta, stable = content.suites["beta"], content.suites["stable"]
    version = version or newest(beta.versions)
    if version is None:
        raise Refused("beta is empty: publish a version first, with make repo")
    if version in stable.versions:
        return _promoted_again(content, version, percent)
    if version not in beta.versions:
        raise Refused(f"{version} is not in beta, which has {_listed(beta.versions)}: publish it first, with make repo")
    _check_above_withdrawn(content, version)
    if stable.phase:
        raise Refused(
            f"{stable.phase.version} is still being phased in stable, at {stable.phase.percent} %, and a box outside "
            f"gets neither: first make repo-phase PERCENT=100 or make repo-withdraw VERSION={stable.phase.version}"
        )
    highest = newest(stable.versions)
    if highest is not None and not is_lower(highest, version):
        raise Refused(
            f"{version} is not higher than {highest} in stable, from which no box goes back: promote a higher version"
        )
    return _phase_set(_with_version(content, "stable", version), version, 100 if percent is None else percent)


def phased(content: Content, percent: int) -> Content:
    """Return the content with the newest version of stable for `percent` of the boxes.

    Raises:
        Refused: fewer boxes than before, which could take it from no box that has it.
    """
    stable = content.suites["stable"]
    version = newest(stable.versions)
    if version is None:
        raise Refused("stable is empty: promote a version first, with make repo-promote")
    before = stable.phase.percent if stable.phase else 100
    if percent < before:
        raise Refused(
            f"{version} is at {before} % in stable, and a phase is only raised: to take it back, "
            f"make repo-withdraw VERSION={version}"
        )
    return _phase_set(content, version, percent)


def withdrawn(content: Content, version: str) -> Content:
    """Return the content without a version, which no box is offered from then on; a box that has it keeps it.

    Raises:
        Refused: it is in no suite.
    """
    if version in content.withdrawn:
        return content
    if version not in content.files:
        there = tuple(content.files)
        raise Refused(f"{version} is in no suite, there are {_listed(there)}: name one of them")
    suites = {
        name: Suite(
            tuple(one for one in suite.versions if one != version),
            None if suite.phase and suite.phase.version == version else suite.phase,
        )
        for name, suite in content.suites.items()
    }
    files = {one: names for one, names in content.files.items() if one != version}
    return Content(suites, files, ascending((*content.withdrawn, version)))


def _promoted_again(content: Content, version: str, percent: int | None) -> Content:
    phase = content.suites["stable"].phase
    now = phase.percent if phase and phase.version == version else 100
    wanted = 100 if percent is None else percent
    if wanted == now:
        return content
    advice = f"to raise that, make repo-phase PERCENT={wanted}" if wanted > now else "a phase is only raised"
    raise Refused(f"{version} is in stable already, at {now} %: {advice}")


def _check_above_withdrawn(content: Content, version: str) -> None:
    bad = newest(content.withdrawn)
    if bad is not None and not is_lower(bad, version):
        raise Refused(
            f"{version} is not higher than {bad}, which was withdrawn and which boxes may have: "
            "write a higher version in debian/changelog"
        )


def _with_version(content: Content, name: str, version: str) -> Content:
    suite = content.suites[name]
    suite = replace(suite, versions=ascending((*suite.versions, version)))
    return replace(content, suites={**content.suites, name: suite})


def _phase_set(content: Content, version: str, percent: int) -> Content:
    phase = Phase(version, percent) if percent < 100 else None
    stable = replace(content.suites["stable"], phase=phase)
    return replace(content, suites={**content.suites, "stable": stable})


def _listed(versions: tuple[str, ...]) -> str:
    return ", ".join(ascending(versions)) or "none"
