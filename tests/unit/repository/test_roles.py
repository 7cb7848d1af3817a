"""Which keys sign and which ones boxes hold while a key is replaced."""

import pytest

from errors import Failed, Refused
from roles import Roles, check_continuity, check_rotatable, old_revoked, read, retired, rotated, written

_FIRST = Roles("A", "B")


def test_a_rotation_overlaps() -> None:
    assert (_FIRST.signers, _FIRST.keyring) == (("A",), ("A", "B"))
    during = rotated(_FIRST, "C")
    assert (during.signers, during.keyring) == (("A", "B"), ("A", "B", "C"))
    after = retired(during)
    assert (after.signers, after.keyring) == (("B",), ("B", "C"))
    assert after == Roles("B", "C")


@pytest.mark.parametrize("during", [rotated(_FIRST, "C", revoked=True), old_revoked(rotated(_FIRST, "C"))])
def test_a_revoked_key_signs_no_more_and_stays_in_the_keyring_until_it_is_retired(during: Roles) -> None:
    assert (during.signers, during.keyring, during.trusted) == (("B",), ("A", "B", "C"), ("B", "C"))
    assert retired(during) == Roles("B", "C")


def test_one_key_at_a_time_is_replaced() -> None:
    check_rotatable(_FIRST)
    with pytest.raises(Refused, match="the key A is still on its way out"):
        check_rotatable(rotated(_FIRST, "C"))
    with pytest.raises(Refused, match="no key is on its way out"):
        retired(_FIRST)


def test_boxes_know_one_of_the_keys_that_sign() -> None:
    check_continuity(("A",), ())
    check_continuity(("C", "B"), ("A", "B"))
    with pytest.raises(Refused, match="boxes know the repository by A and B"):
        check_continuity(("C",), ("A", "B"))


def test_what_is_written_is_read() -> None:
    for roles in (_FIRST, rotated(_FIRST, "C", revoked=True)):
        assert read(written(roles)) == roles
    for text in ("", "[]", "{}", '{"current": "A"}', b"\xff\xfe"):
        with pytest.raises(Failed, match=r"roles\.json"):
            read(text)
