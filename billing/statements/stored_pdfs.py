"""Stores the PDF of each issued version, which is typeset once.

It is typeset after the version is committed: the tenant's lock is not held meanwhile,
and a failure does not prevent issuing. A version without a PDF gets it when somebody
requests it.
"""

import hashlib
import logging
from functools import lru_cache

from billing.models import Statement, StatementPdf
from billing.statements import paper
from billing.statements.paper import PaperSource
from portal.db import unit_of_work

logger = logging.getLogger(__name__)

# PDFs of provisional statements and drafts that a process keeps, some 200 kB each.
_KEPT = 16


def store_if_possible(statement: Statement) -> None:
    """Typeset and store the PDF of a version; log a failure.

    Begins and ends units of work of its own, of the tenant.
    """
    try:
        pdf_of_version(statement.tenant_id, statement.number)
    except Exception:
        logger.exception("%s has no PDF yet", statement.number)


def pdf_of_version(tenant_id: int, number: str) -> bytes:
    """Return the PDF of an issued version by its number, typeset now if it has none.

    Begins and ends units of work of its own, of the tenant.

    Raises:
        Unavailable: see `portal.paper.typesetting.typeset`.
        TypesettingError: the typesetter has failed.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        stored = _find(number)
        if stored is not None:
            return stored
        statement = Statement.objects.get(number=number)
    row = _typeset(statement)
    with unit_of_work.acting_for(tenant_id):
        # Of several readers at once, all get what the first one stores.
        StatementPdf.objects.bulk_create([row], ignore_conflicts=True)
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _find(number) or bytes(row.content)


@lru_cache(maxsize=_KEPT)
def pdf_of_current(source: PaperSource) -> bytes:
    """Return the PDF of a statement that is not issued.

    Raises:
        Unavailable: see `portal.paper.typesetting.typeset`.
        TypesettingError: the typesetter has failed.

    """
    return paper.as_pdf(source)


def _typeset(statement: Statement) -> StatementPdf:
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


def _find(number: str) -> bytes | None:
    rows = StatementPdf.objects.filter(statement__number=number)
    found = rows.values_list("content", flat=True).first()
    return None if found is None else bytes(found)
