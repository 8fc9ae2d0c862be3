"""Passwords: one form of the letters, no names, none that many people use."""

import re
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import hashers
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.accounts.adapter import Accounts
from portal.db import unit_of_work
from portal.models import User
from tests.builders import PASSWORD, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in

# The same for a reader: composed, of two characters, and of full width.
COMPOSED, SPLIT = "größere gänse 12", "größere gänse 12"
WIDE = "größere gänse １２"  # noqa: RUF001 - digits of full width

HASHERS = list(django_settings.PASSWORD_HASHERS)


@pytest.fixture
def scrypt(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PASSWORD_HASHERS = HASHERS
    # Of the same form, and quick.
    monkeypatch.setattr(ScryptPasswordHasher, "work_factor", 2)


def store(user: User, encoded: str) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=user.pk).update(password=encoded)


def test_the_same_letters_are_the_same_password(alice: Company, scrypt: None) -> None:
    admin = alice.people["admin"]
    store(admin, hashers.make_password(SPLIT))
    for typed in (COMPOSED, SPLIT, WIDE):
        client = Client()
        sign_in(client, admin.email, typed)
        assert is_signed_in(client), typed


def test_neither_statements_nor_hashes_tell_whether_an_address_has_an_account(
    alice: Company, scrypt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(alice.people["admin"], hashers.make_password(SPLIT))
    store(alice.people["viewer"], hashers.make_password(None))
    encode, hashed = ScryptPasswordHasher.encode, []

    def counted(self: Any, password: str, *more: Any) -> str:
        hashed.append(password)
        return encode(self, password, *more)

    monkeypatch.setattr(ScryptPasswordHasher, "encode", counted)
    found = []
    for name in ("admin", "viewer", "nobody"):
        hashed.clear()
        with CaptureQueriesContext(connection) as queries:
            sign_in(Client(), f"{name}@a-100.example", WIDE + "!")
        shapes = [re.sub(r"'[^']*'|[0-9]+|NULL", "?", q["sql"]) for q in queries]
        found.append((len(hashed), shapes))
    known, unusable, unknown = found
    assert known == unusable == unknown
    assert known[0] == 1


def test_a_hash_of_an_earlier_version_is_accepted_and_replaced(
    alice: Company, scrypt: None
) -> None:
    admin = alice.people["admin"]
    store(admin, ScryptPasswordHasher().encode(SPLIT, "salt1234567890"))
    wrong = Client()
    sign_in(wrong, admin.email, "another password")
    assert not is_signed_in(wrong)
    client = Client()
    sign_in(client, admin.email, SPLIT)
    assert is_signed_in(client)
    admin.refresh_from_db()
    assert admin.password.startswith("nfkc$")
    other = Client()
    sign_in(other, admin.email, COMPOSED)
    assert is_signed_in(other)


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("Alice-Assurance", "password_of_names"),
        ("alice assurance 2026!", "password_of_names"),
        ("ÁLICE.assurance1", "password_of_names"),
        ("A-100A-100A-100", None),
        ("admin@a-100.example", "password_of_names"),
        ("admin of Alice", "password_of_names"),
        ("alice walks over the bridge", None),
        ("passwordpassword", "password_too_common"),
        ("PasswordPassword", "password_too_common"),
        ("１２３４５６７８９０１２", "password_too_common"),  # noqa: RUF001 - full width
        ("ﬁﬂﬁﬂﬁ", "password_too_short"),
        ("short", "password_too_short"),
        (PASSWORD, None),
    ],
)
def test_names_and_common_passwords_are_refused(
    alice: Company, password: str, code: str | None
) -> None:
    found = codes_of(password, alice.people["admin"])
    assert (code in found) if code else not found


def codes_of(password: str, user: User) -> set[str | None]:
    try:
        Accounts().clean_password(password, user)
    except ValidationError as refused:
        return {one.code for one in refused.error_list}
    return set()


def test_whoever_has_no_account_yet_has_no_names(db: None) -> None:
    assert Accounts().clean_password("alice assurance") == "alice assurance"


def test_a_password_of_names_is_explained_on_the_page(alice: Company) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    sent = {"oldpassword": PASSWORD, "password1": "Alice Assurance!"}
    page = client.post("/change-password", {**sent, "password2": "Alice Assurance!"})
    assert b"your name or the names of your companies" in page.content
