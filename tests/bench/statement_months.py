"""Makes tenants with a period of sealed usage files, as uploads leave them.

The product's own functions make tenants, keys and servers. Files are sealed one by one,
but the rows of a server are drawn once and are those of each of its days. The bytes are
written to the local store without waiting for the disk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import numpy as np
import psycopg
from django.core.files.storage import storages

from billing.coverage import licences
from billing.coverage.periods import Period
from billing.periods import open_periods
from billing.statements import catalogue
from billing.statements.compute.catalogue import Kind
from portal.db import unit_of_work
from portal.models import Tenant
from portal.tenants import create
from tests.bench.sized_files import LAST_LOGIN, LAST_LOGOUT
from tests.builders import Company, Writer
from usage import tenant_keys
from usage.models import FileState, How, Server, UsageFile
from usage.servers import keys as server_keys
from usage.storage.spool import stored_name
from usage.usg import Sessions, peek
from usage.usg.emulator.logins import name_of
from usage.usg.layout import SIGNATURE_BYTES

# A period of 31 days in which no clock is changed.
PERIOD = Period(2026, 6)
OPENED_AT = datetime.combine(PERIOD.starts_on, time(), UTC) - timedelta(days=3)

# When files are received and statements computed: after the end of the period.
AT = datetime(2026, 7, 3, 9, tzinfo=UTC)

ZONE, OTHER_ZONE = "Europe/Berlin", "America/New_York"

# Version 1 of the catalogue has seven add-ons; with this one a statement has ten lines.
EIGHTH_ADD_ON = "I3_ACCESS_BENCH"

# Licence sets of a file; of ten sets, so many are an agent's. An agent's set has each
# add-on with this probability.
SETS, AGENTS_OF_TEN, ADD_ON_SHARE = 40, 6, 0.25

# One in so many people of a server is on the next server as well.
SHARED = 10

_ACTOR = "bench"

_FORGET = (
    "delete from billing_currentstatement where tenant_id = %s",
    "delete from billing_usageday where tenant_id = %s",
    "delete from billing_numberedusers where tenant_id = %s",
)


@dataclass(frozen=True, slots=True)
class MonthSize:
    """Servers, days up to the end of the period, and rows and people a server-day."""

    servers: int
    days: int
    logins: int
    people: int

    @property
    def rows(self) -> int:
        return self.servers * self.days * self.logins

    @property
    def first_day(self) -> date:
        return PERIOD.ends_on - timedelta(days=self.days - 1)

    def __str__(self) -> str:
        return (
            f"{self.servers} x {self.days} days x {self.logins:,} logins,"
            f" {self.people:,} people a server"
        )


@dataclass(eq=False)
class MonthTenant:
    """A tenant with the files of a period, and a server that has sent none."""

    company: Company
    size: MonthSize
    server_zone: str
    spare: Writer | None = None
    paths: list[Path] = field(default_factory=list)

    def add_spare_server(self) -> None:
        """Register a server whose files are late; it takes over from the first one."""
        self.spare = _register(self.company, "SPARE", self.server_zone)

    def send_late(self, day: date) -> None:
        """Send a file of the spare server, with the rows of the first server."""
        assert self.spare is not None
        sessions = draw_sessions(self.size.logins, self.size.people, server=0)
        data = self.spare.day(day, sessions=sessions)
        file, _ = self.company.send(data, at=AT)
        assert file.state == FileState.ACCEPTED, file.problems

    def read_all(self) -> int:
        """Bring all files into the page cache; return their bytes."""
        return sum(len(path.read_bytes()) for path in self.paths)

    def remove_files(self) -> None:
        for path in self.paths:
            path.unlink()


def classify_eighth_add_on() -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        catalogue.classify(
            {EIGHTH_ADD_ON: Kind.ADD_ON},
            valid_from=PERIOD,
            reason="Benchmark",
            by=_ACTOR,
            at=OPENED_AT,
        )


def make_tenant(
    number: str, size: MonthSize, *, server_zone: str = ZONE
) -> MonthTenant:
    company = _open(number, size.first_day)
    found = MonthTenant(company, size, server_zone)
    for place in range(size.servers):
        writer = _register(company, f"IC{place + 1:03}", server_zone)
        sessions = draw_sessions(size.logins, size.people, server=place)
        _store_files(found, writer, sessions)
    return found


def draw_sessions(logins: int, people: int, *, server: int) -> Sessions:
    """Draw the rows of a day; a person has one licence set."""
    rng = np.random.default_rng(server)
    login = np.sort(rng.integers(0, LAST_LOGIN, logins))
    first = server * (people - people // SHARED)
    user = rng.integers(0, people, logins)
    licence_sets = list(_licence_sets())
    set_of_user = rng.integers(0, len(licence_sets), people)
    return Sessions(
        users=[name_of(number) for number in range(first, first + people)],
        licence_sets=licence_sets,
        user=user,
        licences=set_of_user[user],
        login=login,
        logout=np.minimum(login + rng.integers(1, 3_000, logins), LAST_LOGOUT),
        flags=np.zeros(logins, dtype=np.int64),
    )


def _licence_sets() -> Iterator[list[str]]:
    """Yield the same sets each time, each another one."""
    rng = np.random.default_rng(1)
    add_ons = [*catalogue.FIRST.add_ons, EIGHTH_ADD_ON]
    for number in range(SETS):
        if number % 10 < AGENTS_OF_TEN:
            held = rng.random(len(add_ons)) < ADD_ON_SHARE
            chosen = [key for key, holds in zip(add_ons, held, strict=True) if holds]
            keys = [f"I3_ACCESS_ACD_MEDIA_{1 + number % 2}", *chosen]
        else:
            keys = ["I3_ACCESS_CLIENT"]
        # A feature that is not counted makes the sets differ.
        yield [*keys, "I3_LICENSE_BASIC_STATION"] if number % 2 else keys


def forget(owner_url: str, tenant: MonthTenant) -> None:
    """Remove all that was computed for a tenant, except issued versions."""
    with psycopg.connect(owner_url) as connection:
        for statement in _FORGET:
            connection.execute(statement, [tenant.company.id])


def _open(number: str, first_owed_on: date) -> Company:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant = create.open_tenant(
            number=number,
            name=f"Bench {number}",
            zone=ZONE,
            first_owed_on=first_owed_on,
            by=_ACTOR,
            at=OPENED_AT,
        )
        open_periods.record_licences(
            tenant.pk,
            from_on=first_owed_on,
            licence_keys=[licences.MANUAL],
            by=_ACTOR,
            at=OPENED_AT,
        )
        key = tenant_keys.make_sealing_key(tenant.pk, by=_ACTOR, at=OPENED_AT)
    with unit_of_work.acting_for(tenant.pk, holding=True):
        open_periods.open_period(Tenant.objects.get(), PERIOD, at=AT)
    sealing = bytes(key.public)
    return Company(
        id=tenant.pk,
        number=number,
        zone=ZONE,
        token="",
        sealing_public=sealing,
        server=Writer(number, "", ZONE, sealing),
        people={},
    )


def _register(company: Company, name: str, zone: str) -> Writer:
    writer = company.writer(name, zone=zone)
    with unit_of_work.acting_for(company.id):
        server_keys.register(
            company.id,
            name=name,
            public=writer.pair.public,
            by=_ACTOR,
            at=OPENED_AT,
        )
    return writer


def _store_files(found: MonthTenant, writer: Writer, sessions: Sessions) -> None:
    size, tenant_id = found.size, found.company.id
    with unit_of_work.acting_for(tenant_id, holding=True):
        server = Server.objects.get(name=writer.name)
        rows = []
        for number in range(size.days):
            day = size.first_day + timedelta(days=number)
            data = writer.day(day, sessions=sessions)
            row = _accepted(data, tenant_id, server, users=len(sessions.users))
            rows.append(row)
            found.paths.append(_write(row.stored_as, data))
        UsageFile.objects.bulk_create(rows)


def _accepted(data: bytes, tenant_id: int, server: Server, *, users: int) -> UsageFile:
    """Return the row of a file that was accepted, unsaved."""
    header = peek(data)
    assert header is not None
    file_id = uuid4()
    return UsageFile(
        id=file_id,
        tenant_id=tenant_id,
        state=FileState.ACCEPTED,
        name="day.usg",
        size=len(data),
        sha256=sha256(data).digest(),
        tail=data[-SIGNATURE_BYTES:],
        how=How.API,
        sent_by=_ACTOR,
        received_at=AT,
        settled_at=AT,
        stored_as=stored_name(tenant_id, file_id),
        server=server,
        signer=header.signer,
        series=header.series,
        sequence=header.sequence,
        previous=header.previous,
        day=header.day,
        zone=header.zone,
        opened_at=header.opened_at,
        closed_at=header.closed_at,
        opened_offset=header.opened_offset,
        closed_offset=header.closed_offset,
        closed_by=header.closed_by,
        sessions=header.sessions,
        logins=header.sessions,
        users=users,
    )


def _write(name: str, data: bytes) -> Path:
    path = Path(storages["usage"].path(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
