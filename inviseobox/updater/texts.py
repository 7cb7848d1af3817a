"""Texts that others wrote, made harmless. Pure."""

MOST = 200


def clean(value: object, most: int = MOST) -> str:
    """Make one line of at most `most` printable characters; empty where it is not a text."""
    if not isinstance(value, str):
        return ""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in value[:most]).strip()
