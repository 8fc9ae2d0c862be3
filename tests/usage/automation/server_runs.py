"""Reports runs of senders on servers, at given times, and reads pages as text."""

import re
from datetime import datetime
from html import unescape
from uuid import UUID, uuid4

from django.test import Client

from tests.builders import Company
from usage.models import How
from usage.sender.versions import NEWEST
from usage.uploads.record import (
    ReportedItem,
    UploadReport,
    UploadSender,
    record_report,
)


def item(number: int, outcome: str, code: str = "", **more: object) -> ReportedItem:
    status, file_id = more.get("status"), more.get("file_id")
    assert status is None or isinstance(status, int)
    assert file_id is None or isinstance(file_id, UUID)
    return ReportedItem(
        number=number,
        name=f"{number}.usg",
        size=9,
        outcome=outcome,
        code=code,
        status=status,
        file_id=file_id,
    )


def run(
    company: Company,
    machine: str,
    *items: ReportedItem,
    at: datetime,
    version: str = f"usage-sender {NEWEST} Python 3.11",
    is_ended: bool = True,
    key: UUID | None = None,
) -> UUID:
    """Report one run of a machine; return the key of its upload."""
    key = key or uuid4()
    sender = UploadSender(
        tenant_id=company.id,
        how=How.API,
        name="token demo",
        machine=machine,
        version=version,
        sent_from="192.0.2.7",
    )
    report = UploadReport(files=len(items), items=items, is_ended=is_ended)
    record_report(sender, key, report, at=at)
    return key


def words(client: Client, path: str = "/automation") -> str:
    """Return the visible text of a page."""
    answer = client.get(path)
    assert answer.status_code == 200
    text = re.sub(r"<[^>]*>", " ", answer.content.decode())
    return " ".join(unescape(text).split())
