"""A version that only a part of the boxes is offered, and one that is taken back."""

import hashlib
from collections.abc import Sequence

from tests.support.machine import Machine
from tests.support.other_version import version_of

from .bootstrapping import OURS, UPDATE, UPGRADE, Bootstrapped, complaints, version_on
from .publishing import Repository

_BOXES = [hashlib.sha256(f"box {number}".encode()).hexdigest()[:32] for number in range(200)]
"""Machine-ids, machine-id(5)."""
_OFFERED = """
while read -r id; do
    if apt-get upgrade --simulate -o APT::Machine-ID="$id" -o Dir::Cache=/var/cache/phases "$@" |
        grep -q '^Inst inviseobox '; then echo "$id"; fi
done
"""


def test_a_phase_admits_its_part_of_the_boxes_and_raising_it_only_adds(
    bootstrapped: Bootstrapped, repository: Repository
) -> None:
    repository.publish("999")
    repository.run("promote", "--phase", "10")
    with Machine(base=bootstrapped.machine) as box:
        at_10 = _offered(box)
        assert 0.05 * len(_BOXES) <= len(at_10) <= 0.16 * len(_BOXES)
        # The keys are for all boxes at once.
        (outside, *_) = (one for one in _BOXES if one not in at_10)
        planned = box.run(*UPGRADE, "--simulate", *OURS, "-o", f"APT::Machine-ID={outside}").stdout
        assert "Inst inviseobox-archive-keyring " in planned
        repository.run("phase", "50")
        at_50 = _offered(box)
        assert at_10 < at_50
        assert 0.4 * len(_BOXES) <= len(at_50) <= 0.6 * len(_BOXES)
        repository.run("phase", "100")
        last = [one for one in _BOXES if one not in at_50][:20]
        assert _offered(box, last) == set(last)


def test_a_box_on_a_withdrawn_version_gets_the_replacement(bootstrapped: Bootstrapped, repository: Repository) -> None:
    good = version_of(repository.package)
    with Machine(base=bootstrapped.machine) as on_it, Machine(base=bootstrapped.machine) as not_on_it:
        repository.release("998")
        _update_and_upgrade(on_it)
        assert version_on(on_it) == "998"
        repository.run("withdraw", "998")
        for box, version in ((on_it, "998"), (not_on_it, good)):
            _update_and_upgrade(box)
            assert version_on(box) == version
        repository.release("999")
        for box in (on_it, not_on_it):
            _update_and_upgrade(box)
            assert version_on(box) == "999"


def _update_and_upgrade(box: Machine) -> None:
    updated = box.run(*UPDATE)
    assert complaints(updated.stdout + updated.stderr) == []
    box.run(*UPGRADE, timeout=120)


def _offered(box: Machine, machine_ids: Sequence[str] = _BOXES) -> set[str]:
    """Return which of the boxes with these machine-ids are offered an upgrade of the program."""
    box.run(*UPDATE)
    box.run("mkdir", "--parents", "/var/cache/phases")
    done = box.run("sh", "-c", _OFFERED, "sh", *OURS, text="\n".join([*machine_ids, ""]), timeout=300)
    return set(done.stdout.split())
