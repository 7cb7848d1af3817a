"""Which keys sign and which ones boxes hold while a key is replaced."""

import pytest

from errors import Failed, Refused
from roles import (
    Roles,
    check_continuity,
    check_rotatable,
    current_revoked,
    is_pending,
    old_revoked,
    read,
    retired,
    rotated,
    stolen,
    written,
)

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


def test_the_key_that_is_revoked_is_one_that_signs() -> None:
    during = rotated(_FIRST, "C")
    assert [stolen(_FIRST, told) for told in ("", "A")] == ["A", "A"]
    assert [stolen(during, told) for told in ("A", "B")] == ["A", "B"]
    assert stolen(old_revoked(during), "") == "B"
    for roles, told, line in (
        (during, "", "two keys sign, A, which .*, and B: name the stolen one, .* REVOKED=A or .* REVOKED=B$"),
        (_FIRST, "B", "B does not sign yet: first make repo-rotate, then make repo-rotate REVOKED=B$"),
        (during, "C", "C does not sign yet: first make repo-retire, then make repo-rotate, then .* REVOKED=C$"),
        (old_revoked(during), "A", "A is revoked already.* make repo-retire$"),
        (_FIRST, "X", "X is none of those that sign: make repo-rotate REVOKED=A$"),
    ):
        with pytest.raises(Refused, match=line):
            stolen(roles, told)


def test_the_old_key_goes_on_where_the_current_one_is_revoked() -> None:
    during = rotated(_FIRST, "C")
    after = current_revoked(during, "D")
    assert (after.signers, after.keyring, after.trusted) == (("A", "C"), ("A", "C", "D"), ("A", "C", "D"))
    for trusted in (_FIRST.trusted[:1], during.trusted):
        check_continuity(after.signers, after.keyring, trusted)
    assert retired(after) == Roles("C", "D")


def test_one_key_at_a_time_is_replaced() -> None:
    check_rotatable(_FIRST)
    with pytest.raises(Refused, match="the key A is still on its way out"):
        check_rotatable(rotated(_FIRST, "C"))
    with pytest.raises(Refused, match="no key is on its way out"):
        retired(_FIRST)


def test_boxes_know_one_of_the_keys_that_sign() -> None:
    check_continuity(("A",), ("A", "B"), ())
    check_continuity(("C", "B"), ("C", "B", "D"), ("A", "B"))
    with pytest.raises(Refused, match="boxes know the repository by A and B"):
        check_continuity(("C",), ("C", "D"), ("A", "B"))


def test_boxes_hold_the_key_that_comes_next() -> None:
    for during in (_FIRST, rotated(_FIRST, "C"), rotated(_FIRST, "C", revoked=True)):
        check_continuity(during.signers, during.keyring, _FIRST.trusted)
    after = retired(rotated(_FIRST, "C"))
    check_continuity(after.signers, after.keyring, rotated(_FIRST, "C").trusted)
    with pytest.raises(Refused, match="the key B, which boxes hold as the next one, is not here"):
        check_continuity(("A",), ("A", "X"), ("A", "B"))


def test_a_change_that_was_written_down_and_not_published_is_known() -> None:
    during = rotated(_FIRST, "C")
    assert not is_pending(_FIRST, _FIRST.trusted)
    for after in (during, old_revoked(during)):
        assert is_pending(after, _FIRST.trusted)
        assert not is_pending(after, after.trusted)
    assert is_pending(retired(during), during.trusted)


def test_what_is_written_is_read() -> None:
    for roles in (_FIRST, rotated(_FIRST, "C", revoked=True)):
        assert read(written(roles)) == roles
    for text in ("", "[]", "{}", '{"current": "A"}', b"\xff\xfe"):
        with pytest.raises(Failed, match=r"roles\.json"):
            read(text)
