"""Whoever has a copy of the database is let in by none of the values in it.

Every stored text, number of bytes and part of JSON of the tables of accounts is tried
as a cookie, a token, a link, a code and a password.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from portal.accounts.sessions import SessionStore
from portal.models import FactorTries, User
from portal.second_factor.present import CodeRefusedError, present_code
from portal.security_events.record import Origin
from tests.builders import PASSWORD, Company
from tests.portal.people.invited import link_for, send_mails
from tests.portal.second_factor.people import give_app

pytestmark = pytest.mark.access

# Those that have to do with who is let in; others hold files and what is owed.
TABLES = (
    *("account_emailaddress", "billing_calendaraddress", "billing_latecontact"),
    *("mfa_authenticator", "portal_accountmail", "portal_addresschange"),
    *("portal_apitoken", "portal_cache", "portal_factorreset", "portal_factortries"),
    *("portal_invitation", "portal_securityevent", "portal_session", "portal_user"),
)

OPEN_LINKS = ("/invitations", "/late-contact")


def stored_values() -> set[str]:
    """Return all values of the tables as an attacker would write them."""
    found: set[str] = set()
    with connections["owner"].cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"select to_jsonb(one) from {table} one")
            for (row,) in cursor.fetchall():
                values = json.loads(row) if isinstance(row, str) else row
                for text in _texts(values):
                    found |= set(_spellings(text))
    return {one for one in found if 6 <= len(one) <= 500 and one.isprintable()}


def _texts(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
        case str():
            yield value
            try:
                yield from _texts(json.loads(value))
            except ValueError:
                return
        case int() if not isinstance(value, bool):
            yield str(value)


def _spellings(text: str) -> Iterator[str]:
    yield text
    if text.startswith("\\x"):
        data = bytes.fromhex(text[2:])
        yield data.hex()
        yield base64.urlsafe_b64encode(data).decode().rstrip("=")
        yield data.decode("latin-1")
    yield from text.replace("$", ":").replace(".", ":").split(":")


def is_let_in_by_cookie(value: str, name: str) -> bool:
    client = Client()
    client.cookies[name] = value
    return client.get("/files").status_code == 200


def is_let_in_by_token(value: str) -> bool:
    answers = [
        Client().get("/api/v1/files", headers={"Authorization": f"Bearer {secret}"})
        for secret in (value, f"usg_{value}")
    ]
    return any(one.status_code not in {401, 429} for one in answers)


def is_a_link(value: str, person: User) -> bool:
    client = Client()
    paths = (
        f"/calendar/{value}.ics",
        f"/invitations/{value}",
        f"/late-contact/{value}",
    )
    if any(client.get(path).status_code == 200 for path in paths):
        return True
    signed_in = Client()
    signed_in.force_login(person)
    return signed_in.get(f"/new-address/{value}").status_code == 200


def is_a_code(value: str, person: User) -> bool:
    FactorTries.objects.all().delete()
    try:
        present_code(person, value, origin=Origin(), at=timezone.now())
    except CodeRefusedError:
        return False
    return True


@pytest.fixture
def copied(alice: Company, settings: Any) -> set[str]:
    """Give Alice's admin a secret of each kind, and return what the database has."""
    admin = alice.people["admin"]
    client = Client()
    client.force_login(admin)
    client.post("/people/calendar", {"what": "make"})
    link_for(client)
    client.post("/people/late-contact", {"address": "boss@a-100.example"})
    client.post("/profile/address", {"address": "other@a-100.example"})
    alice.issue("read")
    # A link for a new password that a mail scanner has opened.
    Client().post("/forgotten", {"email": alice.people["viewer"].email})
    opened = [mail for mail in send_mails() if "/new-password/" in mail.body]
    assert opened
    for mail in opened:
        page = Client().get(path_of_password(mail), follow=True)
        assert "password1" in page.content.decode()
    # A sign-in that waits for its second factor.
    give_app(admin)
    begun = Client().post("/sign-in", {"login": admin.email, "password": PASSWORD})
    assert begun.headers["Location"].startswith("/second-factor")
    # A session that works; that of the admin has ended with the first factor.
    Client().force_login(alice.people["uploader"])
    return stored_values()


def path_of_password(mail: Any) -> str:
    found = str(mail.body).partition("/new-password/")[2].split()[0]
    return f"/new-password/{found}"


def test_no_stored_value_lets_anybody_in(alice: Company, copied: set[str]) -> None:
    assert len(copied) > 100
    admin = alice.people["admin"]
    viewer = alice.people["viewer"]
    names = (settings.SESSION_COOKIE_NAME, settings.KNOWN_BROWSER_COOKIE_NAME)
    let_in = [
        (kind, value)
        for value in sorted(copied)
        for kind, is_in in (
            *((name, is_let_in_by_cookie(value, name)) for name in names),
            ("token", is_let_in_by_token(value)),
            ("link", "/" not in value and is_a_link(value, viewer)),
            ("code", is_a_code(value, admin)),
            ("password", viewer.check_password(value)),
        )
        if is_in
    ]
    assert let_in == []


def test_what_a_session_holds_cannot_be_read_without_its_cookie(
    alice: Company, copied: set[str]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select session_key, session_data from portal_session")
        rows = cursor.fetchall()
    assert len(rows) >= 3
    for key, data in rows:
        assert SessionStore(key).decode(data) == {}
        with pytest.raises(signing.BadSignature):
            signing.loads(data, salt="django.contrib.sessions.SessionStore")
