"""Reads of what is owed. Each runs in the caller's unit of work."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings

from billing import periods
from billing.facts import FileFact, HeldFact, ServerFact, TenantFacts
from billing.licences import mode_on
from billing.models import LicenceChange, TenantPeriod
from billing.periods import Period
from billing.standing import Judgement, Standing, judge
from portal.models import Tenant
from usage import queries as usage_queries
from usage import unproved
from usage.models import Server, UsageFile
from usage.unproved import Claimed

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodView:
    """A tenant's period as it is shown; `zone` is the one the deadline is told in."""

    period: Period
    zone: str
    deadline_at: datetime
    judgement: Judgement


def view_period(period: Period, *, at: datetime) -> PeriodView:
    """Return one period of the tenant that this unit of work is for."""
    tenant = Tenant.objects.get()
    opened = TenantPeriod.objects.filter(period=str(period)).first()
    # A period that nothing has opened yet shows what it would open with.
    deadline_at = opened.deadline_at if opened else deadline_of(tenant, period)
    zone = opened.zone if opened else tenant.zone
    facts = tenant_facts(tenant, period, deadline_at=deadline_at, zone=zone)
    return PeriodView(
        period=period,
        zone=zone,
        deadline_at=deadline_at,
        judgement=judge(period, facts, deadline_at=deadline_at, at=at),
    )


def deadline_of(tenant: Tenant, period: Period) -> datetime:
    """Return the deadline that a period would open with now."""
    zone = periods.zone_named(tenant.zone)
    return periods.deadline_at(period, zone, late_from=settings.LATE_FROM)


def view_urgent_period(*, at: datetime) -> PeriodView:
    """Return the period that somebody comes for: the last one until it is complete."""
    tenant = Tenant.objects.get()
    running = Period.containing(at.astimezone(periods.zone_named(tenant.zone)).date())
    last = view_period(running.previous(), at=at)
    done = (Standing.COMPLETE, Standing.COMPLETED_LATE, Standing.NOTHING_OWED)
    if last.judgement.standing in done:
        return view_period(running, at=at)
    return last


def opened_periods(*, most: int) -> list[TenantPeriod]:
    """Return the tenant's periods that have opened, newest first."""
    return list(TenantPeriod.objects.order_by("-period")[:most])


def tenant_facts(
    tenant: Tenant, period: Period, *, deadline_at: datetime, zone: str
) -> TenantFacts:
    """Collect what the calendar of one period is made from; a fixed set of queries."""
    waiting = usage_queries.waiting_for_us()
    claimed = unproved.claimed(tenant.number)
    series = {row.series for row in waiting if row.series}
    series |= {one.header.series for one in claimed}
    rows = {
        row.pk: row
        for known_before in (None, deadline_at)
        for row in usage_queries.accepted_around(
            period.starts_on,
            period.ends_on,
            received_before=known_before,
            whole_series=series,
        )
    }
    files = tuple(_file_fact(row) for row in rows.values())
    held = (*map(_held_fact, waiting), *map(_claimed_fact, claimed))
    changes = tuple(LicenceChange.objects.values_list("from_on", "keys"))
    return TenantFacts(
        zone=zone,
        first_on=tenant.first_owed_on,
        collects=partial(mode_on, changes),
        servers=tuple(
            _server_fact(server, files, held, zone)
            for server in Server.objects.order_by("name")
        ),
        files=files,
        held=held,
    )


def _file_fact(row: UsageFile) -> FileFact:
    return FileFact(
        server=_there(row.server).name,
        series=_there(row.series),
        sequence=_there(row.sequence),
        sha256=bytes(row.sha256),
        previous=bytes(row.previous) if row.previous is not None else None,
        day=_there(row.day),
        opened_at=_there(row.opened_at),
        closed_at=_there(row.closed_at),
        opened_offset=_there(row.opened_offset),
        closed_offset=_there(row.closed_offset),
        closed_by=row.closed_by,
        zone=row.zone,
        received_at=row.received_at,
    )


def _held_fact(row: UsageFile) -> HeldFact:
    fact = _file_fact(row)
    return HeldFact(server=fact.server, received_at=row.received_at, file=fact)


def _claimed_fact(claimed: Claimed) -> HeldFact:
    row, header = claimed.file, claimed.header
    fact = FileFact(
        server=header.server,
        series=header.series,
        sequence=header.sequence,
        sha256=bytes(row.sha256),
        previous=header.previous,
        day=header.day,
        opened_at=header.opened_at,
        closed_at=header.closed_at,
        opened_offset=header.opened_offset,
        closed_offset=header.closed_offset,
        closed_by=header.closed_by,
        zone=header.zone,
        received_at=row.received_at,
    )
    return HeldFact(server=fact.server, received_at=row.received_at, file=fact)


def _server_fact(
    server: Server,
    files: tuple[FileFact, ...],
    held: tuple[HeldFact, ...],
    tenant_zone: str,
) -> ServerFact:
    # The zone last seen: in what counts, else in what waits, else the tenant's.
    waiting = (one.file for one in held if one.file is not None)
    for facts in (files, waiting):
        own = [fact for fact in facts if fact.server == server.name]
        if own:
            zone = max(own, key=lambda fact: (fact.closed_at, fact.sequence)).zone
            break
    else:
        zone = tenant_zone
    return ServerFact(
        name=server.name,
        first_owed_on=server.first_owed_on,
        retired_on=server.retired_on,
        zone=zone,
    )


def _there(value: T | None) -> T:
    """Return a column that the database keeps filled in the rows asked for."""
    if value is None:
        message = "A file with a server has all that its header says."
        raise RuntimeError(message)
    return value
