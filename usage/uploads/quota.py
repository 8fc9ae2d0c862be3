"""Limits the unaccepted files of a tenant, and their bytes.

Received and held files count: their bytes are kept, and no charge or receipt stands
against them. Accepted files never do, so whoever sends genuine files of known servers
meets no limit, however many. Of rejected files no bytes are kept; files that staff
have refused are kept because of a decision each, and the tenant could not make room by
any act of its own. Why, and the figures: docs/decisions/0086.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Sum

from portal.db import unit_of_work
from portal.errors import Refused
from usage.models import KEPT, FileState, UsageFile

# States that count.
_WAITING = (FileState.RECEIVED, FileState.HELD)


@dataclass(frozen=True, slots=True)
class UnacceptedFiles:
    """The unaccepted files of a tenant; `size` in bytes."""

    files: int
    size: int

    @property
    def is_full(self) -> bool:
        """Whether no further file can be received, however small."""
        return not self.has_room(1)

    def has_room(self, size: int) -> bool:
        """Return whether one more file of a size in bytes can be received."""
        most_files, most = settings.WAITING_FILES_LIMIT, settings.WAITING_BYTES_LIMIT
        return (not most_files or self.files < most_files) and (
            not most or self.size + size <= most
        )


def count_waiting() -> UnacceptedFiles:
    """Count in the running unit of work of a tenant."""
    found = UsageFile.objects.filter(state__in=_WAITING).aggregate(
        files=Count("pk"), size=Sum("size")
    )
    return UnacceptedFiles(found["files"], int(found["size"] or 0))


def require_room(size: int) -> None:
    """Require room for a file, in a unit of work that holds the tenant.

    Of two uploads at the same time the second sees the first.

    Raises:
        Refused: there is too much already.

    """
    waiting = count_waiting()
    if not waiting.has_room(size):
        raise Refused("quota-full")


def require_before_body(tenant_id: int, *, size: int, sha256: bytes | None) -> None:
    """Require room before a body is read, without a lock.

    Content that is stored already needs none, and is answered as a duplicate.

    Raises:
        Refused: as `require_room`.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        waiting = count_waiting()
        if waiting.has_room(size):
            return
        kept = UsageFile.objects.filter(sha256=sha256, state__in=KEPT)
        if sha256 is None or not kept.exists():
            raise Refused("quota-full")
