"""Secrets open for their person, kind and master key alone."""

import os
from typing import Any

import pytest

from portal.second_factor.adapter import Factors
from portal.second_factor.sealing import FactorDoesNotOpenError, sealing_for

pytestmark = pytest.mark.plain


def sealed() -> str:
    with sealing_for(7, "totp"):
        return Factors().encrypt("secret")


def test_a_secret_opens_for_its_person_and_kind() -> None:
    with sealing_for(7, "totp"):
        assert Factors().decrypt(sealed()) == "secret"


@pytest.mark.parametrize(("user_id", "kind"), [(8, "totp"), (7, "recovery_codes")])
def test_a_secret_that_was_moved_does_not_open(user_id: int, kind: str) -> None:
    with sealing_for(user_id, kind), pytest.raises(FactorDoesNotOpenError):
        Factors().decrypt(sealed())


@pytest.mark.parametrize("text", ["", "secret", "c2VjcmV0", "é"])
def test_a_text_that_was_never_sealed_does_not_open(text: str) -> None:
    with sealing_for(7, "totp"), pytest.raises(FactorDoesNotOpenError):
        Factors().decrypt(text)


def test_another_master_key_opens_nothing(settings: Any) -> None:
    kept = sealed()
    settings.MASTER_KEY = os.urandom(32)
    with sealing_for(7, "totp"), pytest.raises(FactorDoesNotOpenError):
        Factors().decrypt(kept)


def test_two_seals_of_one_secret_differ() -> None:
    assert sealed() != sealed()


def test_nothing_is_sealed_for_nobody() -> None:
    with pytest.raises(RuntimeError):
        Factors().encrypt("secret")
