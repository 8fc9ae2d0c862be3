"""Composes one mail of every kind, with long, odd and foreign content."""

import json
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from billing.calendar_view.table import MissingEntry
from billing.coverage.periods import Period
from billing.mail import complete_mails, digest, key_mails, token_mails
from billing.mail import receipts as mail_receipts
from billing.models import (
    CompleteMail,
    KeyMail,
    LateContact,
    ReceiptMail,
    Reminder,
    Statement,
    TokenMail,
)
from billing.periods import queries as period_queries
from billing.periods.text import other_late_line
from billing.reminders import email as reminder_email
from billing.reminders.late_email import LatePeriodText
from billing.statements import email as statement_email
from portal.accounts import send_mails as account_mails
from portal.db import unit_of_work
from portal.models import (
    AccountMail,
    AccountMailKind,
    AddressChange,
    ApiToken,
    Invitation,
    Tenant,
    User,
)
from tests.builders import NOW, Company
from usage.inbox import notices as inbox_notices
from usage.models import InboxNotice

NAME = "Müller & Söhne, „Österreich“ <日本> " + "ß" * 40
ZONE = "Europe/Berlin"
MAY, APRIL = Period(2026, 5), Period(2026, 4)
LATE_FROM = datetime(2026, 6, 5, tzinfo=ZoneInfo(ZONE))

LACKS = [
    MissingEntry(
        "IC01",
        "2 files, numbers 1041 to 1042, between 5 and 8 May.",
        "missing: 6 to 7 May",
        date(2026, 5, 5),
        date(2026, 5, 8),
    ),
    # A server whose name has no place to break a line.
    MissingEntry("S" * 90, "27 May.", "", date(2026, 5, 27), date(2026, 5, 27)),
]


def mails(company: Company, *, name: str = NAME) -> dict[str, EmailMultiAlternatives]:
    """Return a mail of every kind, by the name of its templates."""
    admin = company.people["admin"]
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.filter(pk=company.id).update(name=name)
    with unit_of_work.acting_for(company.id, reading=True):
        tenant = Tenant.objects.get()
        found = {
            "reminder": _reminder(tenant, admin.email),
            "late-periods": _late_periods(tenant, admin.email),
            "statement": _statement(name, admin.email),
            "receipt": _receipt(tenant, admin.email),
            "server-key": key_mails._compose(
                KeyMail(
                    tenant=tenant,
                    recipient=admin.email,
                    server="IC01",
                    fingerprint="3f9a-77c2-0d1e-5b44-9c3f-2210-aa7e-61d0",
                )
            ).message,
            "token-expires": token_mails._compose(
                TokenMail(tenant=tenant, recipient=admin.email, token=_token(tenant))
            ).message,
            "period-complete": complete_mails._compose(
                CompleteMail(tenant=tenant, recipient=admin.email, period="2026-05"),
                tenant,
                period_queries.view_period(MAY, at=NOW),
            ).message,
            "inbox-notice": inbox_notices._message(
                InboxNotice(tenant=tenant, day=date(2026, 5, 20)),
                admin,
                [inbox_notices.NoticeLine("x" * 200, "rejected", [name, "ä" * 900])],
                more=1_200,
            ),
            "digest": digest._compose(admin.email, _digest()).message,
        }
    about = _rows_of_links(tenant, admin)
    return found | {
        kind: account_mails.compose(
            _account_mail(kind, admin.email, tenant, about.get(kind)), admin, at=NOW
        )
        for kind in AccountMailKind.values
    }


def _token(tenant: Tenant) -> ApiToken:
    return ApiToken(
        pk=1,
        tenant=tenant,
        name=NAME[:100],
        server="S" * 90,
        expires_at=NOW,
        last_used_at=NOW,
        last_used_from="2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    )


def _rows_of_links(tenant: Tenant, person: User) -> dict[str, int]:
    """Make a row for each kind of mail with a link; return their ids."""
    until: dict[str, Any] = {"created_at": NOW, "expires_at": NOW + timedelta(days=3)}
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Invitation.objects.all().update(withdrawn_at=NOW, withdrawn_by_text="test")
        AddressChange.objects.all().update(ended_at=NOW)
        LateContact.objects.all().update(ended_at=NOW)
        rows = {
            AccountMailKind.INVITATION: Invitation.objects.create(
                tenant=tenant,
                address="new@trial.example",
                name="Cléo",
                role="viewer",
                invited_by_text="Ada",
                **until,
            ),
            AccountMailKind.ADDRESS_LINK: AddressChange.objects.create(
                user=person, address="new@trial.example", **until
            ),
            AccountMailKind.CONTACT_LINK: LateContact.objects.create(
                tenant=tenant, address="new@trial.example", chosen_by="Ada", **until
            ),
        }
    return {str(kind): row.pk for kind, row in rows.items()}


def _reminder(tenant: Tenant, to: str) -> EmailMultiAlternatives:
    row = Reminder(tenant=tenant, recipient=to, period="2026-05", step="soon")
    shown = {
        "tenant": tenant,
        "period": MAY,
        "name": "Ada",
        "also_late": [other_late_line(APRIL, beside=MAY, missing=1_300)],
        "lacks": LACKS,
        "more": 1_234,
        "answer": "1,240 server-days are missing.",
        "please": "Due by the end of Wed 3 June.",
        "due_on": MAY.target_on,
        "span": "28 April to 27 May",
        "zone": ZONE,
        "counts_from": LATE_FROM,
        "is_escalated": False,
    }
    return reminder_email.build_mail("reminder", row, shown).message


def _late_periods(tenant: Tenant, to: str) -> EmailMultiAlternatives:
    row = Reminder(tenant=tenant, recipient=to, period="2026-05", step="late")
    periods = [
        LatePeriodText(
            period=period,
            span=span,
            answer="3 server-days are missing.",
            lacks=LACKS,
            more=1_200,
            since=LATE_FROM,
            zone=ZONE,
        )
        for period, span in ((MAY, "28 April to 27 May"), (APRIL, "28 March to 27"))
    ]
    shown = {"tenant": tenant, "name": "Ada", "periods": periods, "is_escalated": False}
    return reminder_email.build_mail("late-periods", row, shown).message


def _statement(name: str, to: str) -> EmailMultiAlternatives:
    about = {
        "version": 1,
        "state": "issued",
        "issued_at": "2026-06-03T09:00:00Z",
        "reason": "Files of a server were found. " * 30,
        "replaces": None,
    }
    document = {
        "statement": about,
        "tenant": {"number": "A-100", "name": name},
        "period": {"name": "2026-05", "zone": ZONE},
        "files": {"count": 1234, "unreadable": []},
        "totals": {"rows": 9},
        "lines": [
            {"id": "agent", "peak": 1041, "peak_at": None},
            {"id": "business", "peak": 1, "peak_at": None},
        ],
        "completeness": {"owed": 62, "missing": 1, "with_us": 0, "pending": 0},
        "differences": [],
    }
    row = Statement(
        tenant_id=1, period="2026-05", version=1, document=json.dumps(document).encode()
    )
    return statement_email.compose(row, to=to).message


def _receipt(tenant: Tenant, to: str) -> EmailMultiAlternatives:
    row = ReceiptMail(
        tenant=tenant,
        recipient=to,
        digest=b"1" * 32,
        day=date(2026, 5, 20),
        files=[],
        missing=1_000,
        planned_at=NOW,
    )
    return mail_receipts._compose(row).message


def _digest() -> dict[str, Any]:
    item = SimpleNamespace(what="1,040 held files to decide", url_name="staff-held")
    period = SimpleNamespace(
        span="28 April to 27 May", counts=[("Late", 12), ("Complete", 1_204)]
    )
    return {
        "updating": "",
        "failed": "",
        "periods": [period],
        "open_items": [item],
        "day": date(2026, 5, 20),
    }


def _account_mail(kind: str, to: str, tenant: Tenant, about: int | None) -> AccountMail:
    return AccountMail(
        pk=1,
        tenant=tenant,
        about=about,
        details={
            "name": NAME,
            "address": "new@trial.example",
            "role": "viewer",
            "token": "server set-up 2026-05-20",
            "ip": "2001:db8::1",
        },
        kind=kind,
        recipient=to,
        invited_by="Cléo",
        ip="2001:db8::1",
        planned_at=datetime(2026, 5, 20, 18, tzinfo=UTC),
    )
