"""Records that a list of several tenants was downloaded, in the staff's own trail."""

from collections.abc import Mapping
from datetime import datetime

from portal.audit import log as audit_log
from portal.db import unit_of_work


def record(
    what: str, *, by: str, at: datetime, details: Mapping[str, audit_log.Detail]
) -> None:
    """Add the entry, in a unit of work of its own, before the first row is sent.

    One entry for each download, not one for each tenant in it: a list of a thousand
    tenants would take a thousand locks for a thousand equal entries.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF):
        audit_log.append(
            tenant_id=None,
            actor=by,
            act="tenants-exported",
            subject=what,
            details=details,
            at=at,
        )
