"""Builds tenants with a period of usage files, and callers of the API of statements."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.test import Client

from billing.coverage.periods import Period
from billing.models import Statement
from billing.periods import open_periods
from billing.statements import issue
from billing.statements.issue import IssueRequest
from portal.db import unit_of_work
from portal.models import Scope, StaffRole, Tenant, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company, open_company
from usage.usg import Sessions

MAY = Period(2026, 5)
# Only the last days of the period are owed.
FIRST, LAST = date(2026, 5, 25), date(2026, 5, 27)
AFTER = datetime(2026, 6, 3, 9, 0, tzinfo=UTC)

HOUR = 3_600
AGENT, BUSINESS = ("I3_ACCESS_ACD_MEDIA_1",), ("I3_ACCESS_CLIENT",)
WITH_ADD_ON = (*AGENT, "I3_ACCESS_RECORDER")

# Users with names that occur nowhere by chance; the last two differ in a domain alone.
NAMES = (
    *("Zephyrine.Quux", "Xanthippe-Vole", "\u0141ukasz.\u017b\u00f3\u0142w"),
    *("qwibble", "qwibble@zzyzx.example"),
)


def usage(*, shift: int = 0) -> Sessions:
    """Rows of all kinds, all in one day; the later ones begin `shift` seconds later."""
    return Sessions(
        users=list(NAMES),
        licence_sets=[list(AGENT), list(BUSINESS), list(WITH_ADD_ON)],
        user=[0, 1, 2, 3, 4, 0],
        licences=[0, 1, 2, 1, 1, 1],
        login=[9 * HOUR, 9 * HOUR, 10 * HOUR, *[11 * HOUR + shift] * 3],
        logout=[12 * HOUR, 10 * HOUR, 17 * HOUR, *[13 * HOUR] * 2, 14 * HOUR],
        flags=[0] * 6,
    )


def open_tenant(number: str, *, name: str = "Alice Assurance") -> Company:
    """Open a tenant that owes the last days of the period, which is open."""
    company = open_company(number, name=name, zone="Europe/Berlin", first_owed_on=FIRST)
    with unit_of_work.acting_for(company.id):
        open_periods.open_period(Tenant.objects.get(), MAY, at=AFTER)
    return company


def send_all(company: Company, *, last: date = LAST) -> None:
    """Send the files of the owed days up to `last`."""
    for number in range((last - FIRST).days + 1):
        send_day(company, FIRST + timedelta(days=number), shift=number * 60)


def send_day(company: Company, day: date, *, shift: int = 0) -> str:
    """Send the file of a day; return its SHA-256."""
    data = company.server.day(day, sessions=usage(shift=shift))
    file, _ = company.send(data, at=AFTER)
    assert file.state == "accepted", file.problems
    return bytes(file.sha256).hex()


def send_unknown_key(company: Company) -> None:
    """Send the file of the first day, of a user with a key that is not classified."""
    rows = Sessions(
        users=["ada"],
        licence_sets=[["I3_ACCESS_NEW"]],
        user=[0],
        licences=[0],
        login=[3_600],
        logout=[7_200],
        flags=[0],
    )
    company.send(company.server.day(FIRST, sessions=rows), at=AFTER)


def issue_version(company: Company, *, reason: str = "") -> Statement:
    return issue.issue(
        company.id,
        IssueRequest(
            period=MAY,
            by="clara",
            at=AFTER,
            reason=reason,
            with_incomplete=bool(reason),
        ),
    )


def add_staff(role: str = StaffRole.AUDITOR) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=f"{role}@staff.example",
            name=role,
            password=PASSWORD,
            at=NOW,
            staff_role=role,
        )


@dataclass(frozen=True, slots=True)
class ApiReader:
    """Reads the API as somebody: with a session, or with a token."""

    client: Client
    headers: Mapping[str, str]

    def get(self, path: str, /, **headers: str) -> Any:
        return self.client.get(f"/api/v1{path}", headers={**self.headers, **headers})

    def statement(self, address: str = "", /, **query: str | int) -> Any:
        """Read an address below that of the statement of the period."""
        return self.client.get(
            f"/api/v1/statements/2026-05{address}", query, headers=dict(self.headers)
        )


def person(user: User) -> ApiReader:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return ApiReader(client, {})


def script(company: Company, scope: str) -> ApiReader:
    client = Client(raise_request_exception=False)
    return ApiReader(client, {"Authorization": f"Bearer {company.issue(scope)}"})


# Everybody who reads the statements of a tenant as a member, and how.
MEMBERS: Mapping[str, Callable[[Company], ApiReader]] = {
    "viewer": lambda company: person(company.people["viewer"]),
    "uploader": lambda company: person(company.people["uploader"]),
    "admin": lambda company: person(company.people["admin"]),
    "token of scope read": lambda company: script(company, Scope.READ),
    "token of scope upload": lambda company: script(company, Scope.UPLOAD),
}
