"""The limits of sign-in and sessions are those that the docs name."""

import math
import re
from datetime import timedelta

import pytest
from django.contrib.sessions.backends import base

from portal.accounts import sign_in_limits
from portal.accounts.sessions import SessionStore, limits_of
from portal.models import StaffRole, User
from portal.second_factor import sql
from tests.docs_pages import DOCS, rows

pytestmark = pytest.mark.plain

THREATS = DOCS / "threat-model.md"


def period(text: str) -> timedelta:
    """Read a period such as "30 minutes"."""
    number, unit = text.split()
    return timedelta(**{unit: int(number)})


def words_of(page: str) -> str:
    return " ".join((DOCS / page).read_text(encoding="utf-8").split())


@pytest.mark.parametrize(
    ("name", "user"),
    [
        ("billing staff", User(staff_role=StaffRole.CLERK)),
        ("billing staff", User(staff_role=StaffRole.AUDITOR)),
        ("members of tenants", User()),
    ],
)
def test_sessions_last_as_long_as_documented(name: str, user: User) -> None:
    [row] = [row for row in rows(THREATS) if row[0] == name]
    _, idle, absolute, why = row
    limits = limits_of(user)
    assert (limits.idle, limits.absolute) == (period(idle), period(absolute))
    assert len(why) > 20


def test_the_inventory_names_the_same_limits_of_sessions() -> None:
    [row] = [row for row in rows(DOCS / "inventory.md") if "session cookie (" in row[0]]
    found = re.findall(r"\d+ (?:minutes|hours|days)", row[3])
    staff, member = limits_of(User(staff_role=StaffRole.CLERK)), limits_of(User())
    assert [period(one) for one in found] == [
        *(staff.idle, staff.absolute),
        *(member.idle, member.absolute),
    ]


def test_wrong_passwords_and_codes_are_limited_as_documented() -> None:
    one = sign_in_limits
    windows = {"a day": one.ADDRESS_WINDOW, "an hour": one.NETWORK_WINDOW}
    assert windows == {"a day": timedelta(days=1), "an hour": timedelta(hours=1)}
    minutes = one.PAIR_WINDOW // timedelta(minutes=1)
    text = words_of("threat-model.md")
    assert (
        f"{one.PAIR_TRIES} wrong tries in {minutes} minutes for an address from one"
        f" network, {one.ADDRESS_TRIES} a day for an address from all networks,"
        f" {one.NETWORK_TRIES} an hour from one network" in text
    )
    assert sql.TRIES == 5
    minutes = sql.TRIES_WITHIN // timedelta(minutes=1)
    assert f"Five wrong codes in {minutes} minutes lock the codes" in text


def test_a_session_has_more_than_160_random_bits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SessionStore, "exists", lambda *_: False)
    keys = {SessionStore()._get_new_session_key() for _ in range(50)}  # type: ignore[attr-defined]  # the stubs leave it out
    assert len(keys) == 50
    letters = set(base.VALID_KEY_CHARS)
    assert all(set(key) <= letters for key in keys)
    shortest = min(len(key) for key in keys)
    assert shortest * math.log2(len(letters)) > 160
