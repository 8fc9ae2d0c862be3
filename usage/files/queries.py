"""Queries of usage files and servers. Each runs in the caller's unit of work."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import (
    Lower,
)

from portal.errors import Refused
from portal.jobs.queue import JobState
from usage.files.waiting import files_for_key
from usage.models import CHECKED, KEPT, FileState, Forwarding, Server, UsageFile
from usage.storage import store


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFile:
    """A file that somebody has: its hash, or its size and last bytes."""

    size: int
    sha256: bytes | None = None
    tail: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFilter:
    """Which files to list; None leaves a part open. Days are both included."""

    state: str | None = None
    server: str | None = None
    how: str | None = None
    sent_by: str | None = None
    first_day: date | None = None
    last_day: date | None = None


def with_timeline() -> QuerySet[UsageFile]:
    """Return files with all that their timeline shows, in one query."""
    return UsageFile.objects.select_related("server", "forwarding")


def matching(wanted: FileFilter) -> QuerySet[UsageFile]:
    """Return the files of a filter with all that their timeline shows."""
    conditions = Q()
    if wanted.state:
        conditions &= Q(state=wanted.state)
    if wanted.server:
        conditions &= Q(server__in=server_named(wanted.server))
    if wanted.how:
        conditions &= Q(how=wanted.how)
    if wanted.sent_by:
        conditions &= Q(sent_by=wanted.sent_by)
    if wanted.first_day:
        conditions &= Q(day__gte=wanted.first_day)
    if wanted.last_day:
        conditions &= Q(day__lte=wanted.last_day)
    return with_timeline().filter(conditions)


def files(wanted: FileFilter, *, after: UUID | None, most: int) -> list[UsageFile]:
    """Return files, newest first, going on after one that was listed before."""
    conditions = Q()
    last = UsageFile.objects.filter(pk=after).first() if after else None
    if after and last is None:
        raise Refused("input-invalid", detail="after: no such file")
    if last is not None:
        conditions &= Q(received_at__lt=last.received_at) | Q(
            received_at=last.received_at, pk__gt=last.pk
        )
    return list(
        matching(wanted).filter(conditions).order_by("-received_at", "pk")[:most]
    )


def find_kept(wanted: Sequence[WantedFile]) -> list[UsageFile | None]:
    """For each wanted file return the one that is kept, else None, in one query.

    A hash was computed from the received bytes. A tail is a signature: it identifies a
    file only where the signature was checked. A file whose bytes are lost is wanted
    again.
    """
    hashes = {bytes(one.sha256) for one in wanted if one.sha256}
    tails = {(one.size, one.tail) for one in wanted if one.tail and not one.sha256}
    by_hash = Q(state__in=KEPT, sha256__in=hashes)
    by_tail = Q(
        state__in=CHECKED,
        size__in={size for size, _ in tails},
        tail__in={tail for _, tail in tails},
    )
    found = with_timeline().filter(by_hash | by_tail)
    kept = [file for file in found if not has_no_bytes(file)]
    known_hashes = {bytes(file.sha256): file for file in kept}
    known_tails = {
        (file.size, bytes(file.tail)): file for file in kept if file.state in CHECKED
    }
    return [
        known_hashes.get(one.sha256)
        if one.sha256
        else known_tails.get((one.size, one.tail or b""))
        for one in wanted
    ]


def has_no_bytes(file: UsageFile) -> bool:
    """Return whether a file's bytes are lost, as far as the portal knows.

    The archive alone had them and has lost them; or it was never seen to have them,
    and they are gone here, or damaged.
    """
    row: Forwarding | None = getattr(file, "forwarding", None)
    if row is not None and row.state == JobState.DONE:
        return False
    why = row.problem if row is not None and row.state == JobState.FAILED else ""
    if not file.stored_as:
        return file.bytes_removed_at is not None and why != ""
    if why == store.BYTES_DIFFER:
        return True
    try:
        return store.size_of(file.stored_as) != file.size
    except OSError:
        return False  # the store is away: that proves nothing about the file


def server_named(name: str) -> QuerySet[Server]:
    """Return the server of a name, whatever its case, if there is one.

    Compared as the table's constraint does: there are letters that are alike in
    upper case and not in lower case, so that any other way finds the wrong one.
    """
    return Server.objects.alias(folded=Lower("name")).filter(folded=Lower(Value(name)))


def servers() -> Iterable[Server]:
    return Server.objects.prefetch_related("keys").order_by("name")


def kept_of_day(server: str, day: date) -> list[UsageFile]:
    """Return what is kept of a server's day, in the order it was written."""
    kept = with_timeline().filter(
        state__in=KEPT, server__in=server_named(server), day=day
    )
    return list(kept.order_by("opened_at", "sequence", "received_at"))


def servers_to_confirm() -> list[str]:
    """Return the names of servers that have files held for a key nobody trusts yet."""
    held = files_for_key().order_by("server__name")
    names = held.values_list("server__name", flat=True)
    return list(names.distinct())


def refused_since(at: datetime) -> list[UsageFile]:
    """Return the files of known servers that staff refused after an instant."""
    return list(
        UsageFile.objects.filter(
            state=FileState.REFUSED, decided_at__gt=at, server__isnull=False
        )
        .select_related("server")
        .order_by("received_at", "pk")
    )


def waiting_for_us() -> list[UsageFile]:
    """Return the files of known servers that are received or held.

    For those that are not judged yet see `usage.files.unjudged`.
    """
    states = (FileState.RECEIVED, FileState.HELD)
    return list(
        UsageFile.objects.filter(state__in=states, server__isnull=False)
        .select_related("server")
        .order_by("received_at", "pk")
    )
