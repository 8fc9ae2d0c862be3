from django.db import migrations

from portal.db.row_security import open_table

# People who were there before the library was: their addresses are vouched for.
_ADDRESSES = """
insert into account_emailaddress (user_id, email, verified, "primary")
select id, email, true, true from portal_user;
"""

# As Django's DatabaseCache wants it. What is in it may be lost: it counts tries.
_CACHE = """
create table portal_cache (
    cache_key varchar(255) not null primary key,
    value text not null,
    expires timestamptz not null
);
create index portal_cache_expires on portal_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0002_row_security"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.RunSQL(_ADDRESSES, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(_CACHE, reverse_sql="drop table portal_cache;"),
        # Whom an address belongs to is asked before anybody is known, and written
        # where people are made. The library's other table is not used.
        open_table(
            "account_emailaddress",
            app="select",
            staff="select, insert, update",
        ),
        open_table("portal_cache", app="select, insert, update, delete"),
    ]
