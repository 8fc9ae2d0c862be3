"""Find tenants by a part of their name or number, and list them by name, by indexes."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations, models
from django.db.models.functions import Concat, Upper


class Migration(migrations.Migration):
    dependencies = [("portal", "0005_people")]

    operations = [
        # A trusted extension: the owner of the database may create it.
        TrigramExtension(),
        migrations.AddField(
            model_name="tenant",
            name="search_text",
            field=models.GeneratedField(
                db_persist=True,
                expression=Upper(Concat("name", models.Value("\n"), "number")),
                output_field=models.TextField(),
            ),
        ),
        migrations.AddIndex(
            model_name="tenant",
            index=GinIndex(
                fields=["search_text"],
                opclasses=["gin_trgm_ops"],
                name="tenants_searched",
            ),
        ),
        migrations.AddIndex(
            model_name="tenant",
            index=models.Index(fields=["name", "number"], name="tenants_by_name"),
        ),
    ]
