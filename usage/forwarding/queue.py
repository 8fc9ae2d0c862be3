"""The forward row of an accepted file: queues the file, or withdraws it."""

from datetime import datetime
from urllib.parse import quote

from django.conf import settings

from portal.jobs import wakeup
from portal.jobs.queue import JobState
from portal.models import Tenant
from usage.models import Forwarding, UsageFile

# Another file counts in the place of this one.
SUPERSEDED = "superseded"

# The object under the key is not the portal's. It is never overwritten.
FOREIGN_BYTES = "foreign-bytes"

# Neither S3 nor the portal has the bytes any more.
OBJECT_LOST = "object-lost"

# A key has at most 1,024 bytes, and a character can take twelve of them. The hash
# distinguishes two servers whose names begin alike.
_KEY_SERVER_CHARACTERS = 48


def queue(file: UsageFile, tenant: Tenant, *, at: datetime) -> None:
    """Queue a file to be forwarded, in the unit of work that accepts it.

    A file that was withdrawn before it was sent is sent now; one that is in S3 stays
    there. Also where forwarding is switched off: the rows wait until it is on.
    """
    row, is_new = Forwarding.objects.get_or_create(
        file=file,
        defaults={"tenant": tenant, "key": object_key(file, tenant), "due_at": at},
    )
    if not is_new:
        Forwarding.objects.filter(
            pk=row.pk, state=JobState.FAILED, problem=SUPERSEDED
        ).update(state=JobState.WAITING, problem="", due_at=at, ended_at=None)
    wakeup.wake_up("usage.forward")


def withdraw(file: UsageFile, *, at: datetime) -> None:
    """Remove a file that counts no more from the queue, if it was not sent yet.

    A worker that is sending it at this moment loses the lease, and its result is not
    recorded: the object has a key of its own and does no harm.
    """
    Forwarding.objects.filter(file=file, state=JobState.WAITING).update(
        state=JobState.FAILED,
        problem=SUPERSEDED,
        ended_at=at,
        lease=None,
        leased_until=None,
    )


def object_key(file: UsageFile, tenant: Tenant) -> str:
    """Return a file's key in the bucket: readable for people, and used only once."""
    name = file.server.name if file.server else ""
    server = quote(name[:_KEY_SERVER_CHARACTERS], safe="")
    return (
        f"{settings.S3['prefix']}{tenant.number}/{server}/{file.day}/"
        f"{file.series}-{file.sequence}-{bytes(file.sha256).hex()}.usg"
    )
