"""What apt says is wrong, in one line."""

import pytest

from inviseobox.updater.apt_output import complaint, damaged_index, unmet

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


def test_a_damaged_index_is_found_wherever_apt_names_it() -> None:
    errors = (
        "E: Encountered a section with no Package: header\n"
        "E: Problem with MergeList /var/lib/apt/lists/127.0.0.1:80_dists_stable_main_binary-all_Packages\n"
        "E: The package lists or status file could not be parsed or opened.\n"
    )
    damaged = damaged_index(complaint(errors))
    assert damaged == "127.0.0.1:80_dists_stable_main_binary-all_Packages"
    assert damaged_index("Could not connect to 127.0.0.1:80") == ""


def test_what_a_version_lacks_is_named() -> None:
    output = (
        "Some packages could not be installed.\n\nThe following packages have unmet dependencies:\n"
        " inviseobox : Depends: python3-nowhere but it is not installable\n"
    )
    assert unmet(output) == "Depends: python3-nowhere but it is not installable"
    assert unmet("Reading package lists...\n") == ""
