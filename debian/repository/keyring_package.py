"""What inviseobox-archive-keyring holds: the keys of a repository, and where apt finds it.

    keyring_package.py URL KEYRING DIRECTORY

puts both below DIRECTORY, for debian/rules. Neither is in the source: they belong to whoever publishes.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from errors import Refused

KEYRING = "/usr/share/keyrings/inviseobox-archive-keyring.gpg"
SOURCE = "/etc/apt/sources.list.d/inviseobox.sources"

_PUBLIC_KEY, _PUBLIC_SUBKEY, _SECRET_KEYS = 6, 14, (5, 7)
_SIGNATURE, _USER_ID, _USER_ATTRIBUTE = 2, 13, 17
_ALLOWED = (_PUBLIC_KEY, _PUBLIC_SUBKEY, _SIGNATURE, _USER_ID, _USER_ATTRIBUTE)
_ADDRESS = re.compile(r"https?://[A-Za-z0-9\[][A-Za-z0-9.:_~%+/\[\]-]*")


class NotPublishable(Refused):
    """An address or a keyring that no box could use; the message says what would be right. Nothing is built."""


def checked_url(url: str) -> str:
    """Return `url` in the one form in which it is published, without a slash at its end.

    Raises:
        NotPublishable: it is not an http or https address, or has characters that a shell or apt would take apart.
    """
    if not _ADDRESS.fullmatch(url):
        raise NotPublishable(f"REPO_URL must be like https://example.org/apt, not {url!r}")
    return url.rstrip("/")


def source(url: str) -> str:
    """Return the text of the deb822 source, sources.list(5), for the repository at `url`.

    It depends on nothing else: a conffile that changed with the version would ask a question at the upgrade of a box
    whose owner chose another suite in it.

    Raises:
        NotPublishable: as `checked_url`.
    """
    fields = {
        "Types": "deb",
        "URIs": checked_url(url),
        "Suites": "stable",
        "Components": "main",
        "Signed-By": KEYRING,
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def times_of_keys(keyring: bytes) -> list[int]:
    """Return when each key of the keyring was made, in seconds since 1970, in the keyring's order.

    Raises:
        NotPublishable: it is not what `gpg --export` writes, or not all of it is public.
    """
    if keyring[8:12] == b"KBXf" or keyring.startswith(b"-----"):
        form = "a keybox" if keyring[8:12] == b"KBXf" else "text"
        raise NotPublishable(f"the keyring is {form}: it must be what gpg --export writes without --armor")
    times = []
    for tag, body in _packets(keyring):
        if tag in _SECRET_KEYS:
            raise NotPublishable("the keyring holds a secret key: it must be what gpg --export writes")
        if tag not in _ALLOWED:
            raise NotPublishable(f"the keyring holds a packet {tag}: it must hold public keys and nothing else")
        if tag == _PUBLIC_KEY:
            # RFC 9580, 5.5.2: a version, then the time.
            times.append(int.from_bytes(body[1:5]))
    if not times:
        raise NotPublishable("the keyring is empty: it must hold the public keys of the repository")
    return times


def _packets(keyring: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each packet (RFC 9580, 4.2)."""
    place = 0
    while place < len(keyring):
        head = keyring[place]
        if head & 0x40:
            tag, sized = head & 0x3F, _new_length(keyring[place + 1 : place + 6])
        else:
            tag, sized = head >> 2 & 0xF, _old_length(head & 3, keyring[place + 1 : place + 5])
        if not head & 0x80 or sized is None or place + 1 + sum(sized) > len(keyring):
            raise NotPublishable("the keyring is damaged: it must be what gpg --export writes")
        size_bytes, length = sized
        start = place + 1 + size_bytes
        place = start + length
        yield tag, keyring[start:place]


def _new_length(size: bytes) -> tuple[int, int] | None:
    """Return how many bytes tell the length, and the length; None if it is told in pieces, which keys never are."""
    first = size[0] if size else 0
    if len(size) > 0 and first < 192:
        return 1, first
    if len(size) >= 2 and first < 224:
        return 2, (first - 192 << 8) + size[1] + 192
    if len(size) >= 5 and first == 255:
        return 5, int.from_bytes(size[1:5], "big")
    return None


def _old_length(kind: int, size: bytes) -> tuple[int, int] | None:
    """Return as `_new_length` does, for the older form of packets; `kind` 3 has no length."""
    count = 1 << kind
    return None if kind == 3 or len(size) < count else (count, int.from_bytes(size[:count]))


def _write(url: str, keyring: Path, directory: Path) -> None:
    text = source(url)
    keys = keyring.read_bytes()
    times_of_keys(keys)
    for path, content in ((KEYRING, keys), (SOURCE, text.encode())):
        file = directory / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


if __name__ == "__main__":
    try:
        _write(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except (NotPublishable, OSError) as error:
        sys.exit(f"inviseobox-archive-keyring: {error}")
