"""Queries of held files and unconfirmed keys that wait for a person."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery

from usage.files.problems import (
    OF_ITS_KEY,
    OF_ITS_TIME,
    SEQUENCE_TAKEN,
)
from usage.models import FileState, KeyState, ServerKey, UsageFile
from usage.usg import Code


class HoldReason(StrEnum):
    """Reasons for which a file is held; it can have several.

    `KEY`: nobody has confirmed its key yet. `ENDED`: its key is revoked or refused.
    """

    KEY = "key"
    ENDED = "ended"
    TIME = "time"
    CONFLICT = "conflict"


def _has(code: str) -> Q:
    return Q(problems__contains=[{"code": code}])


def _has_any(codes: Collection[str]) -> Q:
    found = Q()
    for code in sorted(codes):
        found |= _has(code)
    return found


_CODES_OF: Mapping[str, Q] = {
    HoldReason.KEY: _has(Code.SIGNER_UNKNOWN),
    HoldReason.ENDED: _has_any(OF_ITS_KEY) & Q(is_signer_accepted=False),
    HoldReason.TIME: _has_any(OF_ITS_TIME) & Q(assigned_day=None),
    HoldReason.CONFLICT: _has(SEQUENCE_TAKEN),
}


def held_files(kind: str = "") -> QuerySet[UsageFile]:
    """Return held files, oldest first, with tenant and server; of one kind or all."""
    held = UsageFile.objects.filter(_CODES_OF.get(kind, Q()), state=FileState.HELD)
    return held.select_related("tenant", "server").order_by("received_at", "pk")


def awaited_keys() -> QuerySet[ServerKey]:
    """Return the untrusted keys that files are held for, the oldest first.

    One decision settles all files of a key. Tenant and server are loaded.
    """
    found = ServerKey.objects.filter(Exists(_held_for_outer()), state=KeyState.PROPOSED)
    return found.select_related("tenant", "server").order_by("proposed_at", "pk")


def with_waiting(keys: QuerySet[ServerKey]) -> QuerySet[ServerKey]:
    """Add the number of files that are held for each key, as `waiting`."""
    files = _held_for_outer().order_by().values("server").annotate(count=Count("pk"))
    return keys.annotate(waiting=Subquery(files.values("count")))


def held_apart() -> QuerySet[UsageFile]:
    """Return the held files that `awaited_keys` does not cover, the oldest first."""
    keys = ServerKey.objects.filter(
        server=OuterRef("server"), public=OuterRef("signer"), state=KeyState.PROPOSED
    )
    return held_files().exclude(Exists(keys))


def _held_for_outer() -> QuerySet[UsageFile]:
    """Return the files that are held for the key of the outer query."""
    return UsageFile.objects.filter(
        state=FileState.HELD, server=OuterRef("server"), signer=OuterRef("public")
    )


def count() -> int:
    return UsageFile.objects.filter(state=FileState.HELD).count()


def count_for_staff() -> int:
    """Count the files that staff decide: not those that wait for a key alone."""
    ours = Q()
    for kind in (HoldReason.ENDED, HoldReason.TIME, HoldReason.CONFLICT):
        ours |= _CODES_OF[kind]
    return UsageFile.objects.filter(ours, state=FileState.HELD).count()


def counts() -> dict[str, int]:
    """Count the files that wait: in all under an empty name, and of each kind."""
    wanted = {str(kind): Count("pk", filter=found) for kind, found in _CODES_OF.items()}
    held = UsageFile.objects.filter(state=FileState.HELD)
    found = held.aggregate(all=Count("pk"), **wanted)
    return {"": found.pop("all"), **found}


def rivals(file: UsageFile) -> list[UsageFile]:
    """Return the files that claim one place in a series, what counts now first.

    The file itself is among them, unless it is decided.
    """
    if file.series is None or file.sequence is None:
        return []
    waiting = (FileState.ACCEPTED, FileState.HELD)
    found = UsageFile.objects.filter(
        state__in=waiting,
        server=file.server_id,
        series=file.series,
        sequence=file.sequence,
    )
    # "accepted" comes before "held", as it happens and as it should.
    return list(found.select_related("server").order_by("state", "received_at", "pk"))


def successors(files: Collection[UsageFile]) -> dict[bytes, UsageFile]:
    """Return for each file's hash the file that names it as its predecessor, if any."""
    named = {bytes(file.sha256) for file in files}
    waiting = (FileState.ACCEPTED, FileState.HELD)
    later = UsageFile.objects.filter(previous__in=named, state__in=waiting)
    return {
        bytes(file.previous): file
        for file in later.order_by("-received_at", "pk")
        if file.previous is not None
    }


def proposed_keys() -> list[tuple[ServerKey, int]]:
    """Return the tenant's keys that nobody trusts yet, each with its held files."""
    keys = ServerKey.objects.filter(state=KeyState.PROPOSED).select_related("server")
    waiting: dict[tuple[int | None, bytes], int] = {
        (server, bytes(signer)): count
        for server, signer, count in UsageFile.objects.filter(state=FileState.HELD)
        .exclude(signer=None)
        .values_list("server", "signer")
        .annotate(count=Count("pk"))
    }
    return [
        (key, waiting.get((key.server_id, bytes(key.public)), 0))
        for key in keys.order_by("server__name", "proposed_at", "pk")
    ]


def key_awaited_by(file: UsageFile) -> ServerKey | None:
    """Return the untrusted key that a held file waits for, None if it does not."""
    return (
        ServerKey.objects.filter(
            server=file.server_id, public=file.signer, state=KeyState.PROPOSED
        )
        .select_related("server")
        .first()
    )


def may_be_refused(file: UsageFile) -> bool:
    """Return whether staff may decide that a file does not count.

    Of accepted files only those that are signed with a key that is revoked now.
    """
    if file.state == FileState.ACCEPTED:
        keys = ServerKey.objects.filter(server=file.server_id, public=file.signer)
        return keys.filter(state=KeyState.REVOKED).exists()
    return file.state == FileState.HELD


def tenant_of_file(file_id: UUID) -> int | None:
    """Return whose file it is, in a unit of work of the staff."""
    found = UsageFile.objects.filter(pk=file_id).values_list("tenant_id", flat=True)
    return found.first()
