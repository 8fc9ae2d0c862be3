"""Makes tenants with many servers and months of accepted files, as uploads leave them.

The product's own functions make the tenant, its keys and its token. Servers, files and
their jobs, audit entries and opened periods are copied as the owner of the tables. Each
server has files up to `ROOM` days before yesterday, so that new files can continue its
chain; the deadline of those days has never passed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import psycopg

from billing.coverage import licences, periods
from billing.coverage.periods import Period
from billing.periods.open_periods import record_licences
from portal.accounts import tokens
from portal.db import unit_of_work
from portal.models import AuditEntry, Scope, Tenant
from portal.tenants import create
from tests.bench import accepted_rows
from tests.bench.accepted_rows import ONE_DAY, FileRows
from tests.bench.sized_files import SizedBody, digest_of, draw_sessions
from tests.builders import Writer
from usage import tenant_keys
from usage.usg import Sessions, fingerprint

ZONE = "Europe/Berlin"

# Days that are over and have no files yet. A period's last day and its deadline are at
# least six days apart, so none of these days is late.
ROOM = 5

# Days of accepted files for a number of months.
DAYS = {1: 30, 12: 365, 24: 730}

# A usual day of a server, and the size of its file.
LOGINS = 4_500
USUAL_BYTES = range(36_000, 40_000)

_ACTOR = "bench"
_SERVER = """
insert into usage_server (tenant_id, name, created_at) values (%s, %s, %s) returning id
"""
_KEY = """
insert into usage_serverkey (tenant_id, server_id, public, fingerprint, state,
  proposed_at, decided_at, decided_by)
values (%s, %s, %s, %s, 'confirmed', %s, %s, 'bench')
"""
_PERIOD = """
insert into billing_tenantperiod (tenant_id, period, zone, deadline_at, opened_at)
values (%s, %s, %s, %s, %s)
"""
_JOBS = """
insert into usage_settling (tenant_id, state, attempts, faults, due_at, problem,
  ended_at, file_id)
select tenant_id, 'done', 0, 0, received_at, '', settled_at, id
from usage_usagefile where tenant_id = %(tenant)s;

insert into usage_forwarding (tenant_id, state, attempts, faults, due_at, problem,
  ended_at, file_id, key)
select f.tenant_id, 'done', 1, 0, f.settled_at, '', f.settled_at + interval '1 minute',
  f.id, format('%%s/%%s/%%s/%%s-%%s-%%s.usg', %(number)s, s.name, f.day, f.series,
    f.sequence, encode(f.sha256, 'hex'))
from usage_usagefile f join usage_server s on s.id = f.server_id
where f.tenant_id = %(tenant)s;
"""


@dataclass(frozen=True, slots=True)
class TenantSize:
    """How many servers a tenant has, and how many months of files from each."""

    servers: int
    months: int

    @property
    def files(self) -> int:
        return self.servers * DAYS[self.months]

    def __str__(self) -> str:
        return f"{self.servers} x {self.months}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedTenant:
    """A tenant in the database, with the servers that continue their chains."""

    id: int
    number: str
    token: str
    writers: list[Writer]
    next_day: date
    periods: int

    def new_server(self, name: str) -> Writer:
        """Return a server that the portal does not know."""
        known = self.writers[0]
        return Writer(known.tenant, name, known.zone, known.sealing_public)

    def next_files(self, sessions: Sessions) -> Iterator[tuple[str, SizedBody]]:
        """Yield the token and a new file: a day of every server, then the next day.

        `ROOM` files of each server.
        """
        for number in range(ROOM):
            for writer in self.writers:
                day = self.next_day + number * ONE_DAY
                yield self.token, usual_file(writer, day, sessions)


def usual_file(writer: Writer, day: date, sessions: Sessions) -> SizedBody:
    data = writer.day(day, sessions=sessions)
    assert len(data) in USUAL_BYTES, len(data)
    return SizedBody(data, digest_of(data))


def usual_sessions() -> Sessions:
    return draw_sessions(LOGINS)


def make_tenant(
    owner_url: str, number: str, size: TenantSize, *, at: datetime
) -> SizedTenant:
    """Make a tenant of a size, with its periods open and without their summaries."""
    next_day = at.astimezone(ZoneInfo(ZONE)).date() - ROOM * ONE_DAY
    first = next_day - DAYS[size.months] * ONE_DAY
    opened_at = datetime.combine(first - ONE_DAY, time(8), UTC)
    tenant, token, sealing = _open_tenant(number, first, at=opened_at)
    writers = [
        Writer(number, f"IC{one:03}", ZONE, sealing)
        for one in range(1, size.servers + 1)
    ]
    days = [first + one * ONE_DAY for one in range(DAYS[size.months])]
    rows = FileRows(tenant.pk, days, zone=ZONE, logins=LOGINS, at=at)
    with psycopg.connect(owner_url) as connection, connection.cursor() as cursor:
        opened = [_period_row(tenant, one) for one in _periods(first, at.date())]
        cursor.executemany(_PERIOD, opened)
        files = []
        for place, writer in enumerate(writers):
            server_id = _insert_server(cursor, tenant, writer, at=opened_at)
            files += list(rows.of_server(writer, server_id, place))
        accepted_rows.copy(cursor, "usage_usagefile", files)
        with psycopg.ClientCursor(connection) as client:
            client.execute(_JOBS, {"tenant": tenant.pk, "number": number})
        entries = accepted_rows.audit_rows(files, after=_last_entry(tenant.pk))
        accepted_rows.copy(cursor, "portal_auditentry", list(entries))
    return SizedTenant(
        id=tenant.pk,
        number=number,
        token=token,
        writers=writers,
        next_day=next_day,
        periods=len(opened),
    )


# More than all summaries of the largest tenant take on a slow machine, in seconds.
PATIENCE = 300.0


def compute_summaries(tenant: SizedTenant, *, at: datetime) -> None:
    """Compute and store the summaries of all opened periods."""
    from billing.periods import marks, refresh

    with unit_of_work.acting_for(tenant.id, holding=True):
        marks.mark(tenant.id, marks.ALL_PERIODS, at=at)
    assert refresh.refresh_all(seconds=PATIENCE)


def vacuum(owner_url: str) -> None:
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("vacuum analyze")


def _open_tenant(
    number: str, first: date, *, at: datetime
) -> tuple[Tenant, str, bytes]:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant = create.open_tenant(
            number=number,
            name=f"Bench {number}",
            zone=ZONE,
            first_owed_on=first,
            by=_ACTOR,
            at=at,
        )
        record_licences(
            tenant.pk,
            from_on=first,
            licence_keys=[licences.MANUAL],
            by=_ACTOR,
            at=at,
        )
        sealing = tenant_keys.make_sealing_key(tenant.pk, by=_ACTOR, at=at)
    with unit_of_work.acting_for(tenant.pk):
        _, token = tokens.issue(
            tenant.pk, name=_ACTOR, scope=Scope.UPLOAD, by=_ACTOR, at=at
        )
    return tenant, token, bytes(sealing.public)


def _periods(first: date, last: date) -> Iterator[Period]:
    period = Period.containing(first)
    while period <= Period.containing(last):
        yield period
        period = period.next()


def _period_row(tenant: Tenant, period: Period) -> tuple[object, ...]:
    deadline = periods.deadline_at(period, ZoneInfo(ZONE))
    opened_at = datetime.combine(period.starts_on, time(), UTC)
    return tenant.pk, str(period), ZONE, deadline, opened_at


def _insert_server(
    cursor: psycopg.Cursor[Any], tenant: Tenant, writer: Writer, *, at: datetime
) -> int:
    [(server_id,)] = cursor.execute(_SERVER, (tenant.pk, writer.name, at)).fetchall()
    public = writer.pair.public
    key = (tenant.pk, server_id, public, fingerprint(public), at, at)
    cursor.execute(_KEY, key)
    return int(server_id)


def _last_entry(tenant_id: int) -> AuditEntry:
    with unit_of_work.acting_for(tenant_id, reading=True):
        return AuditEntry.objects.latest("number")
