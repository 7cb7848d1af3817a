"""A key is replaced, and boxes that were off meanwhile still update."""

import pytest

from tests.support.machine import Machine

from .bootstrapping import UPDATE, UPGRADE, Bootstrapped, complaints, version_on
from .publishing import KEYRING, RefusedError, Repository


def test_a_box_that_was_off_until_the_old_key_was_gone_still_updates(
    bootstrapped: Bootstrapped, repository: Repository
) -> None:
    first = repository.keys()
    with Machine(base=bootstrapped.machine) as always_on:
        repository.run("rotate")
        _expect_update(always_on, repository, "")
        with pytest.raises(RefusedError) as too_early:
            repository.run("retire")
        assert len(str(too_early.value).splitlines()) == 1
        repository.release("997")
        _expect_update(always_on, repository, "997")
        repository.run("retire")
        repository.release("998")
        _expect_update(always_on, repository, "998")
        # And once more, so that even the key that was the successor at first is gone.
        with Machine(base=bootstrapped.machine) as was_off:
            _expect_update(was_off, repository, "998")
            repository.run("rotate")
            repository.release("999")
            repository.run("retire")
            _expect_update(was_off, repository, "999")
        _expect_update(always_on, repository, "999")
    assert not set(first.values()) & {repository.keys()["current"], repository.keys()["successor"]}


def test_boxes_update_also_when_the_old_key_is_revoked(bootstrapped: Bootstrapped, repository: Repository) -> None:
    with Machine(base=bootstrapped.machine) as always_on, Machine(base=bootstrapped.machine) as was_off:
        repository.run("rotate", "--revoked")
        _expect_update(always_on, repository, "")
        repository.release("998")
        _expect_update(always_on, repository, "998")
        _expect_update(was_off, repository, "998")
        repository.run("retire")
        repository.release("999")
        _expect_update(always_on, repository, "999")
        _expect_update(was_off, repository, "999")


def _expect_update(box: Machine, repository: Repository, version: str) -> None:
    """Update and upgrade without a complaint of apt's, and see that `version`, if any, is installed then."""
    updated = box.run(*UPDATE)
    assert complaints(updated.stdout + updated.stderr) == []
    box.run(*UPGRADE, timeout=120)
    if version:
        assert version_on(box) == version_on(box, "inviseobox-archive-keyring") == version
    updated = box.run(*UPDATE)
    assert complaints(updated.stdout + updated.stderr) == []
    if version:
        assert box.run("sha256sum", f"/{KEYRING}").stdout.split()[0] == repository.newest_keyring
