"""The simulated quantities move as the demonstration and the tests need them to."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.simulator.meters import metering_site
from inviseobox.simulator.sensor_page import cold_room_document
from inviseobox.simulator.signals import Counter, Wave

THREE_DAYS = 3 * 24 * 3600


@given(st.floats(0, THREE_DAYS))
def test_a_wave_stays_within_its_swing_and_is_a_pure_function_of_time(t: float) -> None:
    wave = Wave(12.0, 5.0, 47.0, 0.3)
    assert 7.0 <= wave(t) <= 17.0
    assert wave(t) == Wave(12.0, 5.0, 47.0, 0.3)(t)


@given(st.floats(0, 1000), st.floats(0.1, 100))
def test_a_counter_counts_what_its_flow_moves(t: float, duration: float) -> None:
    flow = Wave(12.0, 5.0, 47.0, 0.3)
    counted = Counter(1000.0, flow, 2.0)(t + duration) - Counter(1000.0, flow, 2.0)(t)
    steps = 2000
    moved = sum(flow(t + duration * (step + 0.5) / steps) for step in range(steps)) * duration / steps
    assert counted == pytest.approx(2 * moved, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("unit", [1, 2, 3])
def test_an_energy_register_grows_every_second_on_the_wire_for_days(unit: int) -> None:
    meter = next(meter for meter in metering_site() if meter.unit == unit)
    energy = meter.register("energy")

    def read(t: float) -> float:
        return energy.encoding.value(energy.encoding.words(energy.signal(t)))

    for day in (0, THREE_DAYS - 60):
        values = [read(day + second) for second in range(60)]
        assert all(later > earlier for earlier, later in pairwise(values))


def test_windows_of_three_seconds_are_never_alike() -> None:
    for register in (register for meter in metering_site() for register in meter.registers):
        if register.encoding.value_class == "FLOAT32":
            windows = [[register.signal(3 * window + at) for at in (0.2, 1.2, 2.2)] for window in range(20)]
            for aggregate in (min, max, sum):
                assert len({aggregate(window) for window in windows}) == 20


def test_the_sensor_page_moves() -> None:
    documents = [cold_room_document(t) for t in range(0, 60, 3)]
    assert len({document["temp1"] for document in documents}) > 10
    assert len({document["hum1"] for document in documents}) > 10
    pulses = [document["pulses"] for document in documents]
    assert all(later > earlier for earlier, later in pairwise(pulses))
