"""Tenant admins make, replace and revoke API tokens; others see their state."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.test import Client

from portal.accounts import token_sign_in
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import ApiToken, AuditEntry, Scope, StaffRole
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company
from tests.usage.automation.server_runs import words
from tests.usage.files.customer_pages import signed_in
from usage.tiles import TILES

NEW = "/automation/tokens/new"
DAY = timedelta(days=1)
SECRET = re.compile(r"usg_[A-Za-z0-9_-]{43}")


@pytest.fixture(autouse=True)
def _at(settings: Any) -> Iterator[None]:
    settings.INBOX_BUCKET = ""
    with time_machine.travel(NOW, tick=False):
        yield


def fields(**changes: Any) -> dict[str, Any]:
    given = {"name": "night", "scope": "upload", "server": "", "networks": ""}
    return {**given, "days": "90", "form_key": str(uuid4()), **changes}


def tokens_of(company: Company) -> list[ApiToken]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(ApiToken.objects.order_by("pk"))


def secret_in(answer: Any) -> str:
    (found,) = set(SECRET.findall(answer.content.decode()))
    return str(found)


def lets_in(secret: str, *, address: str = "192.0.2.7", at: Any = NOW) -> bool:
    try:
        token_sign_in.sign_in(f"Bearer {secret}", address=address, at=at)
    except Refused:
        return False
    return True


def text_of(answer: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_a_new_token_is_shown_once_and_works(alice: Company) -> None:
    admin = signed_in(alice, "admin")
    sent = fields(server="IC01", networks="192.0.2.77/24, 2001:db8::/48", days="30")
    made = admin.post(NEW, sent)
    secret = secret_in(made)
    assert "no-store" in made.headers["Cache-Control"]
    assert lets_in(secret)
    assert not lets_in(secret, address="198.51.100.1")
    token = tokens_of(alice)[-1]
    assert (token.name, token.server) == ("night", "IC01")
    assert token.networks == ["192.0.2.0/24", "2001:db8::/48"]
    assert token.expires_at == NOW + 30 * DAY
    assert token.made_by_user_id == alice.people["admin"].pk
    # A reload sends the same form again: nothing is made, and nothing shown.
    again = admin.post(NEW, sent)
    assert again.status_code == 409
    assert not SECRET.search(again.content.decode())
    assert len(tokens_of(alice)) == 2
    for path in ("/automation", f"/automation/tokens/{token.pk}", NEW):
        assert secret not in admin.get(path).content.decode()


def test_to_open_the_form_makes_nothing(alice: Company) -> None:
    assert signed_in(alice, "admin").get(NEW).status_code == 200
    assert len(tokens_of(alice)) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": " \u200b "}, "required"),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"scope": "manage"}, "not one of the available choices"),
        ({"server": "IC99"}, "not one of the available choices"),
        (
            {"scope": "read", "server": "IC01"},
            "only reads cannot be limited to one server",
        ),
        ({"networks": "nonsense"}, "nonsense is not an address"),
        ({"networks": "0.0.0.0/0"}, "too large a range"),
        ({"networks": " ".join(f"192.0.{n}.0/24" for n in range(21))}, "At most 20"),
        ({"days": "0"}, "greater than or equal to 1"),
        ({"days": "366"}, "less than or equal to 365"),
        ({"form_key": "x"}, "New API token"),
    ],
)
def test_a_form_with_a_fault_makes_nothing_and_says_why(
    alice: Company, changes: dict[str, str], told: str
) -> None:
    answer = signed_in(alice, "admin").post(NEW, fields(**changes))
    assert answer.status_code == 422
    assert told in text_of(answer)
    assert len(tokens_of(alice)) == 1


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_only_admins_make_replace_and_revoke(alice: Company, role: str) -> None:
    client, (token,) = signed_in(alice, role), tokens_of(alice)
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, fields()).status_code == 403
    for step in ("replace", "revoke"):
        answer = client.post(f"/automation/tokens/{token.pk}/{step}", {"days": "7"})
        assert answer.status_code == 403
    shown = text_of(client.get(f"/automation/tokens/{token.pk}"))
    assert "API token upload" in shown
    assert "Revoke this token now" not in shown
    assert "New token" not in words(client)
    assert lets_in(alice.token)


def test_an_admin_of_another_tenant_sees_and_ends_no_token(
    alice: Company, charlie: Company
) -> None:
    client, (token,) = signed_in(charlie, "admin"), tokens_of(alice)
    page = f"/automation/tokens/{token.pk}"
    assert client.get(page).status_code == 404
    assert client.post(f"{page}/revoke").status_code == 404
    assert client.post(f"{page}/replace", {"days": "7"}).status_code == 404
    assert lets_in(alice.token)
    assert len(tokens_of(alice)) == len(tokens_of(charlie)) == 1


def test_a_token_is_replaced_in_two_plain_steps(alice: Company) -> None:
    admin, (old,) = signed_in(alice, "admin"), tokens_of(alice)
    page = f"/automation/tokens/{old.pk}"
    assert "Create the new token" in text_of(admin.get(page))
    made = admin.post(f"{page}/replace", {"days": "3"})
    secret = secret_in(made)
    assert "The old token works until" in text_of(made)
    assert lets_in(secret, at=NOW + 2 * DAY)
    assert lets_in(alice.token, at=NOW + 2 * DAY)
    assert not lets_in(alice.token, at=NOW + 3 * DAY)
    # A second replacement of the same token is refused and shows nothing.
    again = admin.post(f"{page}/replace", {"days": "3"})
    assert again.status_code == 409
    assert not SECRET.search(again.content.decode())
    assert "Revoke the old token now" in text_of(admin.get(page))
    ended = admin.post(f"{page}/revoke", follow=True)
    assert "is revoked and no longer works." in text_of(ended)
    assert not lets_in(alice.token)
    assert lets_in(secret)


@pytest.mark.parametrize("days", ["", "0", "15", "x"])
def test_an_overlap_is_from_one_to_fourteen_days(alice: Company, days: str) -> None:
    (old,) = tokens_of(alice)
    path = f"/automation/tokens/{old.pk}/replace"
    assert signed_in(alice, "admin").post(path, {"days": days}).status_code == 422
    assert len(tokens_of(alice)) == 1


def test_a_second_revocation_says_that_nothing_changed(alice: Company) -> None:
    admin, (token,) = signed_in(alice, "admin"), tokens_of(alice)
    path = f"/automation/tokens/{token.pk}/revoke"
    assert "is revoked" in text_of(admin.post(path, follow=True))
    assert "was revoked before. Nothing was changed." in text_of(
        admin.post(path, follow=True)
    )
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="token-revoked").count() == 1


def test_states_last_use_and_refused_addresses_are_shown(alice: Company) -> None:
    lets_in(alice.token)
    limited = alice.issue(Scope.READ, networks=["192.0.2.0/24"])
    lets_in(limited, address="203.0.113.9")
    with unit_of_work.acting_for(alice.id):
        ApiToken.objects.filter(name="upload").update(expires_at=NOW + 13 * DAY)
        ApiToken.objects.filter(name="read").update(expires_at=None)
    shown = words(signed_in(alice))
    assert "1 API token expires within 14 days." in shown
    assert "upload Expires soon" in shown
    assert "from 192.0.2.7" in shown
    assert "In use, no expiry: replace it" in shown
    assert "refused from 203.0.113.9" in shown
    assert "only from 192.0.2.0/24" in shown


def test_the_tile_counts_tokens_that_expire_soon(alice: Company) -> None:
    tile = next(one for one in TILES if one.url_name == "automation-page")
    lets_in(alice.token)
    with unit_of_work.acting_for(alice.id):
        ApiToken.objects.update(expires_at=NOW + 13 * DAY)
        state = tile.load_state(None, NOW)  # type: ignore[arg-type]  # it needs none
    assert (state.state, state.mark) == ("1 API token expires soon", "partial")


def test_staff_make_and_revoke_tokens_that_do_not_end_with_a_clerk(
    alice: Company,
) -> None:
    clerk = staff_client(StaffRole.CLERK)
    here = f"/staff/tenants/{alice.number}"
    assert clerk.get(f"{here}/tokens/new").status_code == 200
    assert clerk.post(f"{here}/tokens/new", fields(days="0")).status_code == 422
    secret = secret_in(clerk.post(f"{here}/tokens/new", fields()))
    assert lets_in(secret)
    token = tokens_of(alice)[-1]
    assert token.made_by_user_id is None
    shown = text_of(clerk.get(f"{here}/automation"))
    assert "night In use" in shown
    clerk.post(f"{here}/tokens/{token.pk}/revoke")
    assert not lets_in(secret)
    again = clerk.post(f"{here}/tokens/{token.pk}/revoke", follow=True)
    assert "Nothing was changed." in text_of(again)


def test_an_auditor_sees_tokens_and_changes_none(alice: Company) -> None:
    auditor: Client = staff_client(StaffRole.AUDITOR)
    here = f"/staff/tenants/{alice.number}"
    shown = text_of(auditor.get(f"{here}/automation"))
    assert "upload In use" in shown
    assert "New token" not in shown
    assert auditor.get(f"{here}/tokens/new").status_code == 403
    assert auditor.post(f"{here}/tokens/new", fields()).status_code == 403
