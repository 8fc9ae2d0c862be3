"""Sessions under a hash, security events, and the second factors of people."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import open_table

# The people of a tenant are those that the policy of the memberships shows it.
_OF_MEMBERS = """
exists (
    select from portal_membership where portal_membership.user_id = {table}.user_id
)
"""

# What happened to people, for the admins of each tenant that they belong to; what
# happened in another tenant is not theirs to see. Nothing is ever changed.
_EVENTS = f"""
alter table portal_securityevent enable row level security;
alter table portal_securityevent force row level security;
create policy owner_works on portal_securityevent to current_user
    using (true) with check (true);
create policy everybody on portal_securityevent to portal_app, portal_staff
    using (true) with check (true);
create policy of_this_tenant on portal_securityevent to portal_tenant
    using (
        tenant_id = nullif(current_setting('app.tenant', true), '')::bigint
        or (tenant_id is null and {_OF_MEMBERS.format(table="portal_securityevent")})
    )
    with check (
        tenant_id is null
        or tenant_id = nullif(current_setting('app.tenant', true), '')::bigint
    );
"""

# Tenants see which factors their people have, never the secrets (column grants).
_FACTORS = f"""
alter table mfa_authenticator enable row level security;
create policy everybody on mfa_authenticator to portal_app, portal_staff
    using (true) with check (true);
create policy of_members on mfa_authenticator to portal_tenant
    using ({_OF_MEMBERS.format(table="mfa_authenticator")});
"""

# The same for sessions: an admin may end those of their people.
_SESSIONS = f"""
alter table portal_session enable row level security;
create policy everybody on portal_session to portal_app, portal_staff
    using (true) with check (true);
create policy of_members on portal_session to portal_tenant
    using ({_OF_MEMBERS.format(table="portal_session")});
"""

# Before the caller is known, the requirement of a tenant is read and nothing else.
_REQUIREMENT = """
create policy requirement on portal_tenant for select to portal_app using (true);
grant select (id, requires_second_factor) on portal_tenant to portal_app;
grant update (requires_second_factor) on portal_tenant to portal_tenant;
"""

_BACK = """
drop policy requirement on portal_tenant;
revoke select (id, requires_second_factor) on portal_tenant from portal_app;
drop policy everybody on mfa_authenticator;
drop policy of_members on mfa_authenticator;
alter table mfa_authenticator disable row level security;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0010_dismissed_period"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="requires_second_factor",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="SecurityEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("signed-in", "Signed in"),
                            ("sign-in-failed", "Sign-in failed"),
                            ("sign-in-locked", "Sign-in refused after too many tries"),
                            ("signed-in-again", "Confirmed their identity"),
                            ("signed-out", "Signed out"),
                            ("session-ended", "Session ended"),
                            ("new-browser", "Signed in with a new browser"),
                            ("password-changed", "Password changed"),
                            ("password-link", "Link for a new password requested"),
                            ("password-set", "New password set by a link"),
                            ("factor-added", "Second factor added"),
                            ("factor-removed", "Second factor removed"),
                            ("factor-failed", "Wrong code or passkey"),
                            ("recovery-code-used", "Recovery code used"),
                            ("recovery-codes-made", "New recovery codes made"),
                            ("factors-reset", "Second factors reset by somebody else"),
                            ("address-changed", "Mail address changed"),
                            ("account-closed", "Account closed"),
                            ("link-refused", "Link refused"),
                            ("refused", "Refused: not allowed"),
                            ("token-unknown", "Request with an unknown token"),
                            ("token-refused", "Request with a token refused"),
                        ],
                        max_length=30,
                    ),
                ),
                ("actor", models.CharField(blank=True, default="", max_length=254)),
                ("address", models.CharField(blank=True, default="", max_length=45)),
                ("agent", models.CharField(blank=True, default="", max_length=300)),
                ("session", models.UUIDField(null=True)),
                ("details", models.JSONField(default=dict)),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="portal.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="security_events_newest"),
                    models.Index(fields=["user", "-at"], name="security_events_of_one"),
                    models.Index(
                        fields=["tenant", "-at"], name="security_events_of_tenant"
                    ),
                    models.Index(
                        fields=["address", "kind", "-at"],
                        name="security_events_by_address",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "signed-in",
                                    "sign-in-failed",
                                    "sign-in-locked",
                                    "signed-in-again",
                                    "signed-out",
                                    "session-ended",
                                    "new-browser",
                                    "password-changed",
                                    "password-link",
                                    "password-set",
                                    "factor-added",
                                    "factor-removed",
                                    "factor-failed",
                                    "recovery-code-used",
                                    "recovery-codes-made",
                                    "factors-reset",
                                    "address-changed",
                                    "account-closed",
                                    "link-refused",
                                    "refused",
                                    "token-unknown",
                                    "token-refused",
                                ],
                            )
                        ),
                        name="a_security_event_is_of_a_known_kind",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                ("session_data", models.TextField(verbose_name="session data")),
                (
                    "expire_date",
                    models.DateTimeField(db_index=True, verbose_name="expire date"),
                ),
                (
                    "session_key",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("reference", models.UUIDField(default=uuid.uuid4, unique=True)),
                ("address", models.CharField(blank=True, default="", max_length=45)),
                ("agent", models.CharField(blank=True, default="", max_length=300)),
                ("factors", models.JSONField(default=list)),
                ("begun_at", models.DateTimeField(null=True)),
                ("last_seen_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["user", "-last_seen_at"], name="sessions_of_a_person"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("session_key__regex", "^[0-9a-f]{64}$")),
                        name="a_session_is_kept_under_a_hash",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("begun_at", None),
                                ("last_seen_at", None),
                                ("user", None),
                            ),
                            models.Q(
                                ("begun_at__isnull", False),
                                ("last_seen_at__isnull", False),
                                ("user__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="a_session_of_a_person_has_begun",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            _EVENTS + _SESSIONS + _FACTORS + _REQUIREMENT, reverse_sql=_BACK
        ),
        open_table(
            "portal_securityevent",
            app="insert, select (id, at, kind, user_id, address, agent, session)",
            staff="select, insert",
            tenant="select, insert",
        ),
        open_table(
            "portal_session",
            app="select, insert, update, delete",
            staff="select (reference, user_id, session_key), delete",
            tenant="select (reference, user_id, session_key), delete",
        ),
        open_table(
            "mfa_authenticator",
            app="select, insert, update, delete",
            staff="select (id, user_id, type, created_at, last_used_at), delete",
            tenant="select (id, user_id, type, created_at, last_used_at), delete",
        ),
        # Their keys are stored as they are in cookies.
        migrations.RunSQL(
            "delete from django_session", reverse_sql=migrations.RunSQL.noop
        ),
    ]
