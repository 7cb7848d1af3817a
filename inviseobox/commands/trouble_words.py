"""The sentence of a trouble, in the language of the user, from what status.json or the daemon tells of it.

The daemon has fewer rights than a reader may have: whatever stands there is only shown.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from inviseobox.commands.retold import retold
from inviseobox.health import sentences
from inviseobox.translation import _
from inviseobox.untrusted import clean_text

DEVICE, MEASUREMENT = "INVISEOBOX_DEVICE_ID", "INVISEOBOX_MEASUREMENT_ID"
"""The fields that name them by their ids."""
_IN_BRACES = re.compile(r"\{(\w+)\}")
_FIELD = "INVISEOBOX_"
_MOST = 2000
"""Characters of a text that is shown whole: a cause may hold words of the server, a subject ten names."""
_NAMES = ("device", "link", "unit", "addresses", "measurement", "page", "task", "file", "window")


def subject(trouble: Mapping[str, Any]) -> str:
    """Name what does not work."""
    given = trouble.get("fields")
    given = given if isinstance(given, dict) else {}
    about = {name: _harmless(given.get(_FIELD + name.upper())) for name in _NAMES}
    try:
        form = sentences.subject_form(str(trouble.get("kind")), is_one_measurement=bool(about["measurement"]))
    except KeyError:
        form = ""
    if form and all(about[name] for name in _IN_BRACES.findall(form)):
        return _(form).format(**about)
    # A daemon of another version knows more kinds, or tells other fields.
    return _harmless(trouble.get("subject"))


def cause(trouble: Mapping[str, Any]) -> str:
    """Say why it does not work."""
    return retold(_harmless(trouble.get("cause")))


def causes(troubles: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], str]:
    """Return the cause of the first trouble of each device and measurement, by DEVICE or MEASUREMENT and the id."""
    found: dict[tuple[str, str], str] = {}
    for trouble in troubles:
        fields = trouble.get("fields")
        for field in (MEASUREMENT, DEVICE):
            named = fields.get(field) if isinstance(fields, dict) else None
            for identity in named.split(", ") if isinstance(named, str) else ():
                found.setdefault((field, identity), cause(trouble))
    return found


def summary(trouble: Mapping[str, Any]) -> str:
    """Say what does not work, and why."""
    return _("{where}: {problem}").format(where=subject(trouble), problem=cause(trouble))


def advice(trouble: Mapping[str, Any]) -> str:
    """Say what to do about it, where its kind tells; empty otherwise."""
    try:
        text = sentences.usual_advice(str(trouble.get("kind")))
    except KeyError:
        return ""
    return _(text) if text else ""


def _harmless(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= _MOST and value.isprintable() else clean_text(value)
