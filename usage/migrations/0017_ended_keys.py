"""Server keys can be refused and revoked, sealing keys retired.

Files can be accepted by decision although the key that signed them has ended.
"""

from django.db import migrations, models

_RIGHTS = """
grant update (revoked_from, ended_at, ended_by, end_reason)
    on usage_serverkey to portal_tenant, portal_staff;
grant update (retired_at, retired_by, retire_reason)
    on usage_sealingkey to portal_staff;
grant update (is_signer_accepted) on usage_usagefile to portal_tenant;
"""

# Nobody can confirm an ended key again or change why it ended, and nobody can put a
# retired one back into use: another key takes its place.
_POLICIES = """
create policy an_ended_key_stays_ended on usage_serverkey
    as restrictive for update to portal_tenant, portal_staff
    using (state in ('proposed', 'confirmed')) with check (true);
create policy a_retired_key_stays_retired on usage_sealingkey
    as restrictive for update to portal_staff
    using (retired_at is null) with check (true);
"""
_WITHOUT_POLICIES = """
drop policy an_ended_key_stays_ended on usage_serverkey;
drop policy a_retired_key_stays_retired on usage_sealingkey;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0010_dismissed_period"),
        ("usage", "0016_sender_runs"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="serverkey",
            name="a_confirmed_key_says_since_when",
        ),
        migrations.AddField(
            model_name="sealingkey",
            name="retire_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=1000
            ),
        ),
        migrations.AddField(
            model_name="sealingkey",
            name="retired_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="sealingkey",
            name="retired_by",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="serverkey",
            name="end_reason",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=1000
            ),
        ),
        migrations.AddField(
            model_name="serverkey",
            name="ended_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="serverkey",
            name="ended_by",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=200
            ),
        ),
        migrations.AddField(
            model_name="serverkey",
            name="revoked_from",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="usagefile",
            name="is_signer_accepted",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AlterField(
            model_name="serverkey",
            name="state",
            field=models.CharField(
                choices=[
                    ("proposed", "to be confirmed"),
                    ("confirmed", "confirmed"),
                    ("refused", "refused"),
                    ("revoked", "revoked"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddConstraint(
            model_name="sealingkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("retire_reason", ""), ("retired_at", None), ("retired_by", "")
                    ),
                    models.Q(
                        ("retired_at__isnull", False),
                        models.Q(("retired_by", ""), _negated=True),
                        models.Q(("retire_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_sealing_key_is_retired_by_somebody_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="serverkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("decided_at", None), ("ended_at", None), ("state", "proposed")
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("ended_at", None),
                        ("state", "confirmed"),
                    ),
                    models.Q(
                        ("decided_at", None),
                        ("ended_at__isnull", False),
                        ("state", "refused"),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("ended_at__isnull", False),
                        ("state", "revoked"),
                    ),
                    _connector="OR",
                ),
                name="a_key_says_when_its_state_was_decided",
            ),
        ),
        migrations.AddConstraint(
            model_name="serverkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("end_reason", ""), ("ended_at", None), ("ended_by", "")),
                    models.Q(
                        ("ended_at__isnull", False),
                        models.Q(("ended_by", ""), _negated=True),
                        models.Q(("end_reason", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="a_key_ends_by_somebody_for_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="serverkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("state", "revoked"), ("revoked_from", None), _connector="XOR"
                ),
                name="only_a_revoked_key_is_revoked_from_an_instant",
            ),
        ),
        migrations.AddConstraint(
            model_name="serverkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("revoked_from", None),
                    ("revoked_from__lte", models.F("ended_at")),
                    _connector="OR",
                ),
                name="a_key_is_never_revoked_from_a_later_instant",
            ),
        ),
        migrations.AddConstraint(
            model_name="usagefile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_signer_accepted", False),
                    ("decided_at__isnull", False),
                    _connector="OR",
                ),
                name="a_signer_is_accepted_by_a_decision",
            ),
        ),
        migrations.RunSQL(_RIGHTS, reverse_sql=migrations.RunSQL.noop),
        migrations.RunSQL(_POLICIES, reverse_sql=_WITHOUT_POLICIES),
    ]
