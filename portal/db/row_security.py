"""Migration operations for row security: policies and rights of new tables."""

from django.db import migrations

_POLICIES = """
alter table {table} enable row level security;
alter table {table} force row level security;
create policy owner_works on {table} to current_user using (true) with check (true);
create policy all_rows on {table} to portal_staff using (true) with check (true);
"""

_OWN_ROWS = """
create policy own_rows on {table} to portal_tenant
    using ({column} = nullif(current_setting('app.tenant', true), '')::bigint)
    with check ({column} = nullif(current_setting('app.tenant', true), '')::bigint);
grant {rights} on {table} to portal_tenant;
"""


def protect(
    table: str,
    *,
    staff: str,
    tenant: str = "",
    sweep: str = "",
    app: str = "",
    column: str = "tenant_id",
) -> migrations.RunSQL:
    """Deny all access to a table, then grant each role the rights that it needs.

    Args:
        table: name in the database.
        staff: rights of billing staff, on all rows.
        tenant: rights of a unit of work for one tenant, on that tenant's rows, as in
            GRANT: `"select, insert"`. Empty for a table that no tenant may see.
        sweep: rights of the role that finds waiting jobs, on all rows, by column.
        app: rights before the caller is identified, on all rows, by column.
        column: the one that holds the tenant's id.

    """
    statements = [_POLICIES.format(table=table)]
    if tenant:
        own_rows = _OWN_ROWS.format(table=table, column=column, rights=tenant)
        statements.append(own_rows)
    statements.append(f"grant {staff} on {table} to portal_staff;")
    for role, rights in (("portal_sweep", sweep), ("portal_app", app)):
        if rights:
            statements += [
                f"create policy {role}_rows on {table} to {role}"
                " using (true) with check (true);",
                f"grant {rights} on {table} to {role};",
            ]
    # A table's policies and rights go with the table, so there is nothing to undo.
    return migrations.RunSQL(
        "\n".join(statements), reverse_sql=migrations.RunSQL.noop, elidable=False
    )


def same_tenant(table: str, column: str, *, target: str) -> migrations.RunSQL:
    """Let the database refuse a reference from one tenant's row to another's.

    `target` has to be unique in (id, tenant_id).
    """
    name = f"{column}_is_of_the_same_tenant"
    return migrations.RunSQL(
        f"alter table {table} add constraint {name}"
        f" foreign key ({column}, tenant_id) references {target} (id, tenant_id);",
        reverse_sql=f"alter table {table} drop constraint {name};",
    )


def open_table(
    table: str, *, app: str = "", staff: str = "", tenant: str = ""
) -> migrations.RunSQL:
    """Grant rights on a table that belongs to no tenant: people, sessions."""
    grants = [
        f"grant {rights} on {table} to {role};"
        for role, rights in (
            ("portal_app", app),
            ("portal_staff", staff),
            ("portal_tenant", tenant),
        )
        if rights
    ]
    return migrations.RunSQL("\n".join(grants), reverse_sql=migrations.RunSQL.noop)
