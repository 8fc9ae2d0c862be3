"""Row security separates tenants, as the database sees it."""

from datetime import date

import pytest
from django.apps import apps
from django.db import InternalError, ProgrammingError, connection, connections, models
from django.test.utils import CaptureQueriesContext

from billing.models import StaffNote
from portal.db import unit_of_work
from portal.db.unit_of_work import NestedUnitError, acting_for
from portal.models import AuditEntry, Membership, StaffVisit, Tenant, User
from tests.builders import Company
from usage.models import Forwarding, Server, UsageFile

TENANT_MODELS = [
    model
    for model in apps.get_models()
    if model is Tenant
    or any(
        field.related_model is Tenant
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey)
    )
]


# What no tenant may see, not even of itself.
STAFF_MODELS = {StaffNote, StaffVisit}


def test_with_no_tenant_said_the_database_denies_permission(alice: Company) -> None:
    for model in TENANT_MODELS:
        # Who is a member of what has to be known before a tenant is.
        if model is not Membership:
            with pytest.raises(ProgrammingError, match="permission denied"):
                list(model._default_manager.all())
    with pytest.raises(ProgrammingError, match="permission denied"):
        Membership.objects.update(role="admin")


def test_a_tenant_sees_its_own_rows_only(alice: Company, charlie: Company) -> None:
    alice.send(alice.server.day(date(2026, 5, 1)))
    with acting_for(charlie.id):
        assert [tenant.number for tenant in Tenant.objects.all()] == ["C-300"]
        assert not UsageFile.objects.exists()
        assert not Forwarding.objects.exists()
        for model in set(TENANT_MODELS) - STAFF_MODELS:
            column = "pk" if model is Tenant else "tenant_id"
            others = model._default_manager.exclude(**{column: charlie.id})
            assert not others.exists(), model


def test_a_tenant_has_no_right_on_what_is_the_staffs_alone(alice: Company) -> None:
    for model in STAFF_MODELS:
        with (
            acting_for(alice.id),
            pytest.raises(ProgrammingError, match="permission denied"),
        ):
            model._default_manager.exists()


def test_a_tenant_sees_the_addresses_of_its_own_people_only(
    alice: Company, charlie: Company
) -> None:
    for company in (alice, charlie):
        with acting_for(company.id, reading=True):
            seen = set(User.objects.values_list("email", flat=True))
        own = {user.email for user in company.people.values() if not user.staff_role}
        assert seen == own
    everybody = {user.email for one in (alice, charlie) for user in one.people.values()}
    with acting_for(unit_of_work.STAFF, reading=True):
        assert set(User.objects.values_list("email", flat=True)) == everybody


def test_a_tenant_cannot_write_a_row_of_another(
    alice: Company, charlie: Company
) -> None:
    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        acting_for(charlie.id),
    ):
        Server.objects.create(
            tenant_id=alice.id, name="spy", created_at="2026-05-01T00:00Z"
        )


def test_a_tenant_cannot_change_a_row_of_another(
    alice: Company, charlie: Company
) -> None:
    with acting_for(charlie.id):
        assert Membership.objects.filter(tenant=alice.id).update(role="viewer") == 0
        assert Membership.objects.filter(tenant=alice.id).delete()[0] == 0


def test_a_row_cannot_refer_to_a_row_of_another_tenant(
    alice: Company, charlie: Company
) -> None:
    alice.send(alice.server.day(date(2026, 5, 1)))
    with acting_for(alice.id):
        server_id = Server.objects.get().pk
    charlie.send(charlie.server.day(date(2026, 5, 1)))
    with pytest.raises(Exception, match="same_tenant"), acting_for(charlie.id):
        UsageFile.objects.update(server_id=server_id)


def test_no_role_can_change_the_audit_trail(alice: Company) -> None:
    for who in (alice.id, unit_of_work.STAFF):
        for act in (
            lambda: AuditEntry.objects.update(actor="nobody"),
            lambda: AuditEntry.objects.all().delete(),
        ):
            with (
                pytest.raises(ProgrammingError, match="permission denied"),
                acting_for(who),
            ):
                act()


def test_the_sweep_sees_no_contents(alice: Company) -> None:
    alice.send(alice.server.day(date(2026, 5, 1)))
    with acting_for(unit_of_work.SWEEP):
        assert list(UsageFile.objects.values_list("tenant_id", flat=True))
    for column in ("name", "sha256", "sent_by", "logins"):
        with (
            pytest.raises(ProgrammingError, match="permission denied"),
            acting_for(unit_of_work.SWEEP),
        ):
            list(UsageFile.objects.values_list(column))


def test_a_reading_unit_of_work_writes_nothing(alice: Company) -> None:
    with (
        pytest.raises(InternalError, match="read-only"),
        acting_for(alice.id, reading=True),
    ):
        Server.objects.create(
            tenant_id=alice.id, name="IC99", created_at="2026-05-01T00:00Z"
        )


def test_a_unit_of_work_may_not_begin_inside_another(alice: Company) -> None:
    with (
        acting_for(alice.id),
        pytest.raises(NestedUnitError),
        acting_for(unit_of_work.STAFF),
    ):
        pass


@pytest.mark.parametrize("fails", [False, True])
def test_rights_end_with_the_unit_of_work(alice: Company, *, fails: bool) -> None:
    try:
        with acting_for(alice.id):
            assert Server.objects.count() == 1
            assert not fails
    except AssertionError:
        pass
    with pytest.raises(ProgrammingError, match="permission denied"):
        Server.objects.count()
    with connection.cursor() as cursor:
        cursor.execute("select current_user, current_setting('app.tenant', true)")
        assert cursor.fetchone() == ("portal_app", "")


def test_work_that_fails_is_undone(alice: Company) -> None:
    def half_done() -> None:
        with acting_for(alice.id):
            Server.objects.create(
                tenant_id=alice.id, name="IC99", created_at="2026-05-01T00:00Z"
            )
            raise LookupError

    with pytest.raises(LookupError):
        half_done()
    with acting_for(alice.id):
        assert not Server.objects.filter(name="IC99").exists()


def test_every_tenant_table_is_under_forced_row_security(db: None) -> None:
    tables = {model._meta.db_table for model in TENANT_MODELS}
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relrowsecurity and relforcerowsecurity"
        )
        secured = {name for (name,) in cursor.fetchall()}
    assert tables
    assert tables <= secured


def test_the_application_owns_nothing(db: None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_class where relowner = 'portal_app'::regrole"
        )
        assert cursor.fetchone() == (0,)


def is_free(company: Company) -> bool:
    """Say whether the tenant's lock could be had by somebody else."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select pg_try_advisory_lock(%s)", [unit_of_work._TENANT_LOCK | company.id]
        )
        [is_had] = cursor.fetchone()
        cursor.execute("select pg_advisory_unlock_all()")
    return bool(is_had)


def test_a_unit_that_begins_holding_has_the_lock_until_it_ends(alice: Company) -> None:
    with acting_for(alice.id, holding=True):
        assert not is_free(alice)
    assert is_free(alice)


def test_a_lock_that_is_held_is_not_asked_for_again(
    alice: Company, charlie: Company
) -> None:
    with acting_for(alice.id, holding=True), CaptureQueriesContext(connection) as asked:
        unit_of_work.hold_tenant(alice.id)
        assert len(asked) == 0
        unit_of_work.hold_tenant(charlie.id)
        assert len(asked) == 1
        assert not is_free(charlie)


@pytest.mark.parametrize("who", list(unit_of_work.Across))
def test_who_sees_all_tenants_holds_none_of_them_from_the_start(
    db: None, *, who: unit_of_work.Across
) -> None:
    with pytest.raises(ValueError, match="which tenant"), acting_for(who, holding=True):
        pytest.fail("it began")
