from django.db import migrations

# A unit of work for one tenant sees the people of that tenant: memberships are shut
# off by a policy of their own, so the inner question finds no others. Everybody else
# who may read the table needs all of it: signing in, and the staff.
_POLICIES = """
alter table portal_user enable row level security;
create policy people_of_this_tenant on portal_user for select to portal_tenant
    using (exists (
        select from portal_membership
        where portal_membership.user_id = portal_user.id
    ));
create policy everybody on portal_user to portal_app, portal_staff
    using (true) with check (true);
"""

_BACK = """
drop policy people_of_this_tenant on portal_user;
drop policy everybody on portal_user;
alter table portal_user disable row level security;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_sign_in"),
    ]

    operations = [
        migrations.RunSQL(_POLICIES, reverse_sql=_BACK),
    ]
