"""ok, partial, dead."""

import pytest

from inviseobox.delivery.device_status import device_status, measurement_status


@pytest.mark.parametrize(
    ("good", "reads", "status"),
    [(10, 10, "ok"), (9, 10, "partial"), (1, 10, "partial"), (0, 10, "dead"), (0, 1, "dead")],
)
def test_a_measurement_by_its_reads(good: int, reads: int, status: str) -> None:
    assert measurement_status(good, reads) == status


@pytest.mark.parametrize(
    ("measurements", "status"),
    [
        (["ok"], "ok"),
        (["ok", "ok"], "ok"),
        (["dead", "dead"], "dead"),
        (["partial"], "partial"),
        (["ok", "dead"], "partial"),
        (["dead", "ok", "partial"], "partial"),
        (["dead", "partial"], "partial"),
        (["ok", "partial"], "partial"),
    ],
)
def test_a_device_by_its_measurements(measurements: list[str], status: str) -> None:
    entries = [{"_id": f"m{number}", "status": state} for number, state in enumerate(measurements)]
    assert device_status("d", entries) == {"_id": "d", "status": status, "measurements": entries}
