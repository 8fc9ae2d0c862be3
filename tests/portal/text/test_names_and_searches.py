"""Names are stored clean, and found however they are typed."""

import importlib
from collections.abc import Iterator
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections
from django.test import Client

from portal.db import unit_of_work
from portal.models import Invitation, StaffRole, Tenant, User
from portal.tenants import create
from tests.access.two_companies import content_of
from tests.billing.desk.stored_summaries import random_summary, store_tenant
from tests.builders import NOW, PASSWORD, Company, open_company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in

DECOMPOSED, COMPOSED = "Mu\u0308nchen", "M\u00fcnchen"


@pytest.fixture
def clerk(db: None) -> Client:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="clerk@staff.example",
            name="Clerk",
            password=PASSWORD,
            at=NOW,
            staff_role=StaffRole.CLERK,
        )
    client = Client()
    client.force_login(person)
    return client


def _opened(clerk: Client, **typed: str) -> Any:
    form = {
        "number": "B-200",
        "name": "Beta",
        "zone": "Europe/Berlin",
        "first_owed_on": "2026-05-28",
        "admin_name": "Bea",
        "admin_email": "bea@b-200.example",
        **typed,
    }
    return clerk.post("/staff/open-tenant", form)


def test_a_tenant_is_opened_under_a_clean_name(clerk: Client) -> None:
    answer = _opened(
        clerk,
        name="Bidi\u202egnp.exe\r\nSo\u0308hne ",
        admin_name="Be\u0301a\u200b\u2028B.",
        admin_email=" Bea@B-200.example\u200b",
    )
    assert answer.status_code == 302
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Tenant.objects.get().name == "Bidignp.exe S\u00f6hne"
        invited = Invitation.objects.get(address="bea@b-200.example")
    assert invited.name == "B\u00e9a B."


@pytest.mark.parametrize("typed", ["\u3164", "\u200b\u202e", "\u0301\u0301"])
def test_a_name_that_shows_nothing_opens_no_tenant(clerk: Client, typed: str) -> None:
    answer = _opened(clerk, name=typed)
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()


@pytest.mark.parametrize(
    "address",
    ["/staff/", "/staff/tenants", "/staff/desk.csv", "/api/v1/staff/standings"],
)
@pytest.mark.parametrize(
    "typed",
    [
        COMPOSED,
        DECOMPOSED,
        f" {DECOMPOSED.upper()}\u200b",
        "M\u202e\u00fcn",
        "nchen\r\nGas",
    ],
)
def test_a_name_is_found_however_it_is_typed(
    clerk: Client, address: str, typed: str
) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        for number, name in enumerate((f"{COMPOSED} Gas", "Berlin Gas")):
            tenant_id = store_tenant(number, random_summary(Random(5)))
            Tenant.objects.filter(pk=tenant_id).update(name=name)
    query = urlencode({"q": typed, "period": "2026-05"})
    answer = clerk.get(f"{address}?{query}")
    shown = content_of(answer).decode()
    if answer["Content-Type"].startswith("application/json"):
        shown = " ".join(one["name"] for one in answer.json()["tenants"])
    assert f"{COMPOSED} Gas" in shown
    assert "Berlin Gas" not in shown


@pytest.mark.parametrize(
    "typed",
    [
        "Admin@A-100.EXAMPLE",
        " admin@a-100.example\u00a0",
        "admin\u200b@a-100.example",
        "\u202aadmin@a-100.example\u202c",
    ],
)
def test_people_sign_in_and_get_a_new_password_however_they_write_their_address(
    alice: Company, typed: str
) -> None:
    client = Client()
    sign_in(client, typed)
    assert is_signed_in(client)
    answer = Client().post("/forgotten", {"email": typed})
    assert answer.status_code == 302


def test_an_address_written_in_two_ways_has_one_count_of_wrong_tries(
    alice: Company,
) -> None:
    for typed in ("", "\u200b", "\u200c", "\u202e", " "):
        sign_in(Client(), f"admin@a-100.example{typed}", "guessed at random")
    client = Client()
    sign_in(client, "admin@a-100.example")
    assert not is_signed_in(client)


def test_one_address_in_two_compositions_is_one_person(clerk: Client) -> None:
    add = partial(create.add_person, name="A", password=None, at=NOW)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        add(email=f"a@{DECOMPOSED}.example")
    with (
        pytest.raises(ValidationError, match="already exists"),
        unit_of_work.acting_for(unit_of_work.STAFF),
    ):
        add(email=f"A@{COMPOSED.upper()}.example")


@pytest.mark.parametrize(
    "name",
    ["a\nb", "a\u202eb", "a  b", " a", "a ", "", DECOMPOSED, "\u3164", "a\u200b"],
)
@pytest.mark.parametrize("model", [Tenant, User])
def test_the_database_refuses_a_name_that_is_not_clean(
    alice: Company, model: type[Tenant | User], name: str
) -> None:
    with (
        pytest.raises(IntegrityError, match="is_one_clean_line"),
        connections["owner"].cursor() as cursor,
    ):
        cursor.execute(f"update {model._meta.db_table} set name = %s", [name])


@pytest.mark.parametrize(
    "name", [COMPOSED, "O\u2019Neill & Co.", "\u682a\u5f0f \u4f1a\u793e"]
)
def test_the_database_keeps_a_clean_name(alice: Company, name: str) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("update portal_tenant set name = %s", [name])
        assert cursor.rowcount == 1


@pytest.fixture
def unconstrained(db: None) -> Iterator[Any]:
    """Let the database take any name, as before the migration."""
    constraints = [
        (model, one)
        for model in (Tenant, User)
        for one in model._meta.constraints
        if one.name.endswith("is_one_clean_line")
    ]
    owner = connections["owner"]
    with owner.schema_editor() as editor:
        for model, one in constraints:
            editor.remove_constraint(model, one)
    yield owner
    with owner.cursor() as cursor:
        cursor.execute("update portal_tenant set name = 'x'")
        cursor.execute("update portal_user set name = 'x'")
    with owner.schema_editor() as editor:
        for model, one in constraints:
            editor.add_constraint(model, one)


def test_names_that_were_stored_before_are_cleaned(unconstrained: Any) -> None:
    company = open_company("A-100", name="Alice", zone="Europe/Berlin")
    open_company("B-200", name="Beta", zone="Europe/Berlin")
    with unconstrained.cursor() as cursor:
        for table, column, value, where in (
            ("portal_tenant", "name", f" {DECOMPOSED}\u202e\n", "number = 'A-100'"),
            ("portal_tenant", "name", "\u3164", "number = 'B-200'"),
            ("portal_user", "name", "Be\u0301a", "email = 'admin@a-100.example'"),
            ("portal_user", "name", "", "email = 'viewer@a-100.example'"),
            ("portal_user", "email", f"a@{COMPOSED.lower()}.de", "name = 'Be\u0301a'"),
            ("portal_user", "email", f"a@{DECOMPOSED.lower()}.de", "name = ''"),
        ):
            cursor.execute(f"update {table} set {column} = %s where {where}", [value])
    migration = importlib.import_module("portal.migrations.0009_clean_names")
    migration._clean(apps, SimpleNamespace(connection=unconstrained))
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        names = dict(Tenant.objects.values_list("number", "name"))
        people = dict(
            User.objects.filter(membership__tenant=company.id).values_list(
                "email", "name"
            )
        )
    assert names == {"A-100": COMPOSED, "B-200": "B-200"}
    assert people[f"a@{COMPOSED.lower()}.de"] == "B\u00e9a"
    # It would become the address of somebody else, so it stays.
    assert people[f"a@{DECOMPOSED.lower()}.de"] == f"a@{COMPOSED.lower()}.de"
