from django.db import migrations

from portal.db.row_security import open_table, protect


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0001_tables"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        # Sessions, people, memberships and tokens are read before a tenant is known.
        open_table("django_session", app="select, insert, update, delete"),
        open_table("django_migrations", app="select"),
        open_table(
            "portal_user",
            app="select, update (password, last_login)",
            staff="select, insert, update",
            tenant="select (id, email, name, is_active)",
        ),
        protect(
            "portal_tenant",
            column="id",
            tenant="select",
            staff="select, insert, update",
        ),
        protect(
            "portal_membership",
            tenant="select, insert, update, delete",
            staff="select, insert, update, delete",
            app="select (id, tenant_id, user_id, role)",
        ),
        protect(
            "portal_apitoken",
            tenant="select, insert, update (revoked_at)",
            staff="select, insert, update (revoked_at)",
            app=(
                "select (id, tenant_id, name, digest, scope, expires_at, revoked_at,"
                " last_used_at), update (last_used_at)"
            ),
        ),
        # Nobody may change or remove an entry.
        protect("portal_auditentry", tenant="select, insert", staff="select, insert"),
    ]
