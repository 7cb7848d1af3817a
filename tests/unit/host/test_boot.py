"""What names this run of the kernel, inside the unit and outside."""

from pathlib import Path

import pytest

from inviseobox.host import boot
from inviseobox.host.boot import boot_id

UNIT = Path(__file__).parents[3] / "systemd/inviseobox.service"


def test_the_unit_tells_what_it_hides() -> None:
    unit = UNIT.read_text().splitlines()
    assert "ProcSubset=pid" in unit
    assert "Environment=INVISEOBOX_BOOT_ID=%b" in unit
    assert boot_id({"INVISEOBOX_BOOT_ID": "from the unit"}) == "from the unit"


def test_outside_of_the_unit_the_kernel_tells() -> None:
    assert boot_id({}) == Path("/proc/sys/kernel/random/boot_id").read_text().strip() != ""


def test_where_nothing_tells_no_two_runs_are_taken_for_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(boot, "_BOOT_ID", tmp_path / "missing")
    assert len({boot_id({}), boot_id({}), ""}) == 3
