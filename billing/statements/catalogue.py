"""Loads and extends the catalogue of licence keys.

Version 1 is part of the program and never changes; later ones are rows. Each version is
complete, and valid from a period on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection

from billing.coverage.periods import Period
from billing.models import CatalogueEntry, CatalogueVersion
from billing.statements import sql
from billing.statements.compute.catalogue import Catalogue, Kind, base_key
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused

# The access licences and add-ons that the vendor's licensing reference names.
FIRST = Catalogue(
    1,
    MappingProxyType(
        {
            "I3_ACCESS_CLIENT": Kind.BUSINESS,
            "I3_ACCESS_ACD_MEDIA_1": Kind.AGENT,
            "I3_ACCESS_ACD_MEDIA_2": Kind.AGENT,
            "I3_ACCESS_ACD_MEDIA_3_PLUS": Kind.AGENT,
            "I3_ACCESS_DIALER_SUPERVISOR_PLUGIN": Kind.ADD_ON,
            "I3_ACCESS_HISTORICAL_REPORT_SUPERVISOR_PLUGIN": Kind.ADD_ON,
            "I3_ACCESS_INTERACTION_SCRIPTER_ADDON": Kind.ADD_ON,
            "I3_ACCESS_IPA_USER": Kind.ADD_ON,
            "I3_ACCESS_RECORDER": Kind.ADD_ON,
            "I3_ACCESS_REPORT_ASSISTANT_SUPERVISOR_PLUGIN": Kind.ADD_ON,
            "I3_ACCESS_WORKGROUP_SUPERVISOR_PLUGIN": Kind.ADD_ON,
            "I3_LICENSE_BASIC_STATION": Kind.IGNORED,
        }
    ),
)

# As long as the format allows; no control character, which a file cannot hold either.
_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """A version that staff have made; `changed` has the keys it classifies anew."""

    number: int
    valid_from: str
    created_at: datetime
    created_by: str
    reason: str
    changed: Mapping[str, Kind]


def catalogue_of(period: str) -> Catalogue:
    """Return the version that applies to a period, in any unit of work."""
    versions = CatalogueVersion.objects.filter(valid_from__lte=period)
    last = versions.order_by("-number").first()
    return FIRST if last is None else _load(last)


def newest() -> Catalogue:
    """Return the newest version, whichever period it is valid from."""
    last = CatalogueVersion.objects.order_by("-number").first()
    return FIRST if last is None else _load(last)


def changes() -> list[CatalogueChange]:
    """Return the versions after the first with what each changed, newest first."""
    before: Mapping[str, Kind] = FIRST.kinds
    found = []
    for version in CatalogueVersion.objects.order_by("number"):
        kinds = _load(version).kinds
        changed = {
            key: kind for key, kind in kinds.items() if before.get(key) is not kind
        }
        found.append(
            CatalogueChange(
                version.number,
                version.valid_from,
                version.created_at,
                version.created_by,
                version.reason,
                changed,
            )
        )
        before = kinds
    return found[::-1]


def classify(
    kinds: Mapping[str, Kind],
    *,
    valid_from: Period,
    reason: str,
    by: str,
    at: datetime,
) -> Catalogue:
    """Make the next version: the newest one, with some keys classified anew.

    In a unit of work of the staff. Statements of the tenants whose files hold one of
    the keys are marked as stale.

    Raises:
        Refused: a key cannot be one, or nothing would change.

    """
    # One after the other: each version is made from the one before it.
    unit_of_work.hold_installation(sql.CATALOGUE_LOCK)
    given = {base_key(key.strip()): kind for key, kind in kinds.items()}
    if not given or not all(map(_KEY.fullmatch, given)):
        raise Refused("licence-key-invalid")
    before = newest()
    if all(before.kinds.get(key) is kind for key, kind in given.items()):
        raise Refused("nothing-changes")
    found = Catalogue(before.version + 1, {**before.kinds, **given})
    version = CatalogueVersion.objects.create(
        number=found.version,
        valid_from=str(valid_from),
        created_at=at,
        created_by=by,
        reason=reason,
    )
    _store_entries(version, found)
    _mark_tenants(list(given), valid_from)
    details = {"valid_from": str(valid_from), "reason": reason}
    audit_log.append(
        tenant_id=None,
        actor=by,
        act="keys-classified",
        subject=f"catalogue {found.version}",
        at=at,
        details=details | {key: str(kind) for key, kind in sorted(given.items())},
    )
    return found


def _store_entries(version: CatalogueVersion, catalogue: Catalogue) -> None:
    CatalogueEntry.objects.bulk_create(
        CatalogueEntry(version=version, licence_key=key, kind=kind.value)
        for key, kind in sorted(catalogue.kinds.items())
    )


def _load(version: CatalogueVersion) -> Catalogue:
    entries = CatalogueEntry.objects.filter(version=version)
    kinds = {
        key: Kind(kind) for key, kind in entries.values_list("licence_key", "kind")
    }
    return Catalogue(version.number, kinds)


def _mark_tenants(licence_keys: list[str], valid_from: Period) -> None:
    parameters: dict[str, Any] = {"keys": licence_keys, "first": str(valid_from)}
    with connection.cursor() as cursor:
        cursor.execute(sql.MARK_HOLDERS, parameters)
