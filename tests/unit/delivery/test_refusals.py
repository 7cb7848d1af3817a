"""When a refusal says something about a batch, and when a batch is tried again."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.delivery.refusals import (
    FAILING_TIME,
    FAILURES,
    LONGEST_PAUSE_OF_BATCH,
    MOST_CHARACTERS,
    PROOF_TIME,
    PROOFS,
    Refusals,
)
from inviseobox.records import Batch
from inviseobox.reports.batches import digest


def batch(name: str, count: int = 1) -> Batch:
    fields = "[" + ",".join(f'{{"measurement":"{name}{number}"}}' for number in range(count)) + "]"
    return Batch(1, 1800, fields, digest(fields), count)


BAD, GOOD, MANY = batch("bad"), batch("good"), batch("many", 8)


def proven_after(refusals: Refusals, minutes: float, *, takes_others: bool = True) -> float | None:
    """Refuse the item every so many minutes, and take another in between; return when it was proven, in seconds."""
    for number in range(200):
        now = number * 60 * minutes
        if refusals.refused(BAD, now, 0.5):
            return now
        if takes_others:
            refusals.accepted(replace(GOOD, digest=f"{number}"))
    return None


@pytest.mark.parametrize("minutes", [1, 5, 20, 30])
def test_an_item_is_proven_by_five_refusals_over_an_hour_with_acceptances_in_between(minutes: float) -> None:
    after = proven_after(Refusals(), minutes)
    assert after is not None
    assert after >= PROOF_TIME + 60 * minutes, "the first refusal proves nothing by itself"
    assert after >= PROOFS * 60 * minutes
    assert after <= max(PROOF_TIME + 2 * 60 * minutes, PROOFS * 60 * minutes)


def test_a_server_that_takes_nothing_else_proves_nothing() -> None:
    assert proven_after(Refusals(), 10, takes_others=False) is None


def test_a_batch_of_several_is_never_proven() -> None:
    refusals = Refusals()
    for number in range(1000):
        assert not refusals.refused(MANY, number * 3600.0, 0.5)
        refusals.accepted(replace(GOOD, digest=f"{number}"))


def test_a_refused_batch_lets_others_pass_and_is_tried_again_in_pauses_that_grow() -> None:
    refusals, now = Refusals(), 0.0
    pauses = []
    for _ in range(12):
        refusals.refused(MANY, now, 0.5)
        assert refusals.waiting(now) == [MANY.digest]
        due = refusals.next_due(now)
        assert due is not None
        assert refusals.waiting(due) == []
        pauses.append(due - now)
        now = due
    assert pauses[:4] == [1, 2, 4, 8]
    assert pauses[-1] == LONGEST_PAUSE_OF_BATCH


def test_each_try_sends_a_part_in_the_place_of_the_whole() -> None:
    refusals = Refusals()
    assert refusals.part_of(MANY) == MANY
    refusals.refused(MANY, 0, 0.5)
    assert refusals.part_of(MANY).count == 4
    refusals.refused(MANY, 10, 0.5)
    assert refusals.part_of(MANY).count == 4
    remaining = refusals.accepted(MANY)
    assert [part.count for part in remaining] == [2, 2], "the half that was refused, in halves"
    assert refusals.part_of(MANY) == MANY, "nothing is known of it any more"


def test_a_server_that_refuses_two_batches_in_a_row_or_never_took_one_refuses_everything() -> None:
    refusals = Refusals()
    refusals.refused(BAD, 0, 0.5)
    assert refusals.refuses_everything
    refusals.accepted(GOOD)
    refusals.refused(BAD, 10, 0.5)
    refusals.refused(BAD, 20, 0.5)
    assert not refusals.refuses_everything
    refusals.refused(MANY, 30, 0.5)
    assert refusals.refuses_everything
    refusals.accepted(GOOD)
    assert not refusals.refuses_everything


@pytest.mark.parametrize(
    ("times", "seconds", "taken", "counts"),
    [
        (FAILURES, FAILING_TIME, 1, True),
        (FAILURES - 1, FAILING_TIME, 1, False),
        (FAILURES, FAILING_TIME - 1, 1, False),
        (100, 100 * FAILING_TIME, 0, False),
    ],
)
def test_trouble_counts_as_a_refusal_if_it_lasts_while_something_else_is_taken(
    times: int, seconds: float, taken: int, counts: bool
) -> None:
    refusals = Refusals()
    moments = [seconds * number / (times - 1) for number in range(times)]
    assert not any(refusals.failed(MANY, now, 7) for now in moments[:-1])
    assert refusals.failed(MANY, moments[-1], 7 + taken) is counts
    if counts:
        assert not refusals.failed(MANY, moments[-1], 7 + taken), "the next ones are counted anew"


def test_a_batch_that_stalls_is_shortened_down_to_one_item() -> None:
    refusals = Refusals()
    counts = []
    while refusals.shortened(MANY):
        counts.append(refusals.part_of(MANY).count)
    assert counts == [4, 4, 2, 2, 2, 2, 1]


def test_something_shorter_counts_only_if_it_passed_since_the_trouble_began() -> None:
    refusals = Refusals()
    refusals.failed(MANY, 0, 7)
    assert not refusals.took_less_meanwhile(MANY, 7)
    assert refusals.took_less_meanwhile(MANY, 8)


@given(st.integers(0, 2**32), st.floats(0.3, 0.9))
def test_of_two_servers_of_which_one_refuses_everything_a_good_item_is_hardly_ever_proven(
    seed: int, refusing: float
) -> None:
    """It is tried until one takes it; five refusals over an hour come before that only by a rare chance."""
    dice, refusals, now = random.Random(seed), Refusals(), 0.0  # noqa: S311
    tries = 0
    while dice.random() < refusing:
        tries += 1
        if refusals.refused(BAD, now, dice.random()):
            assert tries > PROOFS
            return
        refusals.accepted(replace(GOOD, digest=f"{tries}"))
        due = refusals.next_due(now)
        assert due is not None
        now = due
    refusals.accepted(BAD)


def test_batches_that_are_no_more_are_forgotten_in_the_end() -> None:
    refusals = Refusals()
    for number in range(10_100):
        refusals.refused(replace(BAD, digest=f"{number}"), number, 0.5)
    assert len(refusals._suspects) == 10_000


def held(refusals: Refusals) -> int:
    characters = sum(suspect.search.characters for suspect in refusals._suspects.values())
    assert refusals._held == characters
    return characters


@pytest.mark.parametrize("how", ["refused", "failed", "shortened"])
def test_what_is_held_of_batches_is_bounded_in_characters(how: str) -> None:
    """A server that answers for weeks and takes nothing meets a new batch with each window, and the old ones again."""
    refusals, most = Refusals(), 0
    batches = [batch(f"{number:04}" + "x" * 100, 700) for number in range(300)]
    for number, one in enumerate([each for each in batches for _ in range(3)]):
        if how == "refused":
            refusals.refused(one, number, 0.5)
        elif how == "failed":
            refusals.failed(one, number, 0)
        else:
            refusals.shortened(one)
        assert held(refusals) <= MOST_CHARACTERS
        most = max(most, held(refusals))
        assert one.digest in refusals._suspects, "the one at hand goes on"
    assert most > 0.9 * MOST_CHARACTERS
    assert batches[0].digest not in refusals._suspects, "the one known longest goes first"
    assert len(refusals._refused_since) <= 2


def test_single_items_stay_with_their_proofs_when_large_batches_are_forgotten() -> None:
    refusals = Refusals()
    now = 0.0
    for number in range(PROOFS):
        assert not refusals.refused(BAD, now, 0.5)
        refusals.accepted(replace(GOOD, digest=f"{number}"))
        now += PROOF_TIME
    for number in range(300):
        refusals.refused(batch(f"{number:04}" + "x" * 100, 700), now, 0.5)
    assert refusals.refused(BAD, now, 0.5)


def test_single_items_are_bounded_in_characters_too() -> None:
    refusals = Refusals()
    for number in range(200):
        refusals.refused(batch(f"{number:04}" + "x" * 100_000), number, 0.5)
    assert 0.9 * MOST_CHARACTERS < held(refusals) <= MOST_CHARACTERS


def test_trouble_that_does_not_count_leaves_the_batch_whole_and_due() -> None:
    refusals = Refusals()
    for number in range(FAILURES - 1):
        assert not refusals.failed(MANY, number * FAILING_TIME, 7 + number)
    assert refusals.part_of(MANY) == MANY
    assert refusals.waiting(0) == []
    assert refusals.next_due(0) is None
