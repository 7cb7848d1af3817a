"""What apt says is wrong, in one line."""

import pytest

from inviseobox.updater.apt_output import complaint

_NOT_SIGNED = "The repository 'http://box.example stable InRelease' is not signed"
_EARLY = "Release file for http://box.example is not valid yet (invalid for another 59min 3s)."


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ("", "apt said nothing"),
        ("W: a small thing\nE: a large\tthing\nE: another", "a large thing"),
        ("W: a small thing", "a small thing"),
        (f"W: a small thing\nE: {_NOT_SIGNED}.", f"{_NOT_SIGNED}."),
        (
            f"W: OpenPGP signature verification failed: http://box.example: Missing key 42\nE: {_NOT_SIGNED}.",
            f"{_NOT_SIGNED}: OpenPGP signature verification failed: http://box.example: Missing key 42",
        ),
        (
            f"W: GPG error: http://box.example: NO_PUBKEY 42\nE: {_NOT_SIGNED}.",
            f"{_NOT_SIGNED}: GPG error: http://box.example: NO_PUBKEY 42",
        ),
        (f"E: {_EARLY}", f"{_EARLY} (is the clock of this machine right?)"),
    ],
)
def test_the_cause_is_in_the_line(errors: str, said: str) -> None:
    assert complaint(errors) == said
