"""Queries of server keys, and of the files that are signed with one."""

from dataclasses import dataclass

from django.db.models import QuerySet

from portal.errors import Refused
from usage.models import FileState, ServerKey, UsageFile


@dataclass(frozen=True, slots=True)
class SignedFiles:
    """Counts the accepted files of a key: `since` it was revoked, and all of them."""

    since: int
    all: int


def find_key(key_id: int) -> ServerKey:
    """Return a key with its server, in the unit of work of its tenant.

    Raises:
        Refused: the tenant has no such key.

    """
    key = ServerKey.objects.select_related("server").filter(pk=key_id).first()
    if key is None:
        raise Refused("not-found")
    return key


def files_of(key: ServerKey) -> QuerySet[UsageFile]:
    """Return all files of the key's server that are signed with it."""
    return UsageFile.objects.filter(server=key.server_id, signer=key.public)


def accepted_files(key: ServerKey) -> QuerySet[UsageFile]:
    """Return the accepted files that are signed with a key, the last received first.

    Of a revoked key, those that were received since the revocation are thus the first.
    """
    found = files_of(key).filter(state=FileState.ACCEPTED)
    files = found.select_related("server", "forwarding")
    return files.order_by("-received_at", "pk")


def accepted_since(key: ServerKey) -> QuerySet[UsageFile]:
    """Return the accepted files that were received since a key was revoked."""
    if key.revoked_from is None:
        return UsageFile.objects.none()
    return accepted_files(key).filter(received_at__gte=key.revoked_from)


def count_accepted(key: ServerKey) -> SignedFiles:
    return SignedFiles(accepted_since(key).count(), accepted_files(key).count())


def count_held(key: ServerKey) -> int:
    return files_of(key).filter(state=FileState.HELD).count()
