"""What a key is by gpg's listing, and whether boxes accept what it signs. Real keys are tried with the program."""

import pytest

from key_strength import Key, as_known, can_sign, is_within, keys, reach, shortest, weakness

_NOW = 1_764_072_000
_YEAR = 365 * 86_400


def _listing(
    head: str = "pub:u:255:22:AAAA:1764000000:::u:::scSC:::::ed25519:::0:",
    signatures: str = "sig:::22:AAAA:1764000000::::Somebody:13x::F:::8:",
    subkey: str = "",
) -> str:
    return f"tru::1:1\n{head}\nfpr:::::::::F:\nuid:u::::1::H::Somebody::::::::::0:\n{signatures}\n{subkey}"


def _weakness(listing: str) -> str | None:
    (key,) = keys(listing)
    return weakness(key, _NOW)


def test_a_key_of_ed25519_is_strong() -> None:
    (key,) = keys(_listing())
    assert (key.fingerprint, key.revoked) == ("F", False)
    assert weakness(key, _NOW) is None


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("pub:u:3072:1:AAAA:1:::u:::scSC:::::::0:", None),
        ("pub:u:3071:1:AAAA:1:::u:::scSC:::::::0:", "it is RSA of 3071 bits, less than 3072"),
        ("pub:u:2048:17:AAAA:1:::u:::scSC:::::::0:", "it is DSA"),
        ("pub:u:256:19:AAAA:1:::u:::scSC:::::nistp256:::0:", None),
        ("pub:u:256:19:AAAA:1:::u:::scSC:::::secp256k1:::0:", "it is of the curve secp256k1"),
        (f"pub:u:255:22:AAAA:1:{_NOW + _YEAR}::u:::scSC:::::ed25519:::0:", None),
        (f"pub:u:255:22:AAAA:1:{_NOW + _YEAR - 1}::u:::scSC:::::ed25519:::0:", "it expires in 364 days"),
        (f"pub:u:255:22:AAAA:1:{_NOW}::u:::scSC:::::ed25519:::0:", "it has expired"),
        ("pub:r:255:22:AAAA:1:::u:::sc:::::ed25519:::0:", "it is revoked"),
    ],
)
def test_what_stricter_boxes_refuse_is_weak(head: str, expected: str | None) -> None:
    assert _weakness(_listing(head)) == expected


def test_the_newest_signature_of_the_key_itself_counts() -> None:
    old = "sig:::22:AAAA:1::::Somebody:13x::F:::2:"
    new = "sig:::22:AAAA:2::::Somebody:13x::F:::8:"
    foreign = "sig:::22:BBBB:3::::Other:10x::G:::2:"
    assert _weakness(_listing(signatures=f"{old}\n{new}\n{foreign}")) is None
    assert (
        _weakness(_listing(signatures=f"{new}\n{old.replace(':1::::', ':3::::')}"))
        == "it is bound by a signature with SHA1"
    )


def test_a_subkey_counts_if_it_signs() -> None:
    subkey = "sub:u:2048:1:CCCC:1::::::{use}::::::23:\nfpr:::::::::S:\nsig:::22:AAAA:1::::Somebody:18x::F:::8:\n"
    assert _weakness(_listing(subkey=subkey.format(use="e"))) is None
    assert _weakness(_listing(subkey=subkey.format(use="s"))) == "it is RSA of 2048 bits, less than 3072"


def test_several_keys_are_told_apart() -> None:
    listing = _listing() + _listing("sec:u:255:22:BBBB:1:::u:::scSC:::::ed25519:::0:").replace(":F:", ":G:")
    assert [key.fingerprint for key in keys(listing)] == ["F", "G"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("pub:u:255:22:AAAA:1:::u:::scSC:::::ed25519:::0:", True),
        ("pub:r:255:22:AAAA:1:::u:::sc:::::ed25519:::0:", False),
        (f"pub:u:255:22:AAAA:1:{_NOW + 1}::u:::scSC:::::ed25519:::0:", True),
        (f"pub:e:255:22:AAAA:1:{_NOW}::u:::sc:::::ed25519:::0:", False),
        ("pub:u:255:22:AAAA:1:::u:::cC:::::ed25519:::0:", False),
    ],
    ids=["good", "revoked", "nearly expired", "expired", "certifies only"],
)
def test_a_key_signs_until_it_has_expired_or_is_revoked(head: str, expected: bool) -> None:
    (key,) = keys(_listing(head))
    assert can_sign(key, _NOW) is expected


def _with_subkey(until: str, subkey_until: str, use: str = "s", validity: str = "u") -> Key:
    (key,) = keys(
        _listing(
            f"pub:u:255:22:AAAA:1:{until}::u:::scSC:::::ed25519:::0:",
            subkey=f"sub:{validity}:255:22:CCCC:1:{subkey_until}:::::{use}:::::ed25519::\nfpr:::::::::S:\n",
        )
    )
    return key


def test_a_key_reaches_as_far_as_each_part_that_counts() -> None:
    assert reach(_with_subkey("5", "")) == {"AAAA": 5, "CCCC": None}
    assert reach(_with_subkey("", "5", "e")) == reach(_with_subkey("", "5", validity="r")) == {"AAAA": None}


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"AAAA": 5, "CCCC": 7}, True),
        ({"AAAA": 6, "CCCC": None}, True),
        ({"AAAA": 5, "CCCC": 7, "DDDD": None}, True),
        ({"AAAA": 4, "CCCC": 7}, False),
        ({"AAAA": 5, "CCCC": 6}, False),
        ({"AAAA": 5}, False),
    ],
)
def test_a_key_that_was_prolonged_or_has_another_part_reaches_further(
    known: dict[str, int | None], expected: bool
) -> None:
    assert is_within(_with_subkey("5", "7"), known) is expected


def test_a_key_that_never_expires_reaches_further_than_one_that_does() -> None:
    assert not is_within(_with_subkey("", "7"), {"AAAA": 5, "CCCC": 7})
    assert is_within(_with_subkey("", ""), {"AAAA": None, "CCCC": None})


def test_the_shortest_form_counts_for_all_boxes() -> None:
    known = {"AAAA": 5, "CCCC": None, "DDDD": 6}
    assert shortest(known, _with_subkey("", "7")) == {"AAAA": 5, "CCCC": 7, "DDDD": 6}
    seen = as_known(_with_subkey("", "7"), {"AAAA": 5})
    assert [(part.key_id, part.expires) for part in seen.parts] == [("AAAA", 5)]
