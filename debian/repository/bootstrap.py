"""How a new box comes to trust the repository: the script, and the two commands that fetch, check and run it.

The script depends on the keys and the address alone, so its SHA-256 may be printed on paper: it changes with the keys.
"""

import base64
import html
from pathlib import Path

from keyring_package import KEYRING, SOURCE, checked_url, source, times_of_keys

SCRIPT = "bootstrap.sh"
"""What the script is called in the folder."""

_TEMPLATE = Path(__file__).with_name("bootstrap.sh.in")
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>InviseoBox</title></head>
<body>
<h1>InviseoBox</h1>
<p>Packages for Debian 12, 13 and the next one. On a new box, as root:</p>
<pre>{commands}</pre>
<p>then:</p>
<pre>apt install inviseobox</pre>
<p>Compare the SHA-256 with the one that you were given in another way than by this page.</p>
<div lang="fr">
<p>Paquets pour Debian 12, 13 et la suivante. Sur une nouvelle box, en tant que root :</p>
<pre>{commands}</pre>
<p>puis :</p>
<pre>apt install inviseobox</pre>
<p>Comparez le SHA-256 avec celui qui vous a été donné autrement que par cette page.</p>
</div>
</body>
</html>
"""


def script(url: str, keyring: bytes) -> str:
    """Return the shell script that a new box runs, with the keyring and the source in it.

    Raises:
        NotPublishable: the address or the keyring could not be used by a box.
    """
    values = {
        "URL": checked_url(url),
        "KEYRING_FILE": KEYRING,
        "SOURCE_FILE": SOURCE,
        "KEYS_MADE": str(max(times_of_keys(keyring))),
        "SOURCE": source(url).rstrip("\n"),
        "KEYRING": base64.encodebytes(keyring).decode("ascii").rstrip("\n"),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def commands(url: str, sha256: str) -> str:
    """Return the commands that make a bare Debian trust the repository, with what they are for in both languages."""
    first, second = _two_commands(url, sha256)
    return (
        "On a new box, as root / Sur une nouvelle box, en tant que root :\n\n"
        f"    {first}\n    {second}\n\n"
        "then / puis :\n\n"
        "    apt install inviseobox\n"
    )


def page(url: str, sha256: str) -> str:
    """Return the page that a browser shows for the folder."""
    return _PAGE.format(commands=html.escape("\n".join(_two_commands(url, sha256))))


def _two_commands(url: str, sha256: str) -> tuple[str, str]:
    # With -O a second try replaces what the first one left, instead of standing beside it unused.
    fetch = f"wget -O {SCRIPT} {checked_url(url)}/{SCRIPT}"
    return fetch, f"echo '{sha256}  {SCRIPT}' | sha256sum -c && sh {SCRIPT}"
