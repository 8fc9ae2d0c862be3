"""Limit tokens to servers and networks, replace them, and count requests.

Tokens of scope *manage* become tokens of scope *upload*: confirming keys is for people.
Tokens without an end keep working, and the page *Automation* says that they have none.
"""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from portal.db.row_security import open_table, same_tenant

_UPLOAD_ONLY = "update portal_apitoken set scope = 'upload' where scope = 'manage'"

# Before the tenant is known, a token is found by its hash, and its use is noted.
_RIGHTS = """
grant update (expires_at, replaced_by_id) on portal_apitoken
    to portal_tenant, portal_staff;
grant select (server, networks, last_used_from, refused_at, refused_from),
    update (last_used_from, refused_at, refused_from) on portal_apitoken to portal_app;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0011_sessions_and_security_events"),
    ]

    operations = [
        migrations.RunSQL(_UPLOAD_ONLY, migrations.RunSQL.noop, elidable=False),
        migrations.CreateModel(
            name="RequestLevel",
            fields=[
                (
                    "key",
                    models.BinaryField(
                        max_length=32, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.FloatField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="apitoken",
            name="a_scope_is_a_known_one",
        ),
        migrations.AddField(
            model_name="apitoken",
            name="form_key",
            field=models.UUIDField(null=True, unique=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="last_used_from",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=45
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="made_by_user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="networks",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=43),
                db_default=[],
                default=list,
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="refused_from",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=45
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="replaced_by",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaces",
                to="portal.apitoken",
            ),
        ),
        migrations.AddField(
            model_name="apitoken",
            name="server",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=128
            ),
        ),
        migrations.AlterField(
            model_name="apitoken",
            name="scope",
            field=models.CharField(
                choices=[("read", "read"), ("upload", "read and upload")], max_length=10
            ),
        ),
        migrations.AddIndex(
            model_name="apitoken",
            index=models.Index(
                condition=models.Q(("replaced_by", None), ("revoked_at", None)),
                fields=["expires_at"],
                name="tokens_that_expire",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("scope__in", ["read", "upload"])),
                name="a_scope_is_a_known_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("server", ""), ("scope", "upload"), _connector="OR"
                ),
                name="a_token_of_a_server_uploads",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.CheckConstraint(
                condition=models.Q(("networks__len__lte", 20)),
                name="a_token_has_few_networks",
            ),
        ),
        migrations.AddConstraint(
            model_name="apitoken",
            constraint=models.UniqueConstraint(
                fields=("id", "tenant"), name="a_token_can_be_named_with_its_tenant"
            ),
        ),
        same_tenant("portal_apitoken", "replaced_by_id", target="portal_apitoken"),
        migrations.RunSQL(_RIGHTS, migrations.RunSQL.noop, elidable=False),
        open_table("portal_requestlevel", app="select, insert, update, delete"),
    ]
