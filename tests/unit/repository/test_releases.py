"""The fields of a Release, and which one may follow another."""

import pytest

from errors import Refused
from releases import Release, check_date, check_days, check_identity, fields, read

_DATE = 1_764_072_000  # 2025-11-25 12:00:00 UTC


def _text(suite: str = "stable") -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields(suite, _DATE, 60).items())


def test_what_is_told_is_read() -> None:
    assert read(_text()) == Release("InviseoBox", "InviseoBox", "stable", _DATE, _DATE + 60 * 86_400)
    assert "Date: Tue, 25 Nov 2025 12:00:00 UTC\n" in _text()


def test_a_release_of_somebody_else_is_refused() -> None:
    with pytest.raises(Refused, match="not one of this program's"):
        read("Origin: Debian\n")


def test_a_date_must_be_newer_than_all_that_is_published() -> None:
    before = [read(_text()), read(_text().replace("12:00:00", "13:00:00"))]
    check_date(_DATE + 3601, before)
    for date in (_DATE + 3600, _DATE):
        with pytest.raises(Refused, match=r"says Tue, 25 Nov 2025 1[23]:00:00 UTC, and .* 13:00:00 UTC: set the clock"):
            check_date(date, before)
    check_date(0, [])


def test_the_identity_must_stay() -> None:
    check_identity("stable", read(_text()))
    with pytest.raises(Refused, match="Codename beta, not stable"):
        check_identity("stable", read(_text("beta")))


@pytest.mark.parametrize(("days", "fits"), [(29, False), (30, True), (90, True), (91, False)])
def test_a_signature_is_valid_for_one_to_three_months(days: int, fits: bool) -> None:
    if fits:
        check_days(days)
    else:
        with pytest.raises(Refused):
            check_days(days)
