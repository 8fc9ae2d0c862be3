"""Builds two companies, all identifiers of one, and a client for every caller."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.db import connections
from django.test import Client

from portal.accounts import tokens
from portal.accounts.caller import SESSION_TENANT
from portal.db import unit_of_work
from portal.models import ApiToken, Membership, Role, Scope, StaffRole, Tenant, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company, Writer, open_company
from tests.portal.second_factor.people import give_app
from usage.models import How, ServerKey, UsageFile
from usage.uploads import record

# Any 32 letters are a CSRF secret: what counts is that cookie and header agree.
CSRF = "c" * 32

# Words and numbers that stand nowhere but in what belongs to Alice.
SECRET_NAME = "Zephyrine Assurance"
SECRET_NUMBER = "ZQX-ALICE-77"
SECRET_SERVER = "ZQXSERVER01"
SECRET_UNKNOWN = "ZQXUNKNOWN02"
SECRET_FILE = "zqx-secret-name.usg"
SECRET_SEQUENCE = 7_730_041
SECRET_ZONE = "Pacific/Chatham"

# What says no more than which customer it is.
NAMES = frozenset({SECRET_NAME, SECRET_NUMBER})

DAY = date(2026, 5, 1)


@dataclass
class MatrixCaller:
    """A client with its credentials."""

    name: str
    company: str
    client: Client
    headers: dict[str, str]

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Any:
        content_type = headers.pop("content_type", "application/json")
        return self.client.generic(
            method,
            path,
            body,
            content_type=content_type,
            headers={**self.headers, **headers},
        )


@dataclass
class Ids:
    """What names one thing of a company each."""

    number: str
    tenant: str
    accepted: str
    held: str
    rejected: str
    server: str
    fingerprint: str
    proposed: str
    sha256: str
    tail: str
    series: str
    user: str
    email: str
    token: str
    upload: str
    server_key: str

    def all(self) -> Iterator[tuple[str, str]]:
        yield from vars(self).items()


@dataclass
class TwoCompanies:
    alice: Company
    charlie: Company
    ids: dict[str, Ids]
    files: dict[str, bytes]
    partner: User
    canaries: frozenset[str]


def build() -> TwoCompanies:
    charlie = open_company("C-300", name="Charlie Cargo", zone="America/Chicago")
    charlies, own = _fill(charlie, charlie.server, name="own.usg", unknown="IC77")
    alice = open_company(SECRET_NUMBER, name=SECRET_NAME, zone=SECRET_ZONE)
    server = alice.registered(SECRET_SERVER)
    server.sequence = SECRET_SEQUENCE - 1
    alices, hers = _fill(alice, server, name=SECRET_FILE, unknown=SECRET_UNKNOWN)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        partner = create.add_person(
            email="partner@partners.example",
            name="Partner",
            password=PASSWORD,
            at=NOW,
        )
        for company in (alice, charlie):
            create.add_member(
                company.id, user=partner, role=Role.ADMIN, by="test", at=NOW
            )
    return TwoCompanies(
        alice=alice,
        charlie=charlie,
        ids={"alice": alices, "charlie": charlies},
        files={"alice": hers, "charlie": own},
        partner=partner,
        canaries=frozenset(_canaries(alice, alices)),
    )


def _items(name: str, file: UsageFile) -> list[record.ReportedItem]:
    """Report a file that was received, and one that never arrived."""
    return [
        record.ReportedItem(
            number=0, name=name, size=1, outcome=file.state, file_id=file.pk
        ),
        record.ReportedItem(number=1, name=f"lost-{name}", size=1, outcome="failed"),
    ]


def _fill(
    company: Company, server: Writer, *, name: str, unknown: str
) -> tuple[Ids, bytes]:
    """Give a company a file of every kind, and what names them."""
    data = server.day(DAY, previous=b"\x11" * 32 if server.sequence else None)
    accepted, _ = company.send(data, name=name)
    held, _ = company.send(company.writer(unknown).day(DAY), name=f"held-{name}")
    rejected, _ = company.send(b"PK\x03\x04" + name.encode(), name=f"bad-{name}")
    assert [one.state for one in (accepted, held, rejected)] == [
        "accepted",
        "held",
        "rejected",
    ], [one.problems for one in (accepted, held, rejected)]
    upload = uuid4()
    record.record_report(
        record.UploadSender(
            tenant_id=company.id, how=How.BROWSER, name=company.people["admin"].email
        ),
        upload,
        record.UploadReport(files=2, is_ended=True, items=_items(name, accepted)),
        at=NOW,
    )
    with unit_of_work.acting_for(company.id, reading=True):
        keys = {
            key.state: key for key in ServerKey.objects.filter(server__name=unknown)
        }
        trusted = ServerKey.objects.get(server__name=server.name)
        token = ApiToken.objects.values_list("pk", flat=True).first()
    return Ids(
        number=company.number,
        tenant=str(company.id),
        accepted=str(accepted.pk),
        held=str(held.pk),
        rejected=str(rejected.pk),
        server=server.name,
        fingerprint=trusted.fingerprint,
        proposed=keys["proposed"].fingerprint,
        sha256=bytes(accepted.sha256).hex(),
        tail=bytes(accepted.tail).hex(),
        series=str(accepted.series),
        user=str(company.people["admin"].pk),
        email=company.people["admin"].email,
        token=str(token),
        upload=str(upload),
        server_key=str(trusted.pk),
    ), data


def _canaries(alice: Company, ids: Ids) -> Iterator[str]:
    """Yield all of Alice's that is long enough not to stand somewhere by chance."""
    yield from (SECRET_NAME, SECRET_NUMBER, SECRET_SERVER, SECRET_UNKNOWN)
    yield from (SECRET_FILE, str(SECRET_SEQUENCE), SECRET_ZONE, alice.token)
    yield from (value for name, value in ids.all() if len(value) >= 8)
    yield from (person.email for person in alice.people.values())
    yield from (person.name for person in alice.people.values())
    yield alice.sealing_public.hex()
    with unit_of_work.acting_for(alice.id, reading=True):
        for file in UsageFile.objects.all():
            yield from (str(file.pk), bytes(file.sha256).hex(), file.name)


def content_of(response: Any) -> bytes:
    """Return what was answered, also where it goes out piece by piece."""
    return b"".join(response) if response.streaming else bytes(response.content)


def leaks(companies: TwoCompanies, response: Any, *, sent: str) -> list[str]:
    """Name what an answer says of Alice that was not in the question itself."""
    answer = content_of(response).decode("utf-8", "replace")
    answer += "".join(f"\n{name}: {value}" for name, value in response.items())
    answer += str(response.cookies)
    answered, requested = answer.lower(), sent.lower()
    if "africa/abidjan" in answered:
        # A form with all zones to choose from; hers is one of them.
        requested += SECRET_ZONE.lower()
    return sorted(
        canary
        for canary in companies.canaries
        if canary.lower() in answered and canary.lower() not in requested
    )


def _browser(person: User | None = None, *, tenant: int | None = None) -> Client:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    if person is not None:
        client.force_login(person)
        if tenant is not None:
            session = client.session
            session[SESSION_TENANT] = tenant
            session.save()
    client.cookies["csrftoken"] = CSRF
    return client


def _stale(client: Client) -> Client:
    """Let the person have presented their factors eleven minutes ago."""
    session = client.session
    for one in session[AUTHENTICATION_METHODS_SESSION_KEY]:
        one["at"] -= 11 * 60
    session.save()
    return client


def _with_one_factor(client: Client) -> Client:
    """Let the person have presented the password alone."""
    session = client.session
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        one
        for one in session[AUTHENTICATION_METHODS_SESSION_KEY]
        if one["method"] == "password"
    ]
    session.save()
    return client


def _enrolled(company: Company) -> User:
    """An admin who has an authenticator app, as others of the company have none."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="enrolled@enrolled.example",
            name="Enrolled",
            password=PASSWORD,
            at=NOW,
        )
        create.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    give_app(person)
    return person


def _waiting(company: Company) -> User:
    """An admin who signed in a while ago; others leave while the matrix is tried."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="waiting@waiting.example",
            name="Waiting",
            password=PASSWORD,
            at=NOW,
        )
        create.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person


def _script(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def _invalid_token(company: Company, **changes: datetime) -> str:
    with unit_of_work.acting_for(company.id):
        _, secret = tokens.issue(
            company.id, name="dead", scope=Scope.UPLOAD, by="test", at=NOW
        )
    column = next(iter(changes))
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            f"update portal_apitoken set {column} = %s"
            " where id = (select max(id) from portal_apitoken)",
            [changes[column]],
        )
    return secret


def _staff(role: str) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=f"{role}@staff.example",
            name=role,
            password=PASSWORD,
            at=NOW,
            staff_role=role,
        )


def _gone(company: Company) -> User:
    """Somebody who has left; his session is still there."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="gone@gone.example", name="Gone", password=PASSWORD, at=NOW
        )
        create.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person


def _retire(person: User) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(pk=person.pk).update(is_active=False)


def callers(companies: TwoCompanies) -> Iterator[MatrixCaller]:
    """Yield everybody, each with a browser of his own."""
    yesterday = datetime.now(tz=UTC) - timedelta(days=1)
    alice = companies.alice
    bearers = {
        "token unknown": "usg_nobody-was-ever-given-this",
        "token expired": _invalid_token(alice, expires_at=yesterday),
        "token revoked": _invalid_token(alice, revoked_at=yesterday),
        "token of scope read": alice.issue(Scope.READ),
        "token of scope upload": alice.token,
        "token of one server": alice.issue(Scope.UPLOAD, server=SECRET_SERVER),
        "token of another network": alice.issue(Scope.READ, networks=["192.0.2.0/24"]),
    }
    yield MatrixCaller("nobody", "alice", _browser(), {})
    for name, secret in bearers.items():
        yield MatrixCaller(name, "alice", _browser(), _script(secret))
    for name, header in BROKEN.items():
        client = _browser(alice.people["admin"])
        yield MatrixCaller(
            f"broken: {name}", "alice", client, {"Authorization": header}
        )
    for role in Role.values:
        yield MatrixCaller(
            f"session of {role}", "alice", _browser(alice.people[role]), {}
        )
    for role in StaffRole.values:
        yield MatrixCaller(f"session of {role}", "alice", _browser(_staff(role)), {})
    clerk = User.objects.get(staff_role=StaffRole.CLERK)
    waiting = _stale(_browser(_waiting(alice)))
    yield MatrixCaller("stale session of admin", "alice", waiting, {})
    yield MatrixCaller("stale session of clerk", "alice", _stale(_browser(clerk)), {})
    for name, person in (("admin", _enrolled(alice)), ("clerk", clerk)):
        client = _with_one_factor(_browser(person))
        yield MatrixCaller(f"one factor of {name}", "alice", client, {})
    of_proxy = {"Authorization": OF_A_PROXY["basic"]}
    behind = _browser(alice.people["admin"])
    yield MatrixCaller("session of admin behind a proxy", "alice", behind, of_proxy)
    yield MatrixCaller("nobody behind a proxy", "alice", _browser(), of_proxy)
    gone = _gone(alice)
    yield MatrixCaller("session of one who left", "alice", _browser(gone), {})
    _retire(gone)
    yield MatrixCaller("partner for alice", "alice", _partner(companies, alice), {})
    yield from charlies(companies)


def charlies(companies: TwoCompanies) -> Iterator[MatrixCaller]:
    """Yield everybody who acts for Charlie."""
    charlie = companies.charlie
    for scope in Scope.values:
        headers = _script(charlie.issue(scope))
        yield MatrixCaller(f"charlie's token: {scope}", "charlie", _browser(), headers)
    for role in Role.values:
        client = _browser(charlie.people[role])
        yield MatrixCaller(f"charlie's session: {role}", "charlie", client, {})
    yield MatrixCaller(
        "partner for charlie", "charlie", _partner(companies, charlie), {}
    )
    # A session that names a tenant its person was never in, or is no longer.
    client = _browser(charlie.people["admin"], tenant=companies.alice.id)
    yield MatrixCaller("charlie's session set to alice", "charlie", client, {})


def _partner(companies: TwoCompanies, company: Company) -> Client:
    return _browser(companies.partner, tenant=company.id)


# Authorization headers that let nobody in, each beside a session that would.
BROKEN: Mapping[str, str] = {
    "empty": "",
    "scheme only": "Bearer",
    "no token": "Bearer ",
    "unknown scheme": "Token YWRtaW46YWRtaW4=",
    "no scheme": "usg_nobody-was-ever-given-this",
    "two schemes": "Bearer Bearer usg_nobody",
    "letters": "Bearer \u00e9\u00e8\u00ea",
}


# What a proxy in front asks people for, and passes on to the portal.
OF_A_PROXY: Mapping[str, str] = {
    "basic": "Basic YWRtaW46YWRtaW4=",
    "basic without secret": "basic",
    "digest": 'Digest username="admin", realm="proxy"',
    "negotiate": "Negotiate YIIJvwYGKwYBBQUC",
    "ntlm": "NTLM TlRMTVNTUAABAAAA",
}


def rows_of(company_id: int) -> dict[str, list[str]]:
    """Return every row that belongs to a company, as its owner sees it."""
    owner = connections["owner"]
    found = {}
    with owner.cursor() as cursor:
        cursor.execute(
            "select table_name from information_schema.columns"
            " where column_name = 'tenant_id' and table_schema = 'public'"
        )
        tables = {name: "tenant_id" for (name,) in cursor.fetchall()}
        tables[Tenant._meta.db_table] = "id"
        for table, column in sorted(tables.items()):
            cursor.execute(
                f"select row_to_json(t)::text from {table} t where {column} = %s",
                [company_id],
            )
            found[table] = sorted(row for (row,) in cursor.fetchall())
    return found


def counts_of(company_id: int) -> dict[str, int]:
    return {table: len(rows) for table, rows in rows_of(company_id).items()}


def leave(person: User, company: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Membership.objects.filter(user=person, tenant=company.id).delete()


def check_body(ids: Ids, data: bytes) -> bytes:
    """Ask for a company's file in both ways that there are."""
    requested = [
        {"name": "a.usg", "size": len(data), "sha256": ids.sha256},
        {"name": "b.usg", "size": len(data), "tail": ids.tail},
    ]
    return json.dumps({"files": requested}).encode()
