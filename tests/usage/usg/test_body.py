"""The body of a genuine file is untrusted input."""

import tracemalloc

import msgspec
import pytest
import zstandard

from tests.samples.usg import cases
from usage.usg import Code, body, columns, frame, read
from usage.usg.limits import DEFAULT_LIMITS
from usage.usg.problems import Problem

pytestmark = pytest.mark.plain

SETS = b"".join(
    (
        b"\x87",
        *(
            msgspec.msgpack.encode(name) + msgspec.msgpack.encode(value)
            for name, value in msgspec.msgpack.decode(cases.PLAIN).items()
            if name in body.COLUMNS
        ),
        msgspec.msgpack.encode("licence_sets"),
    )
)


def decompressed(packed: bytes) -> bytes | Problem:
    return frame.decompress(packed, most=1 << 20, window=8 << 20)


def codes_of(data: bytes) -> list[Code]:
    return [found.code for found in read(data, cases.expected()).problems]


@pytest.mark.parametrize(
    ("plain", "code"),
    [
        (b"", Code.FRAME_INVALID),
        (b"\x87", Code.BODY_CUT),
        (b"\xdf\xff\xff\xff\xff", Code.BODY_MALFORMED),
        (b"\x86" + cases.PLAIN[1:], Code.BODY_MALFORMED),
        (b"\x88" + cases.PLAIN[1:], Code.BODY_MALFORMED),
        (b"\x87\xc4\x04user", Code.BODY_MALFORMED),
        (b"\x87\xa4user\xc6\xff\xff\xff\xff", Code.BODY_CUT),
        (b"\x87\xa4user\xc9\xff\xff\xff\xff\x01", Code.BODY_EXTENSION),
        (b"\x87\xa4user\xa4abcd", Code.BODY_MALFORMED),
        (b"\x87\xa4\xff\xfe\xfd\xfc", Code.TEXT_INVALID),
        (SETS + b"\xdd\xff\xff\xff\xff", Code.COUNT_TOO_LARGE),
        (SETS + b"\x91\xdd\x00\x02\x00\x01", Code.COUNT_TOO_LARGE),
        (SETS + b"\x91\x91\x01", Code.BODY_MALFORMED),
        (SETS + b"\x91\x91\xa2\xed\xa0", Code.TEXT_INVALID),
        (SETS + b"\x91\x91\xd9\xff", Code.BODY_CUT),
        (cases.USERS + b"\x91\xa2\xed\xa0", Code.TEXT_INVALID),
        (cases.USERS + b"\x91\x05", Code.BODY_MALFORMED),
        (cases.USERS + b"\x91\x91\xa0", Code.BODY_MALFORMED),
        (cases.USERS + b"\xdc\xff\xff\xa1a", Code.BODY_CUT),
        (cases.USERS + b"\x90\x90", Code.BODY_TRAILING),
    ],
)
def test_a_map_of_another_shape_is_refused(plain: bytes, code: Code) -> None:
    assert codes_of(cases.plain(plain)) == [code]


def test_a_duplicate_entry_has_no_room() -> None:
    twice = cases.PLAIN + msgspec.msgpack.encode("user") + b"\xc4\x00"
    assert codes_of(cases.plain(b"\x88" + twice[1:])) == [Code.BODY_MALFORMED]
    found = list(msgspec.msgpack.decode(cases.PLAIN).items())
    swapped = msgspec.msgpack.encode(dict([found[1], found[0], *found[2:]]))
    assert codes_of(cases.plain(swapped)) == [Code.BODY_ENTRY]


def test_long_markers_are_as_good_as_short_ones() -> None:
    long = cases.PLAIN.replace(b"\xa4user", b"\xd9\x04user", 1)
    assert codes_of(cases.plain(long)) == []


def test_all_columns_and_texts_are_looked_at_before_answering() -> None:
    wrong = cases.entries(
        user=b"\xff" * 16,
        licences=b"\xff" * 8,
        login=b"\xff" * 16,
        logout=b"\xfe\xff\xff\xff" * 4,
        flags=b"\xff" * 4,
        users=["", "x" * 400, "x" * 400],
        licence_sets=[["k", "k"], ["l" * 129]],
    )
    assert codes_of(wrong) == [
        Code.TEXT_TOO_LONG,
        Code.TEXT_INVALID,
        Code.TEXT_TOO_LONG,
        Code.TEXT_REPEATED,
        Code.TEXT_REPEATED,
        Code.USER_INDEX,
        Code.LICENCE_INDEX,
        Code.LOGOUT_BEFORE_LOGIN,
        Code.LOGOUT_AFTER_CLOSE,
        Code.FLAGS_UNKNOWN,
        Code.FLAGS_CONTRADICT,
    ]


def test_the_first_wrong_row_is_named_and_the_rest_counted() -> None:
    wrong = cases.column("user", 0, 9, 8, 2, width=4)
    [problem] = read(wrong, cases.expected()).problems
    assert problem.where == "body.user[1]"
    assert problem.params == {"row": 1, "value": 9, "rows": 2}


def test_more_sessions_than_any_server_has_are_refused_unopened() -> None:
    data = cases.with_header(cases.fields(sessions=2**40))
    assert codes_of(data) == [Code.COUNT_TOO_LARGE]
    data = cases.with_header(cases.fields(sessions=1_000_000))
    assert set(codes_of(data)) == {Code.COLUMN_LENGTH}


def test_rare_letters_in_a_name_are_no_reason_to_refuse() -> None:
    names = ["a\u00a0b", "\u0645\u06cc\u200c\u062e", "e\u0301"]
    assert codes_of(cases.entries(users=names)) == []


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"\x28\xb5\x2f\xfd",
        b"{}",
        cases.PACKED[:-1] + bytes([cases.PACKED[-1] ^ 0xFF]) + b"",
        cases.PACKED[:10],
    ],
)
def test_a_broken_frame_is_refused(packed: bytes) -> None:
    found = decompressed(packed)
    assert not isinstance(found, Problem) or found.code is Code.FRAME_INVALID


@pytest.mark.parametrize("tail", [b"\x00", cases.PACKED, b"\x5f\x2a\x4d\x18\0\0\0\0"])
def test_nothing_may_follow_the_frame(tail: bytes) -> None:
    found = decompressed(cases.PACKED + tail)
    assert isinstance(found, Problem)
    assert found.code is Code.FRAME_TRAILING


FOUR = len(cases.PLAIN).to_bytes(4, "little")
BLOCK = (len(cases.PLAIN) << 3 | 1).to_bytes(3, "little") + cases.PLAIN


@pytest.mark.parametrize(
    "start",
    [
        b"\xa0" + FOUR,
        b"\xa1\x00" + FOUR,
        b"\xa2\x00\x00" + FOUR,
        b"\xa3\x00\x00\x00\x00" + FOUR,
        b"\xb0" + FOUR,
        b"\x80\x68" + FOUR,
    ],
)
def test_a_dictionary_number_0_and_the_unused_bit_mean_nothing(start: bytes) -> None:
    assert codes_of(cases.around(b"\x28\xb5\x2f\xfd" + start + BLOCK)) == []


def test_a_checksum_may_be_there_and_must_be_right() -> None:
    packed = zstandard.ZstdCompressor(write_checksum=True).compress(cases.PLAIN)
    assert codes_of(cases.around(packed)) == []
    wrong = packed[:-1] + bytes([packed[-1] ^ 1])
    assert codes_of(cases.around(wrong)) == [Code.FRAME_INVALID]


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"\x80\xff" + FOUR, Code.FRAME_WINDOW),
        (b"\x80\xb0" + FOUR, Code.FRAME_WINDOW),
        (b"\x80\x69" + FOUR, Code.FRAME_WINDOW),
        (b"\x00\xff", Code.FRAME_SIZE_MISSING),
        (b"\xa8" + FOUR, Code.FRAME_INVALID),
        (b"\xe3\x01\x00\x00\x00" + b"\xff" * 8, Code.FRAME_DICTIONARY),
        (b"\xe0" + b"\xff" * 8, Code.FRAME_TOO_LARGE),
    ],
)
def test_what_a_frame_states_is_refused_in_a_fixed_order(
    start: bytes, code: Code
) -> None:
    packed = b"\x28\xb5\x2f\xfd" + start + BLOCK
    assert codes_of(cases.around(packed)) == [code]


def test_too_many_licence_names_are_counted_over_all_sets() -> None:
    data = cases.plain(SETS + b"\x92\x91\xa1a\xdd\x00\x02\x00\x00")
    [problem] = read(data, cases.expected()).problems
    assert problem.params == {
        "part": "licence_sets",
        "count": 131_073,
        "limit": 131_072,
    }


def test_the_names_are_measured_with_all_that_follows_the_columns() -> None:
    size = len(cases.PLAIN) - len(SETS) + len(b"\xaclicence_sets")
    limits = {"text_bytes": size - 1}
    [problem] = read(cases.good(), cases.expected_for(limits)).problems
    assert problem.params == {"part": "texts", "size": size, "limit": size - 1}
    assert read(cases.good(), cases.expected_for({"text_bytes": size})).problems == ()


def test_sets_may_be_empty_and_equal() -> None:
    assert codes_of(cases.entries(licence_sets=[[], [], ["a"]])) == []


@pytest.mark.parametrize("flags", [(5, 0, 4, 2), (7, 4, 5, 6), (4, 4, 4, 4)])
def test_all_flags_may_come_together(flags: tuple[int, ...]) -> None:
    changed = cases.entries(
        login=bytes(16),
        logout=(86_400).to_bytes(4, "little") * 4,
        flags=bytes(flags),
    )
    assert codes_of(changed) == []


def test_a_frame_that_lies_about_its_size_is_refused() -> None:
    for lie in (0, 1, 4, 6, 255):
        packed = b"\x28\xb5\x2f\xfd\x20" + bytes([lie]) + b"\x29\x00\x00abcde"
        found = decompressed(packed)
        assert isinstance(found, Problem), lie
    honest = b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00abcde"
    assert decompressed(honest) == b"abcde"


def test_a_bomb_is_refused_before_anything_is_allocated_for_it() -> None:
    packed = frame.compress(bytes(8 << 20))
    tracemalloc.start()
    found = decompressed(packed)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Problem)
    assert found.code is Code.FRAME_TOO_LARGE
    assert peak < 100_000


def test_a_body_of_nothing_but_small_lists_costs_little() -> None:
    tracemalloc.start()
    found = body.unpack(
        SETS + b"\xdd\x00\x01\x00\x00" + b"\x90" * 2_000_000, DEFAULT_LIMITS
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(found, Problem)
    assert peak < 16 << 20


def test_a_small_file_may_not_unpack_to_a_large_one() -> None:
    codes = codes_of(cases.around(frame.compress(bytes(9 << 20))))
    assert codes == [Code.FRAME_TOO_LARGE]
    codes = codes_of(cases.around(frame.compress(bytes(7 << 20))))
    assert codes == [Code.BODY_MALFORMED]


def test_packing_undoes_unpacking() -> None:
    found = body.unpack(cases.PLAIN, DEFAULT_LIMITS)
    assert isinstance(found, body.Body)
    assert body.pack(found) == cases.PLAIN
    assert body.pack(columns.to_body(cases.SESSIONS)) == cases.PLAIN
