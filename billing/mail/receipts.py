"""Mails the receipt of a batch of files to the person who requested it."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from billing.models import ReceiptMail
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs import wakeup
from portal.jobs.queue import Claim
from portal.mail import message as mail_message
from portal.mail import outbox
from portal.mail import switch as mail_switch
from portal.mail.outbox import MailOutcome, WrittenMail
from portal.mail.switch import SendPermission
from portal.models import Membership, Tenant
from portal.paper.typesetting import TypesettingError
from usage.files import overview_queries
from usage.models import FileState, UsageFile
from usage.receipts import pdf as receipt_pdf
from usage.receipts import rows as receipt_rows
from usage.receipts.rows import ReceiptLine

# Files that a mail lists, those with problems; the attachment has all of them.
_NAMED = 20


def request_receipt(
    tenant_id: int, *, ids: Collection[UUID], to: str, at: datetime
) -> tuple[ReceiptMail, bool]:
    """Queue a receipt mail; the flag is False if it was requested today already.

    In a unit of work of the tenant.

    Raises:
        Refused: none of the files is there.

    """
    found = sorted(overview_queries.of_ids(ids).values_list("pk", flat=True))
    if not found:
        raise Refused("not-found")
    clock = ZoneInfo(Tenant.objects.get().zone)
    digest = hashlib.sha256(b"".join(one.bytes for one in found)).digest()
    row, is_new = ReceiptMail.objects.get_or_create(
        tenant_id=tenant_id,
        recipient=to,
        digest=digest,
        day=at.astimezone(clock).date(),
        defaults={
            "files": found,
            "missing": len(set(ids)) - len(found),
            "planned_at": at,
            "due_at": at,
            "asked_by": to,
        },
    )
    wakeup.wake_up("billing.send_mail")
    return row, is_new


def send_waiting(*, now: Callable[[], datetime]) -> bool:
    """Send one receipt that is due; False if there is none, or none can be sent now.

    A stop of mails does not hold it: somebody has requested it. A restored copy does.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        permission = mail_switch.send_permission()
    if permission.held == mail_switch.RESTORED_COPY:
        return False

    def prepare(claim: Claim, at: datetime) -> EmailMultiAlternatives | None:
        return _prepare(permission, claim, at=at)

    return outbox.send_one(ReceiptMail, prepare=prepare, now=now)


def _prepare(
    permission: SendPermission, claim: Claim, *, at: datetime
) -> EmailMultiAlternatives | None:
    with unit_of_work.acting_for(claim.tenant_id):
        row = outbox.begin(ReceiptMail, claim, at=at)
        if row is None:
            return None
        reason = _unneeded_reason(row, permission)
        if reason:
            outbox.end(ReceiptMail, claim, MailOutcome.UNNEEDED, problem=reason, at=at)
            return None
        return outbox.store_text(ReceiptMail, claim, _compose(row), at=at)


def _unneeded_reason(row: ReceiptMail, permission: SendPermission) -> str:
    if permission.restored_at is not None and row.planned_at <= permission.restored_at:
        return "restored"
    members = Membership.objects.filter(user__email=row.recipient, user__is_active=True)
    return "" if members.exists() else "not-wanted"


def _compose(row: ReceiptMail) -> WrittenMail:
    tenant = Tenant.objects.get()
    files = list(overview_queries.of_ids(row.files))
    # A rejected file's row may have been deleted meanwhile.
    missing = row.missing + len(row.files) - len(files)
    found = list(receipt_rows.receipt_lines(files, zone=tenant.zone))
    counts = Counter(file.state for file in files)
    amiss = [
        line
        for file, line in zip(files, found, strict=True)
        if file.state != FileState.ACCEPTED
    ]
    shown = {
        "tenant": tenant,
        "count": len(files),
        "counts": _counted(files),
        "is_fine": counts[FileState.ACCEPTED] == len(files) and not missing,
        "lines": amiss[:_NAMED],
        "more": max(len(amiss) - _NAMED, 0),
        "missing": missing,
    }
    message = mail_message.build_message("receipt", to=row.recipient, shown=shown)
    digest = bytes(row.digest).hex()
    name = mail_message.message_id_for(
        "receipt", str(row.tenant_id), row.recipient, digest, str(row.day)
    )
    message.extra_headers["Message-ID"] = name
    _attach(message, row, tenant, found, missing=missing)
    return WrittenMail(message, name)


def _counted(files: Collection[UsageFile]) -> list[tuple[str, int]]:
    """Return the label of each verdict that occurs, with the number of its files."""
    words = Counter(str(file.get_state_display()) for file in files)
    return words.most_common()


def _attach(
    message: EmailMultiAlternatives,
    row: ReceiptMail,
    tenant: Tenant,
    found: list[ReceiptLine],
    *,
    missing: int,
) -> None:
    made_at = row.planned_at
    name = receipt_rows.file_name(
        "receipt", number=tenant.number, at=made_at, ending="csv"
    )
    table = "".join(receipt_rows.csv_pieces(found, missing=missing))
    message.attach(name, table.encode(), "text/csv")
    head = receipt_pdf.ReceiptHead(
        tenant=tenant.name,
        number=tenant.number,
        made_by=row.recipient,
        made_at=made_at.astimezone(ZoneInfo(tenant.zone)),
        missing=missing,
    )
    # A receipt that is too long for a PDF has its CSV.
    with suppress(Refused, TypesettingError):
        data = receipt_pdf.as_pdf(found, head)
        message.attach(name.removesuffix("csv") + "pdf", data, "application/pdf")
