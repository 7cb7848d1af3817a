"""The suite in the source of apt (deb822 format: sources.list(5)). Pure."""

import re

from .errors import SourcesError

_FIELD = re.compile(r"(?im)^(Suites[ \t]*:)[^\n]*(?:\n(?:[ \t#][^\n]*))*")


def with_suite(text: str, suite: str) -> str:
    """Return the text of a .sources file, with this suite in the first field Suites. Raises SourcesError."""
    found = _FIELD.search(text)
    if not found:
        raise SourcesError("it has no line Suites:")
    return f"{text[: found.start()]}{found.group(1)} {suite}{text[found.end() :]}"
