"""Builds companies, servers and files through the product's own functions."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from billing.coverage import licences
from billing.periods.open_periods import record_licences
from portal.accounts import tokens
from portal.db import unit_of_work
from portal.models import ApiToken, Role, Scope, User
from portal.tenants import create
from usage import tenant_keys
from usage.models import How, UsageFile
from usage.servers import keys as server_keys
from usage.uploads import judge, receive
from usage.usg import (
    ClosedBy,
    Header,
    KeyPair,
    Sessions,
    new_signing_pair,
    write,
)

# When tests happen unless they say otherwise: in the period 2026-05, in the evening.
NOW = datetime(2026, 5, 20, 18, 0, tzinfo=UTC)

# Tests whose requests are of today use tokens as well.
FAR_AWAY = datetime(2100, 1, 1, tzinfo=UTC)

PASSWORD = "correct horse battery"

ONE_LOGIN = Sessions(
    users=["ada"],
    licence_sets=[["I3_ACCESS_CLIENT"]],
    user=[0],
    licences=[0],
    login=[60],
    logout=[120],
    flags=[0],
)


@dataclass
class Writer:
    """A server as the usage subsystem sees it: it numbers and chains what it writes."""

    tenant: str
    name: str
    zone: str
    sealing_public: bytes
    pair: KeyPair = field(default_factory=new_signing_pair)
    series: UUID = field(default_factory=uuid4)
    sequence: int = 0
    previous: bytes | None = None

    def day(
        self, day: date, *, sessions: Sessions = ONE_LOGIN, **changes: Any
    ) -> bytes:
        """Write a day from midnight to midnight; `changes` go into the header."""
        zone = ZoneInfo(self.zone)
        opened = datetime.combine(day, time(), zone)
        closed = datetime.combine(day + timedelta(days=1), time(), zone)
        self.sequence += 1
        fields: dict[str, Any] = {
            "tenant": self.tenant,
            "server": self.name,
            "series": self.series,
            "sequence": self.sequence,
            "previous": self.previous,
            "day": day,
            "zone": self.zone,
            "opened_at": opened.astimezone(UTC),
            "closed_at": closed.astimezone(UTC),
            "opened_offset": _minutes(opened),
            "closed_offset": _minutes(closed),
            "closed_by": ClosedBy.MIDNIGHT,
        }
        data = write(
            Header(**{**fields, **changes}),
            sessions,
            sealing_public=self.sealing_public,
            signing_private=self.pair.private,
        )
        self.previous = hashlib.sha256(data).digest()
        return data

    def days(self, first: date, last: date) -> list[bytes]:
        """Write every day from the first to the last, both included."""
        count = (last - first).days + 1
        return [self.day(first + timedelta(days=number)) for number in range(count)]


def _minutes(local: datetime) -> int:
    offset = local.utcoffset()
    assert offset is not None
    return int(offset.total_seconds() // 60)


@dataclass
class Company:
    """A tenant with all that comes with it."""

    id: int
    number: str
    zone: str
    token: str
    sealing_public: bytes
    server: Writer
    people: dict[str, User]

    def writer(self, name: str, **changes: Any) -> Writer:
        """A server that the portal does not know."""
        return Writer(
            tenant=self.number,
            name=name,
            zone=changes.pop("zone", self.zone),
            sealing_public=self.sealing_public,
            **changes,
        )

    def registered(self, name: str, *, at: datetime = NOW, **changes: Any) -> Writer:
        """A server whose key is trusted."""
        writer = self.writer(name, **changes)
        with unit_of_work.acting_for(self.id):
            server_keys.register(
                self.id, name=name, public=writer.pair.public, by="test", at=at
            )
        return writer

    def issue(self, scope: str, **terms: Any) -> str:
        """Issue a token; unless `lasts` is given it ends after all clocks of tests."""
        given = tokens.TokenTerms(**terms)
        with unit_of_work.acting_for(self.id):
            token, secret = tokens.issue(
                self.id, name=scope, scope=scope, by="test", at=NOW, terms=given
            )
            if "lasts" not in terms:
                ApiToken.objects.filter(pk=token.pk).update(expires_at=FAR_AWAY)
        return secret

    def send(
        self, data: bytes, *, name: str = "day.usg", at: datetime = NOW
    ) -> tuple[UsageFile, bool]:
        """Receive and judge a file through the function that every endpoint calls."""
        arrival = receive.IncomingFile(
            tenant_id=self.id,
            name=name,
            size=len(data),
            sha256=None,
            how=How.API,
            sent_by="test",
            received_at=at,
        )
        return judge.receive_and_judge(arrival, iter([data]), at=at)

    def files(self) -> list[UsageFile]:
        with unit_of_work.acting_for(self.id, reading=True):
            return list(UsageFile.objects.select_related("server").order_by("sequence"))


def open_company(
    number: str,
    *,
    name: str,
    zone: str,
    first_owed_on: date = date(2026, 4, 28),
    has_server: bool = True,
) -> Company:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        tenant = create.open_tenant(
            number=number,
            name=name,
            zone=zone,
            first_owed_on=first_owed_on,
            by="test",
            at=NOW,
        )
        record_licences(
            tenant.pk,
            from_on=tenant.first_owed_on,
            licence_keys=[licences.MANUAL],
            by="test",
            at=NOW,
        )
        key = tenant_keys.make_sealing_key(tenant.pk, by="test", at=NOW)
        people = {}
        for role in Role.values:
            people[role] = create.add_person(
                email=f"{role}@{number.lower()}.example",
                name=f"{role} of {name}",
                password=PASSWORD,
                at=NOW,
            )
            create.add_member(
                tenant.pk, user=people[role], role=role, by="test", at=NOW
            )
    company = Company(
        id=tenant.pk,
        number=number,
        zone=zone,
        token="",
        sealing_public=bytes(key.public),
        server=Writer(
            tenant=number, name="IC01", zone=zone, sealing_public=bytes(key.public)
        ),
        people=people,
    )
    if has_server:
        company.server = company.registered("IC01")
    company.token = company.issue(Scope.UPLOAD)
    return company


def digest_header(data: bytes) -> dict[str, str]:
    """The Content-Digest that goes with these bytes."""
    digest = b64encode(hashlib.sha256(data).digest()).decode()
    return {"Content-Digest": f"sha-256=:{digest}:"}
