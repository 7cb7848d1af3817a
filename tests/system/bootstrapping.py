"""A new box and the commands that its owner was given."""

import re
import subprocess
from dataclasses import dataclass

from tests.support.machine import Machine

from .publishing import Repository

OURS = ("-o", "Dir::Etc::sourcelist=sources.list.d/inviseobox.sources", "-o", "Dir::Etc::sourceparts=/dev/null")
"""Options with which apt looks at our source alone."""
UPDATE = ("apt-get", "update", *OURS, "-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any")
UPGRADE = ("apt-get", "upgrade", "--yes")


@dataclass(frozen=True)
class Bootstrapped:
    """A machine that is off, and what each command did that set it up: fetch, run, install."""

    machine: Machine
    steps: list[subprocess.CompletedProcess[str]]


def two_commands(repository: Repository) -> list[str]:
    """Return the commands of the repository that fetch and run the script, as a person copies them, in /root."""
    told = repository.run("bootstrap")
    found = re.findall(r"(?m)^    (wget .+|echo .+)$", told)
    assert len(found) == 2, told
    return [f"cd /root && {command}" for command in found]


def complaints(output: str) -> list[str]:
    """Return apt's errors, warnings and notices."""
    return re.findall(r"(?m)^(?:E|W|N|Warning|Error|Notice|Err)\b.*$", output)


def version_on(box: Machine, package: str = "inviseobox") -> str:
    """Return which version of a package is installed."""
    return box.run("dpkg-query", "--show", "--showformat=${Version}", package).stdout
