"""Uploads and their files, and the upload that a received file is a part of."""

import django.db.models.deletion
from django.db import migrations, models

from portal.db.row_security import protect, same_tenant


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0007_statement_mails"),
        ("usage", "0013_name_secrets"),
    ]

    operations = [
        migrations.CreateModel(
            name="Upload",
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
                ("key", models.UUIDField()),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("browser", "browser"),
                            ("form", "form"),
                            ("api", "API"),
                            ("inbox", "S3 inbox"),
                        ],
                        max_length=10,
                    ),
                ),
                ("begun_by", models.CharField(max_length=200)),
                ("begun_at", models.DateTimeField()),
                ("reported_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("left_at", models.DateTimeField(null=True)),
                ("dismissed_at", models.DateTimeField(null=True)),
                ("step", models.IntegerField(default=0)),
                ("files", models.IntegerField(default=0)),
                ("size", models.BigIntegerField(default=0)),
                ("others", models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="UploadItem",
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
                ("number", models.IntegerField()),
                ("name", models.CharField(max_length=255)),
                ("size", models.BigIntegerField()),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("accepted", "accepted"),
                            ("held", "held"),
                            ("received", "received"),
                            ("rejected", "rejected"),
                            ("refused", "refused by decision"),
                            ("already here", "already here"),
                            ("failed", "not sent"),
                            ("unreadable", "not readable"),
                            ("stopped", "stopped before it was sent"),
                        ],
                        max_length=12,
                    ),
                ),
                ("code", models.CharField(blank=True, default="", max_length=60)),
                ("status", models.SmallIntegerField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name="usagefile",
            name="sent_in",
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name="usagefile",
            index=models.Index(
                condition=models.Q(("sent_in__isnull", False)),
                fields=["tenant", "sent_in"],
                name="files_of_an_upload",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
            ),
        ),
        migrations.AddField(
            model_name="uploaditem",
            name="file",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="usage.usagefile",
            ),
        ),
        migrations.AddField(
            model_name="uploaditem",
            name="tenant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, to="portal.tenant"
            ),
        ),
        migrations.AddField(
            model_name="uploaditem",
            name="upload",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="items",
                to="usage.upload",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                fields=["tenant", "-begun_at", "-id"], name="uploads_newest_first"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("how__in", ["browser", "form", "api", "inbox"])),
                name="an_upload_has_a_known_way_in",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.UniqueConstraint(
                fields=("tenant", "key"), name="a_tenant_has_an_upload_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.UniqueConstraint(
                fields=("id", "tenant"), name="an_upload_can_be_named_with_its_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="uploaditem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "outcome__in",
                        [
                            "accepted",
                            "held",
                            "received",
                            "rejected",
                            "refused",
                            "already here",
                            "failed",
                            "unreadable",
                            "stopped",
                        ],
                    )
                ),
                name="an_outcome_is_a_known_one",
            ),
        ),
        migrations.AddConstraint(
            model_name="uploaditem",
            constraint=models.UniqueConstraint(
                fields=("upload", "number"), name="an_upload_has_a_file_once"
            ),
        ),
        protect(
            "usage_upload",
            tenant="select, insert, delete, update (reported_at, ended_at, left_at,"
            " dismissed_at, step, files, size, others)",
            staff="select",
        ),
        protect(
            "usage_uploaditem",
            tenant="select, insert, delete,"
            " update (name, size, outcome, code, status, file_id)",
            staff="select",
        ),
        same_tenant("usage_uploaditem", "upload_id", target="usage_upload"),
        same_tenant("usage_uploaditem", "file_id", target="usage_usagefile"),
    ]
