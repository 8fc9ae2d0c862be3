"""Reads the headers of received files that are not judged yet.

The headers are not verified. They are shown to the tenant's own people, as a sign that
their file was received, and count for nothing: the verdict replaces them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from django.db import connection

from usage.models import FileState, UsageFile
from usage.storage import store
from usage.usg import Header, peek

# Files whose headers are read for one answer, the oldest: a tenth of a millisecond
# each. As a rule there are none; there are many only while judging is broken.
MOST = 500

# Maps each name to the server that the table has for it, whatever its case; unknown
# names that differ in case only are one server.
_SERVERS = """
select asked.name,
    coalesce(known.name, min(asked.name) over (partition by lower(asked.name)))
from unnest(%s::text[]) as asked(name)
left join usage_server known on lower(known.name) = lower(asked.name)
"""


@dataclass(frozen=True, slots=True)
class UnjudgedFile:
    """A file that is received, and the header in its stored bytes."""

    file: UsageFile
    header: Header


def unjudged_files(tenant_number: str) -> list[UnjudgedFile]:
    """Return the headers of the tenant's files that are not judged yet.

    In at most two queries. A file whose header cannot be read, or names another tenant,
    is left out.
    """
    received = UsageFile.objects.filter(state=FileState.RECEIVED, server=None)
    found = [
        UnjudgedFile(file, header)
        for file in received.order_by("received_at", "pk")[:MOST]
        if (header := _header_of(file)) and header.tenant == tenant_number
    ]
    names = _server_names({one.header.server for one in found})
    return [
        replace(one, header=replace(one.header, server=names[one.header.server]))
        for one in found
    ]


def _header_of(file: UsageFile) -> Header | None:
    try:
        with store.opened(file.stored_as) as data:
            return peek(data)
    except OSError:
        return None


def _server_names(claimed: Collection[str]) -> Mapping[str, str]:
    if not claimed:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_SERVERS, [list(claimed)])
        return dict(cursor.fetchall())
