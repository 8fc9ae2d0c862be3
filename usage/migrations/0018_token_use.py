"""Correct the last use of API tokens with which files were sent.

Files of the demo were stored as sent with a token that no request had used.
"""

from django.db import migrations

_LAST_USE = """
update portal_apitoken t set last_used_at = sent.at
from (
    select tenant_id, sent_by, max(received_at) as at from usage_usagefile
    where how = 'api' group by tenant_id, sent_by
) sent
where sent.tenant_id = t.tenant_id and sent.sent_by = 'token ' || t.name
    and sent.at >= t.created_at
    and (t.last_used_at is null or t.last_used_at < sent.at)
"""


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0017_ended_keys"),
        ("portal", "0012_tokens"),
    ]

    operations = [
        migrations.RunSQL(_LAST_USE, migrations.RunSQL.noop, elidable=False),
    ]
