"""What a repository has to remember beside its indexes, and its text in repository.json. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from errors import Failed
from suites import SUITES, Content, Phase, Suite

NAME = "repository.json"
KEPT = 10
"""How many generations of the indexes of a suite are kept, for boxes that hold an older InRelease."""


@dataclass(frozen=True)
class Generation:
    """What one InRelease leads to, as paths in the folder: indexes by their hash, and the package files they name."""

    indexes: tuple[str, ...]
    packages: tuple[str, ...]


@dataclass(frozen=True)
class State:
    """What is published, or is about to be where a run was stopped.

    `dates` are those of each suite's InRelease, in seconds since 1970; `generations` begin with the newest; `trusted`
    are the fingerprints of the keys by which boxes know the repository; `known` tells until when they know each key, by
    its fingerprint and the ID of its part, None if for ever; `url` is its address, or empty.
    """

    content: Content = field(default_factory=Content)
    dates: Mapping[str, int] = field(default_factory=dict)
    generations: Mapping[str, tuple[Generation, ...]] = field(default_factory=dict)
    trusted: tuple[str, ...] = ()
    url: str = ""
    known: Mapping[str, Mapping[str, int | None]] = field(default_factory=dict)


def with_newest(generations: tuple[Generation, ...], newest: Generation) -> tuple[Generation, ...]:
    """Return the generations to keep; one that only has a new date and new signatures is none."""
    return (newest, *(one for one in generations if one != newest))[:KEPT]


def needed(state: State) -> set[str]:
    """Return the paths of all files to which a kept generation leads."""
    return {
        path
        for generations in state.generations.values()
        for generation in generations
        for path in (*generation.indexes, *generation.packages)
    }


def written(state: State) -> str:
    """Return the text of a state, which is the same for the same state."""
    content = state.content
    suites = {
        name: {
            "versions": suite.versions,
            "phase": {"version": suite.phase.version, "percent": suite.phase.percent} if suite.phase else None,
            "date": state.dates[name],
            "generations": [
                {"indexes": one.indexes, "packages": one.packages} for one in state.generations.get(name, ())
            ],
        }
        for name, suite in content.suites.items()
    }
    value = {
        "suites": suites,
        "files": content.files,
        "withdrawn": content.withdrawn,
        "trusted": state.trusted,
        "url": state.url,
        "known": state.known,
    }
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def read(text: str | bytes) -> State:
    """Return the state that a text tells of.

    Raises:
        Failed: it is not what `written` made.
    """
    try:
        value = json.loads(text)
        suites = {name: value["suites"][name] for name in SUITES}
        offered = {version for suite in suites.values() for version in suite["versions"]}
        return State(
            Content(
                {name: Suite(tuple(suite["versions"]), _phase(suite["phase"])) for name, suite in suites.items()},
                {version: dict(value["files"][version]) for version in sorted(offered)},
                tuple(value["withdrawn"]),
            ),
            {name: suite["date"] for name, suite in suites.items()},
            {
                name: tuple(Generation(tuple(one["indexes"]), tuple(one["packages"])) for one in suite["generations"])
                for name, suite in suites.items()
            },
            tuple(value["trusted"]),
            value["url"],
            # A folder that was published by an older program tells nothing of it.
            {key: dict(reach) for key, reach in value.get("known", {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failed(f"{NAME} is damaged ({error}): take it back from a copy of the folder") from None


def _phase(value: dict[str, Any] | None) -> Phase | None:
    return Phase(value["version"], value["percent"]) if value else None
