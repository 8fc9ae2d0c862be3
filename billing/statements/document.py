"""Writes a statement as its JSON document."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from billing.coverage.periods import ONE_DAY, Period, day_ends_at, ends_at, zone_named
from billing.models import CurrentStatement, Statement
from billing.statements.compute.differences import DIFFERENCE
from portal.models import Tenant

# The path of the JSON Schema, below the address of the portal.
SCHEMA_PATH = "/api/v1/schemas/statement-1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The version data of a document; `replaces` is the version before it."""

    state: str
    number: str | None = None
    version: int | None = None
    issued_at: datetime | None = None
    reason: str = ""
    replaces: Statement | None = None


def document(
    current: CurrentStatement, tenant: Tenant, *, zone: str, envelope: Envelope
) -> dict[str, Any]:
    """Return the document of a current statement, or of a version made from it."""
    figures = json.loads(bytes(current.figures))
    return {
        "schema": settings.PORTAL_ADDRESS + SCHEMA_PATH,
        "statement": _statement(envelope),
        "tenant": {"number": tenant.number, "name": tenant.name},
        "period": _period(Period.parse(current.period), zone),
        "figures_sha256": current.figures_sha256,
        **figures,
        # JSONB does not keep the order of keys.
        "differences": [
            {name: one[name] for name in DIFFERENCE} for one in current.differences
        ],
    }


def as_bytes(value: Mapping[str, Any]) -> bytes:
    """Encode a document as JSON in UTF-8; equal documents give equal bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def version_name(*, tenant: str, period: str, version: int | None, state: str) -> str:
    """Return the common part of names of downloads, such as 100417-2026-05-v2.

    Without a version, the state replaces `v2`.
    """
    return f"{tenant}-{period}-{state if version is None else f'v{version}'}"


def _statement(envelope: Envelope) -> dict[str, Any]:
    replaced = envelope.replaces
    return {
        "number": envelope.number,
        "version": envelope.version,
        "state": envelope.state,
        "issued_at": _instant(envelope.issued_at) if envelope.issued_at else None,
        "reason": envelope.reason,
        "replaces": {"version": replaced.version, "sha256": replaced.sha256}
        if replaced
        else None,
    }


def _period(period: Period, zone_name: str) -> dict[str, Any]:
    zone = zone_named(zone_name)
    return {
        "name": str(period),
        "first_day": period.starts_on.isoformat(),
        "last_day": period.ends_on.isoformat(),
        "zone": zone_name,
        "starts_at": _instant(day_ends_at(period.starts_on - ONE_DAY, zone)),
        "ends_at": _instant(ends_at(period, zone)),
    }


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
