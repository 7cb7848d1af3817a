"""RTU frames, by the MODBUS over Serial Line Specification and Implementation Guide V1.02."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inviseobox.simulator.rtu_frame import character_time, crc16, opened, sealed, silent_interval


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        pytest.param("02 07", 0x1241, id="the specification's figure of the CRC's placement"),
        pytest.param("31 32 33 34 35 36 37 38 39", 0x4B37, id="the check value of CRC-16/MODBUS"),
        pytest.param("", 0xFFFF, id="nothing"),
        pytest.param("01 03 00 00 00 0A", 0xCDC5, id="a read of ten registers"),
    ],
)
def test_crc16_has_the_known_values(data: str, crc: int) -> None:
    assert crc16(bytes.fromhex(data)) == crc


def test_the_low_byte_of_the_checksum_comes_first() -> None:
    assert sealed(2, b"\x07") == bytes.fromhex("02 07 41 12")


@given(st.integers(0, 255), st.binary(min_size=1, max_size=253))
def test_a_sealed_frame_can_be_opened(unit: int, pdu: bytes) -> None:
    assert opened(sealed(unit, pdu)) == (unit, pdu)


@given(st.integers(0, 255), st.binary(min_size=1, max_size=253), st.data())
def test_a_single_flipped_bit_is_seen(unit: int, pdu: bytes, data: st.DataObject) -> None:
    frame = bytearray(sealed(unit, pdu))
    position = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[position // 8] ^= 1 << position % 8
    assert opened(bytes(frame)) is None


def test_a_frame_has_4_to_256_bytes() -> None:
    assert opened(crc16(b"\x01").to_bytes(2, "little")) is None
    assert opened(b"\x01" + crc16(b"\x01").to_bytes(2, "little")) is None
    assert opened(sealed(1, bytes(253))) == (1, bytes(253))
    assert opened(sealed(1, bytes(254))) is None


def test_times_of_characters_and_silences_follow_the_baud_rate() -> None:
    assert character_time(9600) == 11 / 9600
    assert silent_interval(9600) == pytest.approx(0.00401, abs=0.00001)
    assert silent_interval(115_200) == 0.00175
    assert (character_time(None), silent_interval(None)) == (0, 0)
