"""Builds the current statement of a period from its stored days, and stores it.

One repeatable-read transaction reads the newest mark, the files, the catalogue, the
days and the calendar. If a day in it is stale, nothing is built, and the caller
computes the stale days first. A statement that was built earlier never replaces a
later one.
"""

import json
from datetime import datetime
from typing import Any

from django.db import connection

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    Statement,
    StatementState,
)
from billing.statements import completeness, inputs, numbered_users, sql
from billing.statements.completeness import Completeness
from billing.statements.compute import encoding, months
from billing.statements.compute.differences import Difference, differences_between
from billing.statements.compute.figures import (
    HASHED,
    RULES,
    Figures,
    canonical,
    catalogue_part,
    figures_of,
    figures_sha256,
    line_names,
)
from billing.statements.compute.local_days import days_of_period
from billing.statements.inputs import CountedFile, PeriodInputs
from billing.statements.manifest import files_part, manifest
from billing.statements.overview import overview_of
from portal.db import unit_of_work
from portal.health import failpoints
from portal.models import Tenant


def build(tenant_id: int, period: Period, *, at: datetime) -> bool:
    """Build and store the current statement; False if a day has to be computed first.

    Begins and ends units of work of its own.
    """
    with unit_of_work.acting_for(tenant_id, reading=True, repeatable=True):
        row = build_row(Tenant.objects.get(), period, at=at)
    if row is None:
        return False
    with unit_of_work.acting_for(tenant_id):
        store(row)
    failpoints.reach("statement:built")
    return True


def build_row(
    tenant: Tenant, period: Period, *, at: datetime
) -> CurrentStatement | None:
    """Build the current statement; None if a day has to be computed first.

    In a repeatable-read unit of work of the tenant.
    """
    found = inputs.load(tenant, period, with_usage=True)
    return None if found.stale_days() else _build(found, at=at)


def _build(found: PeriodInputs, *, at: datetime) -> CurrentStatement:
    """Build the row of the current statement, in the running unit of work."""
    days = [one.file.day for one in found.files if one.file.day is not None]
    complete = completeness.load(found.period, last_day=max(days, default=None), at=at)
    unreadable = _unreadable(found)
    files = manifest(one for one in found.files if one not in unreadable)
    figures = _figures(found, complete, files_part(files, unreadable=unreadable))
    last = Statement.objects.filter(
        tenant=found.tenant, period=str(found.period)
    ).order_by("-version")
    issued = last.only("version", "document", "files").first()
    differences = _differences(issued, figures, files) if issued else []
    state = StatementState.PROVISIONAL
    if issued is not None:
        state = StatementState.DRAFT if differences else StatementState.ISSUED
    return CurrentStatement(
        tenant=found.tenant,
        period=str(found.period),
        generation=found.generation,
        version=issued.version if issued else 0,
        built_at=_database_clock(),
        state=state,
        figures_sha256=figures_sha256(figures),
        figures=json.dumps(figures, ensure_ascii=False, separators=(",", ":")).encode(),
        overview=overview_of(figures, files),
        files=canonical(files),
        rules=RULES,
        catalogue=found.catalogue.version,
        differences=differences,
        unclassified=figures["catalogue"]["unclassified"],
        unreadable=figures["files"]["unreadable"],
        owed=complete.part["owed"],
        file_count=len(found.files),
        agent_peak=figures["lines"][0]["peak"],
        business_peak=figures["lines"][1]["peak"],
        lacking=complete.lacking,
        pending=complete.pending,
        is_over=complete.is_over,
        computed_at=at,
        fresh_until=complete.fresh_until,
    )


def _figures(found: PeriodInputs, complete: Completeness, files: Figures) -> Figures:
    catalogue, zone = found.catalogue, found.zone
    days = [encoding.decode(bytes(one.usage)) for one in found.stored.values()]
    alike = numbered_users.load_alike(found.tenant.pk)
    usage = months.join_days(days, line_names(catalogue), alike=alike)
    parts = figures_of(
        usage,
        days,
        days_of_period(found.period, zone),
        catalogue,
        outside=[
            found.local_day(one.day) for one in days if one.day not in found.period
        ],
        coverage=complete.by_day,
    )
    figures = {
        "rules": RULES,
        "catalogue": catalogue_part(catalogue, usage.licence_keys),
        "completeness": complete.part,
        "files": files,
        **parts,
    }
    return {name: figures[name] for name in HASHED}


def _unreadable(found: PeriodInputs) -> list[CountedFile]:
    names = {pk for one in found.stored.values() for pk in one.unreadable}
    return [one for one in found.files if one.file.pk in names or not one.days]


def _differences(
    issued: Statement, figures: Figures, files: dict[str, Any]
) -> list[Difference]:
    return differences_between(
        json.loads(bytes(issued.document)),
        figures,
        files_before=json.loads(bytes(issued.files))["files"],
        files_after=files["files"],
    )


def _database_clock() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        [(now,)] = cursor.fetchall()
    found: datetime = now
    return found


def store(row: CurrentStatement) -> None:
    """Store a current statement, unless a later one is stored."""
    names = [
        field.attname
        for field in CurrentStatement._meta.concrete_fields
        if not field.primary_key
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.store_current(names),
            [
                field.get_db_prep_save(getattr(row, field.attname), connection)
                for field in CurrentStatement._meta.concrete_fields
                if not field.primary_key
            ],
        )
