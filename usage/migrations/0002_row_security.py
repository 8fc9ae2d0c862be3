from django.db import migrations

from portal.db.row_security import protect, same_tenant
from portal.jobs.queue import ROW_RIGHTS, SWEEP_RIGHTS

# What a file was when it came, above all when, never changes.
FILE_CHANGES = (
    "update (state, settled_at, stored_as, problems, server_id, signer, series,"
    " sequence, previous, day, zone, opened_at, closed_at, opened_offset,"
    " closed_offset, closed_by, sessions, logins, users)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0001_tables"),
        ("portal", "0002_row_security"),
    ]

    operations = [
        protect("usage_sealingkey", tenant="select", staff="select, insert"),
        protect(
            "usage_server",
            tenant="select, insert, update (first_owed_on, retired_on)",
            staff="select, insert, update (first_owed_on, retired_on)",
        ),
        protect(
            "usage_serverkey",
            tenant="select, insert, update (state, decided_at, decided_by)",
            staff="select, insert, update (state, decided_at, decided_by)",
        ),
        protect(
            "usage_usagefile",
            tenant=f"select, insert, delete, {FILE_CHANGES}",
            staff=f"select, {FILE_CHANGES}",
            sweep="select (id, tenant_id, state, received_at)",
        ),
        # Only rows of rejected files may ever go, and only when there are too many.
        migrations.RunSQL(
            "create policy only_rejected_files_may_go on usage_usagefile"
            " as restrictive for delete to portal_tenant"
            " using (state = 'rejected');",
            reverse_sql="drop policy only_rejected_files_may_go on usage_usagefile;",
        ),
        protect(
            "usage_forwarding",
            tenant=f"select, insert, {ROW_RIGHTS}",
            staff=f"select, {ROW_RIGHTS}",
            sweep=SWEEP_RIGHTS,
        ),
        same_tenant("usage_serverkey", "server_id", target="usage_server"),
        same_tenant("usage_usagefile", "server_id", target="usage_server"),
        same_tenant("usage_forwarding", "file_id", target="usage_usagefile"),
    ]
