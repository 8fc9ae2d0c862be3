"""Invitations as tests of people need them: sent, read from the mail, accepted."""

import re
from typing import Any

from django.core import mail
from django.test import Client
from django.utils import timezone

from portal import tasks
from portal.accounts import tokens
from portal.db import unit_of_work
from portal.models import (
    AuditEntry,
    EventKind,
    Invitation,
    Membership,
    Scope,
    SecurityEvent,
    User,
)
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company

NEW = "zoe@a-100.example"
CHOSEN = "a goose walks over the bridge"
ACCOUNT = {"name": "Zoe New", "password1": CHOSEN, "password2": CHOSEN}


def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def admin_of(company: Company) -> Client:
    return browser(company.people["admin"])


def send_mails() -> list[Any]:
    """Send what waits; return the mails."""
    mail.outbox.clear()
    tasks.send_account_mails()
    return list(mail.outbox)


def path_in(message: Any) -> str:
    """Return the path of the link in a mail."""
    found = re.search(r"https?://[^/\s]+(/[\w-]+/[\w-]{40,})", str(message.body))
    assert found is not None, message.body
    return found[1]


def invite(
    client: Client, address: str = NEW, *, role: str = "viewer", **more: str
) -> Any:
    return client.post(
        "/people/invite", {"address": address, "role": role, **more}, follow=True
    )


def link_for(client: Client, address: str = NEW, *, role: str = "viewer") -> str:
    """Invite an address, send the mail, and return the path of its link."""
    assert "is on its way" in invite(client, address, role=role).content.decode()
    [message] = send_mails()
    assert message.to == [address]
    return path_in(message)


def invitations() -> list[Invitation]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return list(Invitation.objects.order_by("pk"))


def role_of(person: User | str, company: Company) -> str | None:
    address = person if isinstance(person, str) else person.email
    with unit_of_work.acting_for(company.id, reading=True):
        rows = Membership.objects.filter(user__email=address)
        return rows.values_list("role", flat=True).first()


def acts(company: Company | None) -> list[str]:
    """Return the acts in a trail, in order, without visits; None: the staff's."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = AuditEntry.objects.filter(tenant=company.id if company else None)
        rows = rows.exclude(act="tenant-looked-at")
        return list(rows.order_by("number").values_list("act", flat=True))


def refused_links() -> list[str]:
    """Return the reasons of the links that were refused, in order."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = SecurityEvent.objects.filter(kind=EventKind.LINK_REFUSED)
        return [one.details["reason"] for one in rows.order_by("pk")]


def person(email: str = NEW, **more: Any) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=email, name="Zoe", password=PASSWORD, at=NOW, **more
        )


def assert_refused(answer: Any, reason: str, *, status: int, told: str) -> None:
    page = answer.content.decode()
    assert answer.status_code == status, page
    assert told in page
    assert refused_links()[-1] == reason


def page_of(person: User) -> str:
    return f"/people/members/{person.pk}"


def token_of(company: Company, person: User, scope: str = Scope.UPLOAD) -> str:
    with unit_of_work.acting_for(company.id):
        return tokens.issue(
            company.id,
            name="nightly",
            scope=scope,
            by=person.email,
            at=timezone.now(),
            terms=tokens.TokenTerms(user_id=person.pk),
        )[1]


def calendar_of(client: Client) -> str:
    """Make a private calendar address by the page; return its path."""
    page = client.post("/people/calendar", {"what": "make"}).content.decode()
    return "/calendar/" + page.partition("/calendar/")[2].partition("<")[0]
