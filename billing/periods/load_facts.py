"""Loads the facts of a tenant from which the calendars of its periods are computed.

Each read runs in the caller's unit of work.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

from django.db.models import Q

from billing.coverage.facts import (
    ExcuseFact,
    ExcuseKind,
    FileFact,
    HeldFact,
    RefusedFact,
    ServerFact,
    TenantFacts,
)
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period
from billing.coverage.standing import GRACE
from billing.models import Excuse, LicenceChange
from portal.approvals import Decision
from portal.models import Tenant
from usage.files import chains, unjudged
from usage.files import queries as usage_queries
from usage.files.chains import ChainFile
from usage.files.unjudged import UnjudgedFile
from usage.models import Server, UsageFile

T = TypeVar("T")


def tenant_facts(
    tenant: Tenant, period: Period, *, deadline_at: datetime, zone: str
) -> TenantFacts:
    """Load the facts of one period's calendar, in a fixed set of queries."""
    loaded = load_facts(tenant, deadlines=[deadline_at])
    return loaded.facts(period, deadline_at=deadline_at, zone=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFacts:
    """The facts of a tenant that are the same for all periods they were loaded for.

    `has_later_files`: files have come since the first of the deadlines. `refused` has
    all refused files that can give time after one of the deadlines. `zones` are those
    that servers were last seen in, by server name. `select_files` selects accepted
    files as `usage.files.chains.accepted_around` does.
    """

    tenant: Tenant
    changes: Sequence[tuple[date, Sequence[str]]]
    servers: Sequence[Server]
    waiting: Sequence[UsageFile]
    unjudged: Sequence[UnjudgedFile]
    excuses: Sequence[Excuse]
    refused: Sequence[UsageFile]
    has_later_files: bool
    zones: Mapping[str, str]
    select_files: Callable[..., set[ChainFile]] = chains.accepted_around

    def of_server(self, server: Server, *, since: datetime) -> "LoadedFacts":
        """Return the facts of one server alone; loads its accepted files.

        `since` is the first of the deadlines that they are for.
        """
        files = chains.files_of_server(server.pk)
        last = files.last_received_at
        return replace(
            self,
            servers=(server,),
            waiting=[one for one in self.waiting if one.server_id == server.pk],
            unjudged=[one for one in self.unjudged if one.header.server == server.name],
            excuses=[one for one in self.excuses if one.server_id == server.pk],
            refused=[one for one in self.refused if one.server_id == server.pk],
            has_later_files=last is not None and last >= since,
            zones={server.name: files.zone} if files.zone is not None else {},
            select_files=files.around,
        )

    def facts(self, period: Period, *, deadline_at: datetime, zone: str) -> TenantFacts:
        """Return the facts of a period's calendar.

        With one or two more queries; with none for a single server.
        """
        excuses = [one for one in self.excuses if _is_relevant(one, deadline_at)]
        refused = [one for one in self.refused if _gives_time(one, deadline_at)]
        series = {row.series for row in self.waiting if row.series}
        series |= {one.header.series for one in self.unjudged}
        # What was known by the deadline is loaded only where more has come since.
        instants = (None, deadline_at) if self.has_later_files else (None,)
        proofs = {
            proof
            for known_before in instants
            for proof in self.select_files(
                period.starts_on,
                period.ends_on,
                received_before=known_before,
                whole_series=series,
                whole_servers=_servers_judged_again(refused, excuses),
            )
        }
        files = tuple(FileFact(**proof._asdict()) for proof in proofs)
        held = (*map(_held_fact, self.waiting), *map(_unjudged_fact, self.unjudged))
        return TenantFacts(
            zone=zone,
            first_on=self.tenant.first_owed_on,
            collects=partial(mode_on, self.changes),
            servers=tuple(
                _server_fact(one, self.zones.get(one.name), held, zone)
                for one in self.servers
            ),
            files=files,
            held=held,
            excuses=_excuse_facts(excuses),
            refused=(*_refused_files(refused), *_refused_excuses(excuses)),
        )


def load_facts(
    tenant: Tenant,
    *,
    deadlines: Sequence[datetime],
    with_unjudged: bool = True,
    by_server: bool = False,
) -> LoadedFacts:
    """Load the facts for periods with these deadlines, in a fixed set of queries.

    Without files that nobody has judged yet where `with_unjudged` is False. With
    `by_server` they are for `LoadedFacts.of_server` alone.
    """
    first = min(deadlines)
    return LoadedFacts(
        tenant=tenant,
        changes=tuple(LicenceChange.objects.values_list("from_on", "keys")),
        servers=tuple(Server.objects.order_by("name")),
        waiting=usage_queries.waiting_for_us(),
        unjudged=unjudged.unjudged_files(tenant.number) if with_unjudged else [],
        excuses=_excuses(first, max(deadlines)),
        refused=usage_queries.refused_since(first - GRACE),
        has_later_files=not by_server and chains.accepted_since(first),
        zones={} if by_server else chains.last_zones(),
    )


def _excuses(first: datetime, last: datetime) -> list[Excuse]:
    """Return excuses that wait or count, or whose refusal may still give time."""
    counts = Q(decision__in=("", Decision.APPROVED))
    refused = Q(
        decision=Decision.REFUSED,
        decided_at__gt=first - GRACE,
        asked_at__lt=last,
    )
    found = Excuse.objects.filter(counts | refused).select_related("server")
    return list(found.order_by("asked_at", "pk"))


def _is_relevant(excuse: Excuse, deadline_at: datetime) -> bool:
    if excuse.decision != Decision.REFUSED:
        return True
    return excuse.asked_at < deadline_at and _gives_time(excuse, deadline_at)


def _gives_time(one: Excuse | UsageFile, deadline_at: datetime) -> bool:
    """Return whether a refusal gives time after a deadline."""
    return _not_null(one.decided_at) > deadline_at - GRACE


def _servers_judged_again(
    refused: Iterable[UsageFile], excuses: Iterable[Excuse]
) -> set[int | None]:
    """Return the servers judged again after a refusal, by what was received by then."""
    return {
        *(row.server_id for row in refused),
        *(one.server_id for one in excuses if one.decision == Decision.REFUSED),
    }


def _refused_files(rows: Iterable[UsageFile]) -> Iterator[RefusedFact]:
    for row in rows:
        yield RefusedFact(what=_held_fact(row), refused_at=_not_null(row.decided_at))


def _excuse_facts(rows: Iterable[Excuse]) -> tuple[ExcuseFact, ...]:
    return tuple(_excuse_fact(row) for row in rows if row.decision != Decision.REFUSED)


def _refused_excuses(rows: Iterable[Excuse]) -> Iterator[RefusedFact]:
    for row in rows:
        if row.decision == Decision.REFUSED:
            fact = replace(_excuse_fact(row), approved_at=None)
            yield RefusedFact(what=fact, refused_at=_not_null(row.decided_at))


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
        server=_not_null(row.server).name,
        series=_not_null(row.series),
        sequence=_not_null(row.sequence),
        sha256=bytes(row.sha256),
        previous=bytes(row.previous) if row.previous is not None else None,
        day=_not_null(row.day),
        opened_at=_not_null(row.opened_at),
        closed_at=_not_null(row.closed_at),
        opened_offset=_not_null(row.opened_offset),
        closed_offset=_not_null(row.closed_offset),
        closed_by=row.closed_by,
        zone=row.zone,
        received_at=row.came_at,
    )


def _held_fact(row: UsageFile) -> HeldFact:
    fact = _file_fact(row)
    return HeldFact(server=fact.server, received_at=row.came_at, file=fact)


def _unjudged_fact(one: UnjudgedFile) -> HeldFact:
    row, header = one.file, one.header
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
        received_at=row.came_at,
    )
    return HeldFact(server=fact.server, received_at=row.came_at, file=fact)


def _server_fact(
    server: Server,
    last_zone: str | None,
    held: tuple[HeldFact, ...],
    tenant_zone: str,
) -> ServerFact:
    # The zone last seen: in what counts, else in what waits, else the tenant's.
    waiting = [one.file for one in held if one.file and one.server == server.name]
    if last_zone is None and waiting:
        last = max(waiting, key=lambda fact: (fact.closed_at, fact.sequence))
        last_zone = last.zone
    return ServerFact(
        name=server.name,
        first_owed_on=server.first_owed_on,
        retired_on=server.retired_on,
        zone=last_zone or tenant_zone,
        known_since=server.created_at,
    )


def _not_null(value: T | None) -> T:
    """Return a column that the database keeps filled in the loaded rows."""
    if value is None:
        message = "A file with a server has all that its header says."
        raise RuntimeError(message)
    return value
