"""Mails about new browsers; what the pages of sessions and security events read."""

from django.db import migrations, models

# Nobody removes events before their time, whatever else goes wrong.
_OLD_EVENTS = """
create policy only_old_ones on portal_securityevent as restrictive for delete
    to portal_app, portal_staff, portal_tenant
    using (at < now() - interval '400 days');
grant delete on portal_securityevent to portal_app;
"""

_BACK = """
revoke delete on portal_securityevent from portal_app;
drop policy only_old_ones on portal_securityevent;
"""

# Where and when, never the data: it names the tenant that somebody works for.
_LISTED = "address, agent, factors, begun_at, last_seen_at, expire_date"

_LISTS = f"""
grant select ({_LISTED}) on portal_session to portal_staff, portal_tenant;
grant select (actor) on portal_securityevent to portal_app;
grant select (agent) on portal_accountmail to portal_app, portal_tenant;
"""

_NO_LISTS = f"""
revoke select ({_LISTED}) on portal_session from portal_staff, portal_tenant;
revoke select (actor) on portal_securityevent from portal_app;
revoke select (agent) on portal_accountmail from portal_app, portal_tenant;
"""  # noqa: S608 - its own constant


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0015_audit_history"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="accountmail",
            name="an_account_mail_is_of_a_known_kind",
        ),
        migrations.AddField(
            model_name="accountmail",
            name="agent",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=300
            ),
        ),
        migrations.AlterField(
            model_name="accountmail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("new-password", "Link for a new password"),
                    ("first-password", "Link for the first password"),
                    ("password-changed", "Password changed"),
                    ("invitation", "Invitation"),
                    ("new-member", "New member"),
                    ("address-link", "Link for a new mail address"),
                    ("address-changed", "Mail address changed"),
                    ("contact-link", "Link for the contact for late mails"),
                    ("setup-file", "Server set-up handed over"),
                    ("factor-added", "Second factor added"),
                    ("factor-removed", "Second factor removed"),
                    ("factors-reset", "Second factors reset"),
                    ("recovery-codes-made", "New recovery codes"),
                    ("recovery-code-used", "Recovery code used"),
                    ("new-browser", "Signed in with a new browser"),
                ],
                max_length=20,
            ),
        ),
        migrations.AddConstraint(
            model_name="accountmail",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        [
                            "new-password",
                            "first-password",
                            "password-changed",
                            "invitation",
                            "new-member",
                            "address-link",
                            "address-changed",
                            "contact-link",
                            "setup-file",
                            "factor-added",
                            "factor-removed",
                            "factors-reset",
                            "recovery-codes-made",
                            "recovery-code-used",
                            "new-browser",
                        ],
                    )
                ),
                name="an_account_mail_is_of_a_known_kind",
            ),
        ),
        migrations.RunSQL(_OLD_EVENTS, reverse_sql=_BACK),
        migrations.RunSQL(_LISTS, reverse_sql=_NO_LISTS),
    ]
