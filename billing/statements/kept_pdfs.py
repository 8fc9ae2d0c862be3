"""Keeps the PDF of each issued version, which is typeset once."""

import hashlib

from billing.models import Statement, StatementPdf
from billing.statements import paper
from billing.statements.paper import PaperSource
from portal.db import unit_of_work


def typeset_version(statement: Statement) -> StatementPdf:
    """Return the PDF of a version as a row that is not saved yet.

    Raises:
        Unavailable: other documents are being typeset for too long.

    """
    source = PaperSource(
        document=bytes(statement.document),
        csv=bytes(statement.csv),
        files=bytes(statement.files),
        as_of=statement.issued_at,
    )
    content = paper.as_pdf(source)
    return StatementPdf(
        statement=statement,
        tenant_id=statement.tenant_id,
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def pdf_of_version(tenant_id: int, number: str) -> bytes:
    """Return the PDF of an issued version by its number.

    A version that was issued before there were PDFs gets its own now. Begins and ends
    units of work of its own, of the tenant.

    Raises:
        Unavailable: other documents are being typeset for too long.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        kept = _find(number)
        if kept is not None:
            return kept
        statement = Statement.objects.get(number=number)
    row = typeset_version(statement)
    with unit_of_work.acting_for(tenant_id):
        # Of several readers at once, all get what the first one keeps.
        StatementPdf.objects.bulk_create([row], ignore_conflicts=True)
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _find(number) or bytes(row.content)


def _find(number: str) -> bytes | None:
    rows = StatementPdf.objects.filter(statement__number=number)
    found = rows.values_list("content", flat=True).first()
    return None if found is None else bytes(found)
