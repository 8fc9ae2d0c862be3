"""Moves files that a restored server wrote into a series of their own.

A server that was restored to an earlier state (a snapshot) goes on numbering from
there, so its files claim numbers that other files have. Each file names its predecessor
by its hash, which shows to which of the two histories it belongs. Where staff decide
that both happened, the files of one are numbered anew, from 1, in a series that no
server uses; `said_*` keeps series and number of their headers. A file that names one of
them as its predecessor is moved too, in whatever order they arrive.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid5

from django.db.models import QuerySet

from usage.models import FileState, UsageFile
from usage.uploads import pending

PLACED = ("series", "sequence", "said_series", "said_sequence")

T = TypeVar("T")

# Refused and rejected files have no successors.
_COUNTS = (FileState.ACCEPTED, FileState.HELD)


@dataclass(frozen=True, slots=True)
class _ChainPlace:
    series: UUID
    sequence: int


def begin_series(file: UsageFile) -> None:
    """Make a file the first of a series of its own; nothing is saved."""
    if file.series is None:
        message = "A file whose header was not read has no place to leave."
        raise RuntimeError(message)
    # The same file begins the same series, however often that is decided.
    series = uuid5(file.series, bytes(file.sha256).hex())
    _move(file, _ChainPlace(series, 1))


def follow_predecessor(file: UsageFile) -> None:
    """Move a file after its predecessor, if that was moved; nothing is saved."""
    if file.said_series is not None or file.previous is None:
        return
    before = UsageFile.objects.filter(
        sha256=file.previous,
        server=file.server_id,
        said_series=file.series,
        state__in=_COUNTS,
    ).first()
    if before is not None and _is_next(file, before):
        _move(
            file, _ChainPlace(_required(before.series), _required(before.sequence) + 1)
        )


def move_successors(file: UsageFile) -> Iterator[UsageFile]:
    """Move the files that follow a moved one; yield the accepted ones.

    A held file is judged again once this is committed, and so are held files whose
    number an accepted one has left free. Where the new place is taken a file stays.
    """
    if file.said_series is None:
        return
    places = {bytes(file.sha256): file}
    later = UsageFile.objects.filter(
        server=file.server_id,
        series=file.said_series,
        sequence__gt=file.said_sequence,
        said_series=None,
        state__in=_COUNTS,
    )
    for one in later.order_by("sequence", "received_at"):
        before = places.get(bytes(one.previous or b""))
        if before is None or not _is_next(one, before):
            continue
        place = _ChainPlace(_required(before.series), _required(before.sequence) + 1)
        counts = one.state == FileState.ACCEPTED
        if counts and _accepted_at(one, place).exists():
            continue
        left = _ChainPlace(_required(one.series), _required(one.sequence))
        _move(one, place)
        one.save(update_fields=PLACED)
        places[bytes(one.sha256)] = one
        if counts:
            pending.reopen(_held_at(one, left), at=_required(file.settled_at))
            yield one
        else:
            mine = UsageFile.objects.filter(pk=one.pk)
            pending.reopen(mine, at=_required(file.settled_at))


def _move(file: UsageFile, place: _ChainPlace) -> None:
    file.said_series, file.said_sequence = file.series, file.sequence
    file.series, file.sequence = place.series, place.sequence


def _is_next(later: UsageFile, earlier: UsageFile) -> bool:
    return later.sequence == _required(earlier.said_sequence) + 1


def _accepted_at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return _at(file, place).filter(state=FileState.ACCEPTED)


def _held_at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return _at(file, place).filter(state=FileState.HELD)


def _at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return UsageFile.objects.filter(
        server=file.server_id, series=place.series, sequence=place.sequence
    )


def _required(value: T | None) -> T:
    if value is None:
        message = "A file that was read and judged has all that its header says."
        raise RuntimeError(message)
    return value
