"""Loads and extends the catalogue of licence keys.

Version 1 is part of the program and never changes; later ones are rows. Each has the
keys that it classifies, and is valid from a period on. In a period, the newest version
that is valid there and has a key decides about it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.db import connection
from django.db.models import QuerySet

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

# The limits of the usage file format: 128 characters, no control characters.
_KEY = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    """A version that staff have made; `changed` has its changed kinds by key."""

    number: int
    valid_from: str
    created_at: datetime
    created_by: str
    reason: str
    changed: Mapping[str, Kind]


def catalogue_of(period: str) -> Catalogue:
    """Return the catalogue of a period, in any unit of work.

    Its number is that of the newest version that is valid in the period.
    """
    return _joined(CatalogueVersion.objects.filter(valid_from__lte=period))


def newest() -> Catalogue:
    """Return the catalogue with all versions, whichever period they are valid from."""
    return _joined(CatalogueVersion.objects.all())


def changes() -> list[CatalogueChange]:
    """Return the versions after the first with the changes of each, newest first."""
    versions = CatalogueVersion.objects.order_by("-number")
    return [
        CatalogueChange(
            version.number,
            version.valid_from,
            version.created_at,
            version.created_by,
            version.reason,
            _kinds_of(version),
        )
        for version in versions.prefetch_related("entries")
    ]


def classify(
    kinds: Mapping[str, Kind],
    *,
    valid_from: Period,
    reason: str,
    by: str,
    at: datetime,
) -> Catalogue:
    """Make the next version, which gives keys their kinds from a period on.

    In a unit of work of the staff. Statements of the tenants whose files hold one of
    the keys are marked as stale.

    Raises:
        Refused: a key is not one, or no kind would change.

    """
    # One at a time: each version has the number after the last.
    unit_of_work.hold_installation(sql.CATALOGUE_LOCK)
    given = {base_key(key): kind for key, kind in kinds.items()}
    if not given or not all(map(_KEY.fullmatch, given)):
        raise Refused("licence-key-invalid")
    known = (catalogue_of(str(valid_from)), newest())
    if all(one.kinds.get(key) is kind for key, kind in given.items() for one in known):
        raise Refused("nothing-changes")
    version = _store(given, valid_from=valid_from, reason=reason, by=by, at=at)
    _mark_tenants(list(given), valid_from)
    classified = {f"key {key}": str(kind) for key, kind in sorted(given.items())}
    audit_log.append(
        tenant_id=None,
        actor=by,
        act="keys-classified",
        subject=f"catalogue {version.number}",
        at=at,
        details={"valid_from": str(valid_from), "reason": reason, **classified},
    )
    return catalogue_of(str(valid_from))


def _store(
    kinds: Mapping[str, Kind], *, valid_from: Period, reason: str, by: str, at: datetime
) -> CatalogueVersion:
    version = CatalogueVersion.objects.create(
        number=newest().version + 1,
        valid_from=str(valid_from),
        created_at=at,
        created_by=by,
        reason=reason,
    )
    CatalogueEntry.objects.bulk_create(
        CatalogueEntry(version=version, licence_key=key, kind=kind.value)
        for key, kind in sorted(kinds.items())
    )
    return version


def _joined(versions: QuerySet[CatalogueVersion]) -> Catalogue:
    """Join the first version with later ones: of a key, the newest change applies."""
    kinds, number = dict(FIRST.kinds), FIRST.version
    for version in versions.order_by("number").prefetch_related("entries"):
        kinds |= _kinds_of(version)
        number = version.number
    return Catalogue(number, kinds)


def _kinds_of(version: CatalogueVersion) -> dict[str, Kind]:
    return {one.licence_key: Kind(one.kind) for one in version.entries.all()}


def _mark_tenants(licence_keys: list[str], valid_from: Period) -> None:
    parameters: dict[str, Any] = {"keys": licence_keys, "first": str(valid_from)}
    with connection.cursor() as cursor:
        cursor.execute(sql.MARK_HOLDERS, parameters)
