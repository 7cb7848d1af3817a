"""Faults as what they are: from a request and the right replies to the replies that go out."""

import pytest

from inviseobox.simulator.fault_choice import Script, Sometimes, Times, Touching
from inviseobox.simulator.faults import (
    Deformed,
    Holes,
    Late,
    ReadLimit,
    Refuse,
    Silent,
    Slow,
    Twice,
    WrongPdu,
    WrongUnit,
)
from inviseobox.simulator.modbus_reply import Asked, Fault, Replies, Reply
from inviseobox.simulator.modbus_units import ModbusUnits
from inviseobox.simulator.noise import truncated

READ = bytes.fromhex("03 0064 0004")
RIGHT = bytes.fromhex("03 08 0001 0002 0003 0004")


def units() -> ModbusUnits:
    image = {3: {100 + offset: 1 + offset for offset in range(4)}, 4: {100: 9}}
    return ModbusUnits({1: lambda: image, 2: lambda: image}, clock=lambda: 1000.0)


def replies(*faults: Fault, request: bytes = READ) -> Replies:
    link = units()
    link.set_faults(1, *faults)
    return link.replies(1, request)


def refusal(code: int, function_code: int = 3) -> bytes:
    return bytes([function_code | 0x80, code])


def test_a_unit_without_faults_answers_right_and_at_once() -> None:
    assert replies() == (Reply(1, RIGHT),)


def test_nobody_answers_for_a_unit_that_is_not_there() -> None:
    link = units()
    link.set_faults(3, Twice())
    assert link.replies(3, READ) == ()
    assert link.asked == [Asked(3, READ, 1000.0)]


def test_replies_may_be_left_out_delayed_and_repeated() -> None:
    assert replies(Silent()) == ()
    assert replies(Slow(0.5), Slow(0.25)) == (Reply(1, RIGHT, delay=0.75),)
    assert replies(Late(2)) == (Reply(1, RIGHT, delay=2, holds=False, counts=False),)
    assert replies(Twice()) == (Reply(1, RIGHT), Reply(1, RIGHT, counts=False))
    assert replies(Twice(3)) == (Reply(1, RIGHT), Reply(1, RIGHT, delay=3, holds=False, counts=False))


def test_a_refusal_is_an_exception_to_the_function_asked_for() -> None:
    assert [reply.pdu for reply in replies(Refuse(6))] == [refusal(6)]
    assert [reply.pdu for reply in replies(Refuse(4), request=bytes.fromhex("04 0064 0001"))] == [refusal(4, 4)]


@pytest.mark.parametrize(
    ("request_pdu", "is_refused"),
    [
        ("03 0064 0004", True),
        ("03 0066 0001", True),
        ("03 0064 0002", False),
        ("03 0067 0001", False),
        ("04 0064 0001", False),
    ],
)
def test_a_hole_is_refused_in_every_read_that_touches_it(request_pdu: str, is_refused: bool) -> None:
    request = bytes.fromhex(request_pdu)
    (reply,) = replies(Holes({102}, 3), request=request)
    assert (reply.pdu == refusal(2)) is is_refused
    assert (replies(Touching({102}, Silent(), 3), request=request) == ()) is is_refused


def test_a_hole_is_in_every_table() -> None:
    (reply,) = replies(Holes({100}, code=4), request=bytes.fromhex("04 0064 0001"))
    assert reply.pdu == refusal(4, 4)


def test_long_reads_are_refused_or_not_answered() -> None:
    short = bytes.fromhex("03 0064 0003")
    assert [reply.pdu for reply in replies(ReadLimit(3))] == [refusal(3)]
    assert replies(ReadLimit(3, None)) == ()
    assert len(replies(ReadLimit(3, None), request=short)) == 1
    assert replies(ReadLimit(3), request=short)[0].pdu[0] == 3


@pytest.mark.parametrize(
    ("fault", "pdu"),
    [
        (WrongPdu("function"), "04 08 0001 0002 0003 0004"),
        (WrongPdu("byte count"), "03 0A 0001 0002 0003 0004"),
        (WrongPdu("short"), "03 06 0001 0002 0003"),
        (WrongPdu("long"), "03 0A 0001 0002 0003 0004 55AA"),
    ],
)
def test_wrong_pdus_do_not_fit_the_request_and_do_not_count(fault: WrongPdu, pdu: str) -> None:
    assert replies(fault) == (Reply(1, bytes.fromhex(pdu), counts=False),)


def test_answers_of_another_unit_do_not_count() -> None:
    assert replies(WrongUnit()) == (Reply(2, RIGHT, counts=False),)
    assert replies(WrongUnit(9))[0].unit == 9


def test_faults_are_applied_in_their_order_those_of_the_link_last() -> None:
    link = units()
    link.set_faults(1, Refuse(6), Twice())
    link.set_faults(None, Slow(1))
    assert [(reply.pdu, reply.delay) for reply in link.replies(1, READ)] == [(refusal(6), 1), (refusal(6), 1)]
    assert [(reply.pdu, reply.delay) for reply in link.replies(2, READ)] == [(RIGHT, 1)]
    link.set_faults(1)
    assert link.replies(1, READ) == (Reply(1, RIGHT, delay=1),)
    link.clear_faults()
    assert link.replies(2, READ) == (Reply(2, RIGHT),)


def test_a_fault_of_a_unit_may_last_for_the_next_requests_only() -> None:
    link = units()
    link.set_faults(1, Times(2, Refuse(5)))
    assert [link.replies(1, READ)[0].pdu for _ in range(3)] == [refusal(5), refusal(5), RIGHT]


def test_a_script_of_faults_is_followed_request_by_request() -> None:
    link = units()
    link.set_faults(1, Script(Silent(), None, Slow(1)))
    assert [len(link.replies(1, READ)) for _ in range(2)] == [0, 1]
    assert [link.replies(1, READ)[0].delay for _ in range(2)] == [1, 0]


def test_faults_by_chance_are_the_same_each_time() -> None:
    def hits(seed: int) -> list[bool]:
        link = units()
        link.set_faults(1, Sometimes(0.3, Silent(), seed))
        return [not link.replies(1, READ) for _ in range(200)]

    assert hits(1) == hits(1) != hits(2)
    assert 30 < sum(hits(1)) < 90


def test_only_what_a_reader_should_take_counts_as_served() -> None:
    served: list[bytes] = []
    link = ModbusUnits({1: lambda: {3: {0: 7}}}, served=lambda unit, request, response: served.append(response))
    request = bytes.fromhex("03 0000 0001")
    for fault in (Deformed(truncated()), Late(1), WrongUnit(), Twice(1)):
        link.set_faults(1, fault)
        for reply in link.replies(1, request):
            link.going_out(reply, request)
    assert served == [bytes.fromhex("03 02 0007")]
