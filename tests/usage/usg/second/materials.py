"""Values that are wrong, or at the edge of what is allowed, for each layer."""

from typing import Any

TEXTS = (
    *("", " ", "a", " a", "a ", "\u3000a", "a\u00a0", "é", "e\u0301", "한", "\ud800"),
    *("\u1112\u1161\u11ab", "\u202e", "\u200d", "\u2028", "\n", "\x1f", "\x7f", "\x85"),
    *("\u0378", "\u0897", "\U0001e4ec", "\ue000", "\ufdd0", "\ufffe", "\U0003ffff"),
    *("\ufeff", "\u2065", "\u00ad", "\U000e0101", "\U000e0001", "ß", "ẞ", "İ", "٣"),
    *("x" * 61, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "x" * 320, "x" * 321),
    *("\U00010400" * 64, "\U00010400" * 65, "\U00010400" * 128, "\U00010400" * 320),
)
NAMES = tuple(text for text in TEXTS if text != "\ud800")
USERS = (
    *("ada", "Ada", "Jörg", "JÖRG", "straße", "STRASSE", "bob ", "bob", "\u00a0x", "x"),
    *("ΐ", "e\u0301", "é", "İ", "𐐀", "𐐨", "\u0378", "\u2067y"),
)
VALUES: tuple[Any, ...] = (
    *(-1, 0, 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 10**19, 10**20, 1.5, 1080, 1081),
    *(None, True, False, [], {}, {"a": "\x00"}, -1080, -1081, 720, 4_000_001),
    *(
        "0001-01-01",
        "0000-01-01",
        "9999-12-31",
        "2026-02-29",
        "2026-5-07",
        "٢٠٢٦-05-07",
    ),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-05-06T24:00:00Z"),
    *("2026-05-06T22:00:60Z", "2026-05-06T22:00:00z", "2026-05-06 22:00:00Z"),
    *("crash", "clock", "midnight", "Midnight", "ab" * 32, "AB" * 32, "ab" * 16),
    *("C-1002", "UTC", "Etc/GMT-2", "../etc/passwd", "europe/berlin", "Asia/Kathmandu"),
    *("0B0F2C2E-61F5-4C9E-8D3B-2F6F1C5A7D10", "00000000-0000-0000-0000-000000000000"),
)
PIECES = (
    *('"', "{", "[", "}", "]", ",", ":", "\\", "'", "//", "\n", "\t", "\x0b", "\u00a0"),
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1.0",
        "0",
        "01",
        "-0",
        "-1",
        "+1",
        "1.",
    ),
    *("9" * 20, "-" + "9" * 20, "9" * 21, "null", "true", "nul", "\ufeff", "[" * 2_000),
    *("\\ud800", "\\ud83d\\ude00", "\\u0000", "\\u00e9", "\\x41", "\\/", "\\uD8"),
)
BYTES = (
    *(b"\x00", b"\xff", b"\x90", b"\xc0", b"\xc4", b"\xc7", b"\xd4", b"\xa1\xff"),
    *(b"\xdd\xff\xff\xff\xff", b"\xdd\x00\x01\x86\xa0", b"\xc6\x7f\xff\xff\xff"),
)
ALIEN = (
    *("504b0304", "504b0506", "504b0708", "504b", "09555347", "895553470a", "895553"),
    *("89555347", "895553470d", "895553470d0d0a", "895553470d0a1a0d0a", "89504e47"),
    *("68656c6c6f0d0a", "68c3a4", "fffe68", "1b5b", "00", "7b22", "68000c", "0b"),
)
ZONES = (
    *("Europe/Berlin", "UTC", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia"),
    *("Antarctica/Troll", "Pacific/Apia", "Nowhere/Else", "America", "America/Havana"),
    *("Europe/Amsterdam", "Etc/GMT+12", "W. Europe Standard Time"),
)
