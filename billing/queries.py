"""Reads of what is owed. Each runs in the caller's unit of work."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db.models import Q

from billing import periods
from billing.asked import Excuse
from billing.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    RefusedFact,
    ServerFact,
    TenantFacts,
)
from billing.licences import mode_on
from billing.models import LicenceChange, TenantPeriod
from billing.periods import Period
from billing.standing import GRACE, Judgement, Standing, judge
from portal.models import Tenant
from usage import queries as usage_queries
from usage import unproved
from usage.models import Server, UsageFile
from usage.server_request import Decision
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
    deadline_at = opened.effective_at if opened else deadline_of(tenant, period)
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
    tenant: Tenant,
    period: Period,
    *,
    deadline_at: datetime,
    zone: str,
    with_unproved: bool = True,
) -> TenantFacts:
    """Collect what the calendar of one period is made from; a fixed set of queries.

    Without what nobody has judged yet where `with_unproved` is False.
    """
    waiting = usage_queries.waiting_for_us()
    excuses = _excuses(deadline_at)
    refused = usage_queries.refused_since(deadline_at - GRACE)
    claimed = unproved.claimed(tenant.number) if with_unproved else []
    series = {row.series for row in waiting if row.series}
    series |= {one.header.series for one in claimed}
    # What was known by the deadline is asked for only where more has come since.
    is_more = usage_queries.has_accepted_since(deadline_at)
    rows = {
        row.pk: row
        for known_before in ((None, deadline_at) if is_more else (None,))
        for row in usage_queries.accepted_around(
            period.starts_on,
            period.ends_on,
            received_before=known_before,
            whole_series=series,
            whole_servers=_judged_again(refused, excuses),
        )
    }
    files = tuple(_file_fact(row) for row in rows.values())
    held = (*map(_held_fact, waiting), *map(_claimed_fact, claimed))
    changes = tuple(LicenceChange.objects.values_list("from_on", "keys"))
    return TenantFacts(
        zone=zone,
        first_on=tenant.first_owed_on,
        collects=partial(mode_on, changes),
        servers=_server_facts(files, held, zone),
        files=files,
        held=held,
        excuses=_excuse_facts(excuses),
        refused=(*_refused_files(refused), *_refused_excuses(excuses)),
    )


def _excuses(deadline_at: datetime) -> list[Excuse]:
    """Return those that wait or count, and those whose refusal gives time still."""
    counts = Q(decision__in=("", Decision.APPROVED))
    refused = Q(
        decision=Decision.REFUSED,
        decided_at__gt=deadline_at - GRACE,
        asked_at__lt=deadline_at,
    )
    found = Excuse.objects.filter(counts | refused).select_related("server")
    return list(found.order_by("asked_at", "pk"))


def _judged_again(
    refused: Iterable[UsageFile], excuses: Iterable[Excuse]
) -> set[int | None]:
    """Return the servers that are judged later too, by what was here by then."""
    return {
        *(row.server_id for row in refused),
        *(one.server_id for one in excuses if one.decision == Decision.REFUSED),
    }


def _refused_files(rows: Iterable[UsageFile]) -> Iterator[RefusedFact]:
    for row in rows:
        yield RefusedFact(what=_held_fact(row), refused_at=_there(row.decided_at))


def _excuse_facts(rows: Iterable[Excuse]) -> tuple[ExcuseFact, ...]:
    return tuple(_excuse_fact(row) for row in rows if row.decision != Decision.REFUSED)


def _refused_excuses(rows: Iterable[Excuse]) -> Iterator[RefusedFact]:
    for row in rows:
        if row.decision == Decision.REFUSED:
            fact = replace(_excuse_fact(row), approved_at=None)
            yield RefusedFact(what=fact, refused_at=_there(row.decided_at))


def _excuse_fact(row: Excuse) -> ExcuseFact:
    return ExcuseFact(
        server=row.server.name,
        kind=ExcuseKind(row.kind),
        asked_at=row.asked_at,
        approved_at=row.decided_at,
        days=frozenset(row.days),
        series=row.series,
        first_sequence=row.first_sequence or 0,
        last_sequence=row.last_sequence or 0,
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


def _server_facts(
    files: tuple[FileFact, ...], held: tuple[HeldFact, ...], zone: str
) -> tuple[ServerFact, ...]:
    servers = Server.objects.order_by("name")
    return tuple(_server_fact(server, files, held, zone) for server in servers)


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
