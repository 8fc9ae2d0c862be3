"""Damage in transit is always noticed, and named where possible."""

import hashlib
from datetime import timedelta

import pytest

from tests.samples.usg import cases
from usage.usg import Code, Sessions, Severity, read

pytestmark = pytest.mark.plain

SMALL = cases.made(cases.HEADER, Sessions())
HEADER_END = 22 + int.from_bytes(SMALL[10:14], "big")


def test_every_flipped_bit_is_noticed() -> None:
    expected = cases.expected()
    for at in range(len(SMALL)):
        for bit in range(8):
            data = bytearray(SMALL)
            data[at] ^= 1 << bit
            assert read(data, expected).outcome is Severity.REJECT, (at, bit)


def test_a_cut_at_any_length_is_noticed_and_named() -> None:
    expected = cases.expected()
    for length in range(1, len(SMALL)):
        reading = read(SMALL[:length], expected)
        assert [found.code for found in reading.problems] == [Code.LENGTH_SHORT], length
        assert (reading.header is not None) is (length >= HEADER_END), length


def test_a_cut_file_still_says_which_file_it_was() -> None:
    reading = read(cases.good()[:-100], cases.expected())
    assert reading.header == cases.HEADER
    assert reading.day is None


def test_anything_appended_is_noticed() -> None:
    for tail in (b"\x00", b"\n", b"\r\n", b"\x1a", SMALL):
        reading = read(SMALL + tail, cases.expected())
        assert [found.code for found in reading.problems] == [Code.LENGTH_LONG]


def test_the_hash_is_of_the_whole_file_whatever_is_wrong() -> None:
    for data in (b"", b"x", SMALL[:30], SMALL, SMALL + b"x", bytes(1000)):
        reading = read(data, cases.expected())
        assert reading.sha256 == hashlib.sha256(data).digest()
        assert reading.size == len(data)


@pytest.mark.parametrize(
    "changed",
    [
        SMALL.replace(b"\r\n", b"\n"),
        SMALL.replace(b"\n", b"\r\n"),
        SMALL.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
    ],
)
def test_a_transfer_in_text_mode_is_named(changed: bytes) -> None:
    codes = [found.code for found in read(changed, cases.expected()).problems]
    assert codes == [Code.MAGIC_TEXT_MODE]


def test_a_text_with_accents_is_still_text() -> None:
    for text in ("Größe;Zahl\n".encode("latin-1"), "größe\n".encode(), b"{}"):
        [problem] = read(text, cases.expected()).problems
        assert problem.code is Code.FILE_PLAIN_TEXT


def test_lengths_that_lie_are_never_believed() -> None:
    for declared in (0, 1, 133, 2**40, 2**64 - 1):
        reading = read(cases.prelude(14, declared.to_bytes(8, "big")), cases.expected())
        assert reading.outcome is Severity.REJECT
    for header_length in (2**31, 2**32 - 1, 16_384):
        wrong = cases.prelude(10, header_length.to_bytes(4, "big"))
        reading = read(wrong, cases.expected())
        assert reading.outcome is Severity.REJECT
        assert reading.header is None


def test_several_things_wrong_are_all_reported() -> None:
    wrong = bytearray(cases.prelude(9, b"\x07") + b"more")
    codes = {found.code for found in read(wrong, cases.expected()).problems}
    assert codes == {Code.SUITE_UNKNOWN, Code.LENGTH_LONG}


def test_a_held_file_with_a_broken_body_is_refused() -> None:
    broken = cases.entries(users=["ada", "ada", "grace"])
    reading = read(broken, cases.expected(is_trusted=lambda *_: False))
    codes = [found.code for found in reading.problems]
    assert codes == [Code.SIGNER_UNKNOWN, Code.TEXT_REPEATED]
    assert reading.outcome is Severity.REJECT


def test_without_the_key_the_signature_and_the_time_are_still_judged() -> None:
    early = cases.expected(received_at=cases.HEADER.opened_at - timedelta(days=1))
    codes = [found.code for found in read(cases.sealed_to_other(), early).problems]
    assert codes == [Code.KEY_UNKNOWN, Code.CLOCK_AHEAD]
    forged = bytearray(cases.sealed_to_other())
    forged[-1] ^= 1
    codes = [found.code for found in read(forged, early).problems]
    assert codes == [Code.KEY_UNKNOWN, Code.SIGNATURE_INVALID]


def test_nothing_is_decrypted_or_asked_for_another_tenant() -> None:
    def never(*_: object) -> None:
        raise AssertionError

    expected = cases.expected(tenant="C-2", opening_key=never, is_trusted=never)
    [problem] = read(cases.good(), expected).problems
    assert problem.code is Code.TENANT_OTHER


def test_data_that_is_not_contiguous_is_the_callers_mistake() -> None:
    with pytest.raises(TypeError):
        read(memoryview(SMALL)[::2], cases.expected())
