"""Every kind of mail as it goes over the wire: its headers, and its lines."""

from datetime import UTC, timedelta
from email.message import EmailMessage
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from billing.models import Reminder
from billing.reminders import email as reminder_email
from portal import env
from portal.mail import message as mail_message
from portal.mail.send import DeliveryOutcome, deliver
from portal.models import Tenant
from tests.builders import Company
from tests.portal.mail.every_mail import LACKS, LATE_FROM, MAY, ZONE, mails
from tests.portal.mail.hostile_mail_server import HostileMailServer, hostile_server

TEMPLATES = Path(django_settings.BASE) / "templates" / "emails"

# Mails that their reader can stop, with the page where.
STOPPED_ON = {
    "reminder": "/people",
    "late-periods": "/people",
    "statement": "/people",
    "period-complete": "/people",
    "digest": "/staff/mail",
}


@pytest.fixture
def composed(alice: Company) -> dict[str, EmailMultiAlternatives]:
    return mails(alice)


def sent_over_smtp(
    settings: Any, messages: list[EmailMultiAlternatives]
) -> HostileMailServer:
    with hostile_server(settings) as server:
        for message in messages:
            assert deliver(message).outcome is DeliveryOutcome.SENT
    return server


def kinds() -> set[str]:
    return {
        path.name.removesuffix("-subject.txt")
        for path in TEMPLATES.glob("*-subject.txt")
    }


def test_every_mail_on_the_wire_is_automatic_named_dated_and_of_short_lines(
    settings: Any, composed: dict[str, EmailMultiAlternatives]
) -> None:
    assert set(composed) == kinds()
    server = sent_over_smtp(settings, list(composed.values()))
    assert len(server.given) == len(composed)
    for kind, message, wire in zip(composed, server.given, server.wires, strict=True):
        check_headers(kind, message)
        lines = wire.split(b"\r\n")
        # Longer ones may be cut by any server on the way (RFC 5321).
        assert max(map(len, lines)) <= 998, kind
        head = wire.partition(b"\r\n\r\n")[0]
        assert head.isascii(), kind
        assert not [line for line in head.split(b"\r\n") if len(line) > 200], kind


def check_headers(kind: str, message: EmailMessage) -> None:
    assert message["Auto-Submitted"] == "auto-generated", kind
    assert message["X-Auto-Response-Suppress"] == "All", kind
    name, address = parseaddr(str(message["From"]))
    assert (name, address) == ("Usage Portal", "usage-portal@localhost"), kind
    dated_at = parsedate_to_datetime(message["Date"]).replace(tzinfo=UTC)
    assert abs(dated_at - timezone.now()) < timedelta(minutes=5), kind
    assert message["Message-ID"].endswith("@localhost>"), kind
    assert message["To"] == "admin@a-100.example"
    stop = message["List-Unsubscribe"]
    # There is no address that stops mails by one request, so none is announced.
    assert message["List-Unsubscribe-Post"] is None
    if kind in STOPPED_ON:
        page = f"{django_settings.PORTAL_ADDRESS}{STOPPED_ON[kind]}"
        assert stop == f"<{page}>", kind
    else:
        assert stop is None, kind
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().strip()
    assert "<html" in html.get_content()


def test_a_mail_that_is_composed_again_has_the_same_message_id(
    alice: Company, composed: dict[str, EmailMultiAlternatives]
) -> None:
    again = mails(alice)
    ids = {kind: one.extra_headers["Message-ID"] for kind, one in composed.items()}
    assert {kind: one.extra_headers["Message-ID"] for kind, one in again.items()} == ids
    assert len({*ids.values()}) == len(ids)


def test_the_contact_for_late_mails_has_no_page_to_stop_them() -> None:
    row = Reminder(
        tenant=Tenant(pk=1, name="A", number="A-1"),
        recipient="boss@a-1.example",
        period="2026-05",
        step="late",
    )
    shown = {
        "tenant": row.tenant,
        "period": MAY,
        "lacks": LACKS,
        "zone": ZONE,
        "counts_from": LATE_FROM,
        "due_on": MAY.target_on,
        "is_escalated": True,
    }
    message = reminder_email.build_mail("reminder", row, shown).message
    assert "List-Unsubscribe" not in message.extra_headers
    assert "/excuses" not in message.body
    assert "ask a tenant admin of A to request an excuse" in message.body


@pytest.mark.parametrize(
    ("address", "envelope"),
    [
        ("jö@bücher.example", None),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ('"a b"@x.example', '"a b"@x.example'),
        ("o'neil+tag@x.example", "o'neil+tag@x.example"),
    ],
)
def test_odd_addresses_are_encoded_or_refused_and_break_no_header(
    settings: Any, db: None, address: str, envelope: str | None
) -> None:
    message = mail_message.build_message(
        "digest",
        to=address,
        shown={"day": MAY.target_on, "periods": [], "open_items": []},
    )
    with hostile_server(settings) as server:
        result = deliver(message)
    if envelope is None:
        # Encoded as a header is, it would be another address.
        assert (result.outcome, result.problem) == (
            DeliveryOutcome.REFUSED,
            "address-refused",
        )
        assert server.given == []
        return
    assert result.outcome is DeliveryOutcome.SENT
    (given,) = server.given
    assert server.wires[0].partition(b"\r\n\r\n")[0].isascii()
    assert parseaddr(str(given["To"]))[1] in {address, envelope}


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("post@vendor.example", "Usage Portal <post@vendor.example>"),
        ("Vendor <post@vendor.example>", "Vendor <post@vendor.example>"),
        ('"Vendor, Inc." <p@v.example>', '"Vendor, Inc." <p@v.example>'),
    ],
)
@pytest.mark.plain
def test_a_sender_without_a_name_gets_that_of_the_portal(
    monkeypatch: pytest.MonkeyPatch, value: str, sender: str
) -> None:
    monkeypatch.setenv("EMAIL_FROM", value)
    assert env.sender("EMAIL_FROM") == sender


@pytest.mark.plain
@pytest.mark.parametrize("value", ["nobody", "a@b\nBcc: c@d"])
def test_a_sender_that_is_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("EMAIL_FROM", value)
    with pytest.raises(ImproperlyConfigured, match="EMAIL_FROM must be"):
        env.sender("EMAIL_FROM")
