"""What the second reader finds, in the shape of `expected.json`."""

from typing import Any

HOLD = frozenset(
    {
        "signer-unknown",
        "closed-before-opened",
        "day-differs",
        "day-overrun",
        "midnight-differs",
        "clock-ahead",
        "clock-behind",
        "zone-unknown",
    }
)
WARN = frozenset({"offset-differs", "previous-missing"})

# The characters no string of a header may hold, as the page lists them.
FORBIDDEN = """
0000-001F 007F-009F 00A0 1680 2000-200A 202F 205F 3000 2028 2029 061C 200B-200F
202A-202E 2060-206F FEFF FFF0-FFFB 00AD 0600-0605 06DD 070F 0890 0891 08E2 180E
110BD 110CD 13430-1343F 1BCA0-1BCA3 1D173-1D17A E0000-E00FF E01F0-E0FFF D800-DFFF
E000-F8FF F0000-10FFFF FDD0-FDEF
"""


def _forbidden() -> frozenset[int]:
    found = {plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)}
    for run in FORBIDDEN.split():
        first, _, last = run.partition("-")
        found.update(range(int(first, 16), int(last or first, 16) + 1))
    return frozenset(found)


_FORBIDDEN = _forbidden()


def has_forbidden(text: str) -> bool:
    return any(ord(letter) in _FORBIDDEN for letter in text)


def cut(text: str) -> str:
    head = "".join("\ufffd" if ord(one) in _FORBIDDEN else one for one in text[:60])
    return head if len(text) <= 60 else head + "…"


def finding(code: str, where: str, **params: str | int) -> dict[str, Any]:
    severity = "hold" if code in HOLD else "warn" if code in WARN else "reject"
    return {"code": code, "severity": severity, "where": where, "params": params}


class EndedError(Exception):
    """Ends the reading, or a part of it, with one finding."""

    def __init__(self, code: str, where: str, **params: str | int) -> None:
        super().__init__(code)
        self.finding = finding(code, where, **params)
