"""The forward row of an accepted file: made with it, withdrawn if it counts no more."""

from datetime import datetime
from urllib.parse import quote

from django.conf import settings

from portal.jobs import wakeup
from portal.jobs.queue import JobState
from portal.models import Tenant
from usage.models import Forwarding, UsageFile

# Another file counts in the place of this one.
SUPERSEDED = "superseded"

# Under our key lies something that is not ours. It is never overwritten.
FOREIGN_BYTES = "foreign-bytes"

# S3 has the bytes no more, and neither has the portal.
OBJECT_LOST = "object-lost"

# A key has at most 1,024 bytes, and a letter can take twelve of them. The hash tells
# two servers apart whose names begin alike.
_KEY_SERVER_CHARACTERS = 48


def queue(file: UsageFile, tenant: Tenant, *, at: datetime) -> None:
    """Let a file be forwarded, in the unit of work that accepts it.

    One that was withdrawn before it went goes now; one that is in S3 stays there.
    Also where forwarding is switched off: the rows wait until it is on.
    """
    row, is_new = Forwarding.objects.get_or_create(
        file=file,
        defaults={"tenant": tenant, "key": object_key(file, tenant), "due_at": at},
    )
    if not is_new:
        Forwarding.objects.filter(
            pk=row.pk, state=JobState.SET_ASIDE, problem=SUPERSEDED
        ).update(state=JobState.WAITING, problem="", due_at=at, ended_at=None)
    wakeup.wake_up("usage.forward")


def withdraw(file: UsageFile, *, at: datetime) -> None:
    """Take a file that counts no more out of the queue, if it has not gone yet.

    Whoever is sending it this moment loses the lease, and what came of it is not
    written down: the object lies under a key of its own and does no harm.
    """
    Forwarding.objects.filter(file=file, state=JobState.WAITING).update(
        state=JobState.SET_ASIDE,
        problem=SUPERSEDED,
        ended_at=at,
        lease=None,
        leased_until=None,
    )


def object_key(file: UsageFile, tenant: Tenant) -> str:
    """Return where a file lies in the bucket: found by a person, never taken twice."""
    name = file.server.name if file.server else ""
    server = quote(name[:_KEY_SERVER_CHARACTERS], safe="")
    return (
        f"{settings.S3['prefix']}{tenant.number}/{server}/{file.day}/"
        f"{file.series}-{file.sequence}-{bytes(file.sha256).hex()}.usg"
    )
