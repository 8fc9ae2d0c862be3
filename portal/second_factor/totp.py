"""Codes of authenticator apps (RFC 6238): 6 digits, SHA-1, steps of 30 seconds."""

from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

# Seconds of a step.
PERIOD = 30

# A code of the step before or after is accepted: phones are some seconds off.
TOLERANCE = 1

# How far a code is looked for that is not accepted: 10 minutes. Somebody whose phone is
# further off has noticed it elsewhere.
AROUND = 20


@dataclass(frozen=True, slots=True)
class CodeMatch:
    """The step that a code belongs to; `steps_fast` is how far the phone is ahead."""

    counter: int
    steps_fast: int

    @property
    def is_in_time(self) -> bool:
        """Whether the code is of an accepted step."""
        return abs(self.steps_fast) <= TOLERANCE

    @property
    def minutes_fast(self) -> int:
        """The minutes that the phone is ahead, rounded up; negative: behind."""
        minutes = -(-abs(self.steps_fast) * PERIOD // 60)
        return minutes if self.steps_fast > 0 else -minutes


def find_match(secret: str, code: str, *, at: datetime) -> CodeMatch | None:
    """Return the step nearest to `at` that a code belongs to, None if there is none.

    `secret` is base32, as the app has it.
    """
    now = int(at.timestamp()) // PERIOD
    steps = sorted(range(-AROUND, AROUND + 1), key=abs)
    for step in steps:
        wanted = format_hotp_value(hotp_value(secret, now + step))
        if compare_digest(wanted.encode(), code.encode()):
            return CodeMatch(now + step, step)
    return None
