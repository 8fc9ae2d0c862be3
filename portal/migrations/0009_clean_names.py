"""Clean the names that are stored, and refuse others from now on.

A name that shows nothing becomes the customer number, or the address. An address that
would become that of somebody else stays as it is.
"""

from typing import Any

from django.db import migrations

from portal.models.clean_text import is_clean_line
from portal.typed_text.clean import mail_address, one_line

_MOST = 200


def _clean(apps: Any, editor: Any) -> None:
    alias = editor.connection.alias
    tenants = apps.get_model("portal", "Tenant").objects.using(alias)
    for pk, name, number in tenants.values_list("pk", "name", "number"):
        cleaned = one_line(name)[:_MOST].rstrip() or number
        if cleaned != name:
            tenants.filter(pk=pk).update(name=cleaned)
    people = apps.get_model("portal", "User").objects.using(alias)
    for pk, name, email in people.values_list("pk", "name", "email"):
        cleaned = one_line(name)[:_MOST].rstrip() or one_line(email)[:_MOST].rstrip()
        if cleaned != name:
            people.filter(pk=pk).update(name=cleaned)
    addresses = apps.get_model("account", "EmailAddress").objects.using(alias)
    for pk, email in people.values_list("pk", "email"):
        cleaned = mail_address(email)
        if cleaned != email and not people.filter(email=cleaned).exists():
            people.filter(pk=pk).update(email=cleaned)
            addresses.filter(user_id=pk, email=email).update(email=cleaned)


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0008_account_mails"),
        ("account", "0009_emailaddress_unique_primary_email"),
    ]

    operations = [
        migrations.RunPython(_clean, migrations.RunPython.noop, elidable=False),
        *(
            migrations.AddConstraint(
                model_name=model, constraint=is_clean_line("name", name=name)
            )
            for model, name in (
                ("tenant", "a_tenant_name_is_one_clean_line"),
                ("user", "a_person_name_is_one_clean_line"),
            )
        ),
    ]
