"""API tokens that are about to expire: one mail to each tenant admin, once."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from billing.mail import token_mails
from billing.models import TokenMail
from portal.accounts import token_sign_in, tokens
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from portal.models import Role, Scope
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.mail.sent_mails import html_of, links_of, sent

DAY = timedelta(days=1)
WARNED = NOW + 76 * DAY
ADMIN = "admin@a-100.example"


def token(company: Company, *, is_used: bool = True, **terms: Any) -> int:
    with unit_of_work.acting_for(company.id):
        made, secret = tokens.issue(
            company.id,
            name="night",
            scope=Scope.UPLOAD,
            by="ada",
            at=NOW,
            terms=tokens.TokenTerms(**terms),
        )
    if is_used:
        token_sign_in.sign_in(f"Bearer {secret}", address="192.0.2.7", at=NOW)
    return made.pk


def beat(at: datetime) -> list[EmailMultiAlternatives]:
    """Plan and send as beat does; return the mails of this run."""
    before = len(mail.outbox)
    token_mails.plan(at=at)
    while token_mails.send_waiting(now=lambda: at):
        pass
    return sent()[before:]


def problems(company: Company) -> list[str]:
    with unit_of_work.acting_for(company.id, reading=True):
        return [row.problem for row in TokenMail.objects.order_by("pk")]


def test_admins_are_mailed_once_two_weeks_before_a_token_expires(
    alice: Company,
) -> None:
    pk = token(alice, server="IC01")
    assert beat(WARNED - timedelta(seconds=1)) == []
    [message] = beat(WARNED)
    assert message.to == [ADMIN]
    assert message.subject == "A-100: the API token night expires soon"
    for body in (message.body, html_of(message)):
        text = re.sub("</?bdi>", "", str(body))
        assert "The API token night expires Tue 18 August 2026, 20:00" in text
        assert "Server: IC01." in text
        assert "Last used: Wed 20 May 2026, 20:00" in text
        assert "from 192.0.2.7" in text
    assert any(link.endswith(f"/automation/tokens/{pk}") for link in links_of(message))
    assert beat(WARNED + DAY) == []


def test_each_admin_gets_one(alice: Company) -> None:
    token(alice)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        other = create.add_person(
            email="bo@a-100.example", name="Bo", password=PASSWORD, at=NOW
        )
        create.add_member(alice.id, user=other, role=Role.ADMIN, by="test", at=NOW)
    assert {one.to[0] for one in beat(WARNED)} == {ADMIN, "bo@a-100.example"}


@pytest.mark.parametrize(
    "terms",
    [{"is_used": False}, {"lasts": 14 * DAY}, {"lasts": 365 * DAY}],
    ids=["never used", "short", "not yet"],
)
def test_other_tokens_are_not_mailed_about(
    alice: Company, terms: dict[str, Any]
) -> None:
    token(alice, **terms)
    assert beat(WARNED) == []
    assert problems(alice) == []


def test_a_token_without_an_end_is_not_mailed_about(alice: Company) -> None:
    from django.db import connections

    token(alice)
    with connections["owner"].cursor() as cursor:
        cursor.execute("update portal_apitoken set expires_at = null")
    assert beat(WARNED) == []


@pytest.mark.parametrize("step", ["replace", "revoke"])
@pytest.mark.parametrize("is_planned", [False, True])
def test_who_has_acted_gets_no_mail(
    alice: Company, step: str, *, is_planned: bool
) -> None:
    pk = token(alice)
    if is_planned:
        assert token_mails.plan(at=WARNED) == 1
    with unit_of_work.acting_for(alice.id):
        if step == "revoke":
            tokens.revoke(alice.id, pk, by="ada", at=WARNED)
        else:
            tokens.replace(alice.id, pk, overlap=DAY, user_id=None, by="ada", at=WARNED)
    assert beat(WARNED) == []
    code = {"replace": "token-replaced", "revoke": "token-ended"}[step]
    assert problems(alice) == ([code] if is_planned else [])


def test_an_admin_who_left_gets_none(alice: Company) -> None:
    token(alice)
    assert token_mails.plan(at=WARNED) == 1
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = alice.people["admin"]
        person.is_active = False
        person.save(update_fields=["is_active"])
    assert beat(WARNED) == []
    assert problems(alice) == ["not-wanted"]


def test_a_restored_copy_mails_only_about_what_comes_after_it(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    token(alice)
    for restored, count in ((WARNED, 0), (WARNED - timedelta(seconds=1), 1)):
        permission = mail_switch.SendPermission(held="", restored_at=restored)
        monkeypatch.setattr(mail_switch, "send_permission", lambda p=permission: p)
        assert token_mails.plan(at=WARNED + DAY) == count
