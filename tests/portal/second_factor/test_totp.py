"""Which step a code belongs to, and how far a phone is off: plain Python."""

from datetime import UTC, datetime

import pytest
from allauth.mfa.totp.internal.auth import hotp_value

from portal.second_factor import totp
from tests.portal.second_factor.people import SECRET, code_at

pytestmark = pytest.mark.plain

AT = datetime(2026, 5, 20, 18, 0, 10, tzinfo=UTC)


def test_codes_are_those_of_the_standard() -> None:
    # RFC 4226, appendix D: the secret is "12345678901234567890".
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [hotp_value(secret, n) for n in range(3)] == [755224, 287082, 359152]


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_of_the_neighbouring_steps_is_in_time(steps: int) -> None:
    match = totp.find_match(SECRET, code_at(AT, steps=steps), at=AT)
    assert match is not None
    assert match.is_in_time
    assert match.counter == int(AT.timestamp()) // 30 + steps


@pytest.mark.parametrize(
    ("steps", "minutes"),
    [(2, 1), (3, 2), (6, 3), (20, 10), (-2, -1), (-7, -4), (-20, -10)],
)
def test_a_phone_that_is_off_is_measured_in_minutes(steps: int, minutes: int) -> None:
    match = totp.find_match(SECRET, code_at(AT, steps=steps), at=AT)
    assert match is not None
    assert not match.is_in_time
    assert match.minutes_fast == minutes


def test_codes_further_off_and_other_texts_match_nothing() -> None:
    for typed in (
        code_at(AT, steps=21),
        code_at(AT, steps=-21),
        "",
        "12345",
        "\u0660" * 6,
    ):
        assert totp.find_match(SECRET, typed, at=AT) is None
