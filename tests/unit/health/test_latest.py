"""The last value of each measurement and the share of its good reads, however its readings came together."""

from array import array

from hypothesis import given
from hypothesis import strategies as st

from inviseobox.health.latest import Latest, LatestReadings
from inviseobox.records import FAILED, Readings
from tests.support.buffers import series

ALL = [series(name) for name in "abcd"]
GROUPS = [tuple(ALL), (ALL[0], ALL[1]), (ALL[1],), (ALL[2], ALL[3]), ()]
VALUES = st.sampled_from([1.0, 2.5, -3.0, 1e308, FAILED])
ROUNDS = st.lists(st.tuples(st.sampled_from(range(len(GROUPS))), st.lists(VALUES, min_size=4, max_size=4)), max_size=30)


@given(ROUNDS, st.sets(st.integers(0, 30)), st.sets(st.integers(0, 30)))
def test_what_is_known_is_the_same_whenever_somebody_looks(
    rounds: list[tuple[int, list[float]]], looks: set[int], windows: set[int]
) -> None:
    """Beside a count of one reading after the other."""
    latest, plain = LatestReadings(), dict[str, Latest]()
    for number, (chosen, values) in enumerate(rounds):
        group, at = GROUPS[chosen], 1000.0 + number
        is_good = latest.note(Readings(group, array("d", values[: len(group)])), at)
        assert is_good == any(value == value for value in values[: len(group)])
        for one, value in zip(group, values, strict=False):
            known = plain.setdefault(one.measurement, Latest())
            known.reads += 1
            known.answers = value == value
            if known.answers:
                known.value, known.at = value, at
                known.good += 1
        if number in looks:
            assert latest.by_id() == plain
        if number in windows:
            latest.begin_window()
            for known in plain.values():
                known.good = known.reads = 0
    assert latest.by_id() == plain
    latest.keep_only({"a", "b"})
    assert latest.by_id() == {name: known for name, known in plain.items() if name in "ab"}
