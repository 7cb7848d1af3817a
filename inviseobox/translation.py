"""The sentences for people, in the language of whoever reads them, by Python's gettext.

The language is found as gettext(3) finds it: in LC_ALL, else LC_MESSAGES, else LANG; LANGUAGE may name others before
that, unless the locale is C. Catalogs lie in TEXTDOMAINDIR (gettext(1)), else where the package puts them; the source
is locale/fr.po. Without a catalog the sentences stay as they are, in English.
"""

import errno
import gettext
import os
import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from itertools import takewhile

DOMAIN = "inviseobox"
DIRECTORY = "/usr/share/locale"


def _(sentence: str) -> str:
    """Return the sentence in the language of the user; what stands in braces is filled in afterwards."""
    return _catalog(_languages(os.environ), _directory(os.environ)).gettext(sentence)


def marked(sentence: str) -> str:
    """Return the sentence as it is. It gets into the catalogs, for a command that passes it to `_` later."""
    return sentence


def of_the_system(text: str) -> str:
    """Return what libc says of an error (strerror(3)) in the language of the user; any other text as it is.

    By libc's own catalog, where that is installed (package libc-l10n), and not by setlocale(3): programs read the
    English text.
    """
    if text not in _errors():
        return text
    return _catalog(_languages(os.environ), _directory(os.environ), "libc").gettext(text)


def is_translated() -> bool:
    """Whether there is a catalog in the language of the user."""
    return type(_catalog(_languages(os.environ), _directory(os.environ))) is not gettext.NullTranslations


def translate_argparse() -> None:
    """Let argparse find its own words in our catalogs: it looks in whichever domain is the current one."""
    if is_translated():
        gettext.bindtextdomain(DOMAIN, _directory(os.environ))
        gettext.textdomain(DOMAIN)


def _languages(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the languages that the user reads, the best first; none where the locale is C, in any encoding.

    English, in which the sentences are, ends them: no catalog of a further language is to take its place.
    """
    locale = next(filter(None, (environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "C")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return ()
    wanted = (environment.get("LANGUAGE") or locale).split(":")
    return tuple(takewhile(lambda name: not re.match(r"(en|C|POSIX)\b|en_", name), wanted))


def _directory(environment: Mapping[str, str]) -> str:
    return environment.get("TEXTDOMAINDIR") or DIRECTORY


@lru_cache(maxsize=1)
def _errors() -> frozenset[str]:
    return frozenset(map(os.strerror, errno.errorcode))


@lru_cache(maxsize=4)
def _catalog(languages: tuple[str, ...], directory: str, domain: str = DOMAIN) -> gettext.NullTranslations:
    if not languages:
        return gettext.NullTranslations()
    try:
        return gettext.translation(domain, directory, languages, fallback=True)
    except (OSError, ValueError, IndexError, struct.error):
        # A catalog that is damaged or of another kind costs the language, not the command.
        return gettext.NullTranslations()
