"""How secrets of factors are drawn, and how much there is to guess in a code."""

import secrets

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import generate_totp_secret

from portal.second_factor.present import recovery_codes
from portal.second_factor.queries import CODES, RECOVERY_CODES
from portal.second_factor.sealing import seal, sealing_for

pytestmark = pytest.mark.plain


def test_secrets_of_apps_and_seeds_come_from_the_secure_generator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn: list[int] = []

    def draw(count: int) -> bytes:
        drawn.append(count)
        return bytes(count)

    monkeypatch.setattr(secrets, "token_bytes", draw)
    assert generate_totp_secret() == "A" * 32
    assert RecoveryCodes.generate_seed() == "00" * 40
    assert drawn == [20, 40]


def test_ten_recovery_codes_have_twelve_digits_each() -> None:
    with sealing_for(7, RECOVERY_CODES):
        data = {"seed": seal(RecoveryCodes.generate_seed()), "used_mask": 0}
    codes = recovery_codes(Authenticator(user_id=7, type=RECOVERY_CODES, data=data))
    assert len(set(codes)) == CODES == 10
    assert all(len(code) == 12 and code.isdigit() for code in codes)
