"""What the package of the keys holds, and what it refuses to hold."""

from collections.abc import Callable

import pytest

from keyring_package import NotPublishable, checked_url, source, times_of_keys

from .packets import MADE, new_packet, packet, public_key


@pytest.mark.parametrize(
    ("given", "published"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("https://example.org/apt/", "https://example.org/apt"),
        ("https://[2001:db8::1]/a_b~c%20d", "https://[2001:db8::1]/a_b~c%20d"),
    ],
)
def test_an_address_has_one_form(given: str, published: str) -> None:
    assert checked_url(given) == published
    assert f"\nURIs: {published}\n" in source(given)


@pytest.mark.parametrize(
    "given",
    ["", "example.org/apt", "ftp://example.org", "file:///srv/apt", "http://", "http://a b", "http://a\nSuites: x"]
    + [f"http://a/{character}" for character in "'\"$`;&|<>*?#\\é"],
)
def test_an_address_that_a_shell_or_apt_would_take_apart_is_refused(given: str) -> None:
    with pytest.raises(NotPublishable, match=r"REPO_URL must be like https://example.org/apt, not "):
        source(given)


def test_the_source_is_signed_by_the_shipped_keys_and_no_others() -> None:
    lines = source("https://example.org/apt").splitlines()
    assert lines == [
        "Types: deb",
        "URIs: https://example.org/apt",
        "Suites: stable",
        "Components: main",
        "Signed-By: /usr/share/keyrings/inviseobox-archive-keyring.gpg",
    ]


@pytest.mark.parametrize("length", [20, 191, 192, 300, 8383, 8384, 70000])
@pytest.mark.parametrize("form", [packet, new_packet])
def test_the_time_of_each_key_is_read_whatever_stands_beside_it(
    length: int, form: Callable[[int, bytes], bytes]
) -> None:
    beside = form(13, bytes(length))
    assert times_of_keys(public_key() + beside + public_key(MADE + 5) + beside) == [MADE, MADE + 5]


@pytest.mark.parametrize(
    ("keyring", "words"),
    [
        (b"", "empty"),
        (packet(13, b"name"), "empty"),
        (public_key() + packet(5, bytes(40)), "secret key"),
        (public_key() + packet(7, bytes(40)), "secret key"),
        (public_key() + new_packet(5, bytes(40)), "secret key"),
        (public_key() + packet(8, bytes(40)), "packet 8"),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----", "text"),
        (b"\0\0\0\x20\x01\x01\0\x02KBXf\0\0\0\0", "keybox"),
        (public_key()[:-1], "damaged"),
        (public_key() + b"\x98", "damaged"),
        (public_key() + b"\0\0", "damaged"),
        (public_key() + b"\x9b\0", "damaged"),
        (public_key() + b"\xc6\xe1", "damaged"),
    ],
)
def test_a_keyring_that_no_box_could_use_is_refused(keyring: bytes, words: str) -> None:
    with pytest.raises(NotPublishable, match=words):
        times_of_keys(keyring)
