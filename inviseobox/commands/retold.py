"""What other parts of the program say in English, told in the language of the user: found by its pattern."""

import re
from collections.abc import Iterator
from functools import cache

from inviseobox.commands.known_texts import KNOWN
from inviseobox.errors import ConfigurationError, InviseoBoxError
from inviseobox.translation import _, is_translated, of_the_system

WHOLE = frozenset({"baudrate", "bits", "code", "count", "least", "most", "seconds", "status", "unit", "wanted"})
"""Names of fields that hold a number."""
RETOLD = frozenset({"answer", "cause", "reason", "value"})
"""Names of fields that may hold another of the known texts, or one of libc."""
_NUMBER = r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?"
_FIELD = re.compile(r"\{(\w+)\}")
_MOST = 2000
"""Characters of a text that is looked for; a longer one is none of ours."""


def retold(text: str) -> str:
    """Return one of the known texts, or of libc, in the language of the user; any other as it is."""
    return _found(text) if is_translated() and 0 < len(text) <= _MOST else text


def error_text(error: InviseoBoxError) -> str:
    """Return the line of an error in the language of the user."""
    if isinstance(error, ConfigurationError):
        where = joined(error.source, error.key) if error.key else error.source
        return joined(where, retold(error.problem))
    return retold(str(error))


def joined(where: str, what: str) -> str:
    """Return where something is and what is there, with the colon as the language of the user has it."""
    return _("{where}: {problem}").format(where=where, problem=what)


def _found(text: str) -> str:
    for sentence, pattern in _patterns():
        if match := pattern.fullmatch(text):
            fields = match.groupdict()
            told = {name: _found(value) if name in RETOLD else value for name, value in fields.items()}
            return _(sentence).format(**told)
    return of_the_system(text)


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return the known texts, each with its pattern; those that say the most themselves come first."""
    ordered = sorted(KNOWN, key=lambda sentence: -len(_FIELD.sub("", sentence)))
    return tuple((sentence, re.compile("".join(_parts(sentence)))) for sentence in ordered)


def _parts(sentence: str) -> Iterator[str]:
    seen: set[str] = set()
    for place, part in enumerate(_FIELD.split(sentence)):
        if place % 2 == 0:
            yield re.escape(part)
        elif part in seen:
            yield f"(?P={part})"
        else:
            seen.add(part)
            yield f"(?P<{part}>{_NUMBER if part in WHOLE else '.+?'})"
