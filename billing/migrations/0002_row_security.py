from django.db import migrations

from portal.db.row_security import protect


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0001_tables"),
        ("portal", "0002_row_security"),
    ]

    operations = [
        protect(
            "billing_licencechange", tenant="select", staff="select, insert, update"
        ),
        protect(
            "billing_tenantperiod", tenant="select, insert", staff="select, insert"
        ),
    ]
