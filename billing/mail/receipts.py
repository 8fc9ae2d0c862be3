"""Mails the receipt of a batch of files to the person who requested it."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from billing.models import ReceiptMail
from portal.db import unit_of_work
from portal.errors import Refused
from portal.jobs import wakeup
from portal.jobs.queue import Claim, JobState
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
from usage.receipts.by_mail import RequestedReceipt
from usage.receipts.rows import ReceiptLine

# Files that a mail lists, those with problems; the attachment has all of them.
_NAMED = 20

# What decides whether a receipt says the same as one before.
_SHOWN = ("pk", "state", "settled_at", "decided_at", "forwarding__checked_at")
_Part = Sequence[tuple[Any, ...]]

# Receipt mails that may wait for one person of a tenant: two of 10,000 files.
_WAITING_AT_MOST = 20


def mail_receipt(
    tenant_id: int, ids: Collection[UUID], to: str, at: datetime
) -> RequestedReceipt:
    """Queue the receipt of some files as mails to a person.

    Each mail has as many files as a PDF: with its CSV up to 3 MB, which any mail server
    takes. The receipt is not new if all its mails were already requested today. Begins
    and ends a unit of work of its own.

    Raises:
        Refused: none of the files is there, or too many receipts wait for the person.

    """
    with unit_of_work.acting_for(tenant_id):
        found = list(overview_queries.of_ids(ids).values_list(*_SHOWN))
        if not found:
            raise Refused("not-found")
        each = receipt_pdf.PDF_AT_MOST
        parts = [found[first : first + each] for first in range(0, len(found), each)]
        requested = _add_rows(
            tenant_id, parts, missing=len(set(ids)) - len(found), to=to, at=at
        )
        wakeup.wake_up("billing.send_mail")
    return requested


def _add_rows(
    tenant_id: int, parts: Sequence[_Part], *, missing: int, to: str, at: datetime
) -> RequestedReceipt:
    """Store a row for each part that has none yet today."""
    digests = [
        _digest(some, number=number, parts=len(parts), missing=missing)
        for number, some in enumerate(parts, start=1)
    ]
    today = at.astimezone(ZoneInfo(Tenant.objects.get().zone)).date()
    mails = ReceiptMail.objects.filter(recipient=to)
    known = mails.filter(day=today, digest__in=digests)
    # A reader who requests a failed or unsure receipt again did not get it.
    again = known.filter(state=JobState.FAILED).update(**outbox.requeued(at=at))
    outcomes = {bytes(one.digest): one.outcome for one in known.defer("files")}
    new = {*digests} - {*outcomes}
    waiting = mails.filter(state=JobState.WAITING).count()
    if new and waiting + len(new) > _WAITING_AT_MOST:
        raise Refused("document-busy")
    ReceiptMail.objects.bulk_create(
        (
            ReceiptMail(
                tenant_id=tenant_id,
                recipient=to,
                digest=digest,
                day=today,
                files=sorted(pk for pk, *_ in some),
                missing=0 if number > 1 else missing,
                part=number,
                parts=len(parts),
                planned_at=at,
                due_at=at,
                asked_by=to,
            )
            for number, (digest, some) in enumerate(
                zip(digests, parts, strict=True), start=1
            )
            if digest in new
        ),
        ignore_conflicts=True,  # a concurrent request stored it
    )
    return RequestedReceipt(
        parts=len(parts),
        is_new=bool(new or again),
        is_sent=not new and {*outcomes.values()} == {MailOutcome.SENT},
    )


def _digest(some: _Part, *, number: int, parts: int, missing: int) -> bytes:
    """Return what makes a mail another one: what it lists, and its place.

    A receipt that is requested again after a decision about a file is a new one.
    """
    rows = sorted([str(value) for value in row] for row in some)
    text = json.dumps([number, parts, missing if number == 1 else 0, rows])
    return hashlib.sha256(text.encode()).digest()


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
        "part": row.part,
        "parts": row.parts,
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
    what = f"receipt-part-{row.part}" if row.parts > 1 else "receipt"
    name = receipt_rows.file_name(what, number=tenant.number, at=made_at, ending="csv")
    table = "".join(receipt_rows.csv_pieces(found, missing=missing))
    message.attach(name, table.encode(), "text/csv")
    head = receipt_pdf.ReceiptHead(
        tenant=tenant.name,
        number=tenant.number,
        made_by=row.recipient,
        made_at=made_at.astimezone(ZoneInfo(tenant.zone)),
        missing=missing,
        part=row.part,
        parts=row.parts,
    )
    # Long names and reasons take several documents.
    documents = receipt_pdf.documents(found)
    for number, some in enumerate(documents, start=1):
        ending = f"-{number}.pdf" if len(documents) > 1 else ".pdf"
        # A receipt that cannot be typeset has its CSV.
        with suppress(TypesettingError):
            data = receipt_pdf.as_pdf(some, head)
            message.attach(name.removesuffix(".csv") + ending, data, "application/pdf")
