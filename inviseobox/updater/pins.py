"""The file of apt preferences that keeps bad versions away (apt_preferences(5)). Pure."""

from collections.abc import Collection, Mapping

_HEAD = """\
# Versions that did not do their work on this box and were taken back. inviseobox-updater(8) writes this file; to try
# them again: inviseobox-updater retry
"""


def text(bad: Mapping[str, Collection[str]]) -> str:
    """Return the text of the file that refuses these versions of packages, empty where there are none."""
    stanzas = [
        f"Package: {package}\nPin: version {version}\nPin-Priority: -1\n"
        for package in sorted(bad)
        for version in sorted(bad[package])
    ]
    return _HEAD + "\n".join(stanzas) if stanzas else ""
