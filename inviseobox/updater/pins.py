"""The file of apt preferences that keeps bad versions away (apt_preferences(5)). Pure."""

from collections.abc import Collection, Mapping


def text(bad: Mapping[str, Collection[str]]) -> str:
    """Return the text of the file that refuses these versions of packages, empty where there are none."""
    raise NotImplementedError
