"""A chain of its own: what a restored machine wrote after its snapshot.

A server that was put back to an earlier state numbers on from there, so its files
claim numbers that others have. Each names its predecessor by its hash, so it is known
which of the two histories a file belongs to. Where staff decide that both happened,
the files of one are numbered anew, from 1, in a series that no server uses; `said_*`
keeps what they say themselves. Whatever names one of them as its predecessor follows
it, in whatever order they come.
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

# Of what is refused or rejected nothing follows.
_COUNTS = (FileState.ACCEPTED, FileState.HELD)


@dataclass(frozen=True, slots=True)
class _ChainPlace:
    series: UUID
    sequence: int


def begin_series(file: UsageFile) -> None:
    """Let a file be the first of a chain of its own; nothing is saved."""
    if file.series is None:
        message = "A file whose header was not read has no place to leave."
        raise RuntimeError(message)
    # The same file begins the same chain, however often that is decided.
    series = uuid5(file.series, bytes(file.sha256).hex())
    _move(file, _ChainPlace(series, 1))


def follow_predecessor(file: UsageFile) -> None:
    """Let a file go where its predecessor went, if it went; nothing is saved."""
    if file.said_series is not None or file.previous is None:
        return
    before = UsageFile.objects.filter(
        sha256=file.previous,
        server=file.server_id,
        said_series=file.series,
        state__in=_COUNTS,
    ).first()
    if before is not None and _is_next(file, before):
        _move(file, _ChainPlace(_there(before.series), _there(before.sequence) + 1))


def move_successors(file: UsageFile) -> Iterator[UsageFile]:
    """Move the files that follow one which was moved; yield those that count.

    A held one is judged again once this is committed, and so is whoever waits for the
    number that one has left. Where the new place is taken a file stays.
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
        place = _ChainPlace(_there(before.series), _there(before.sequence) + 1)
        counts = one.state == FileState.ACCEPTED
        if counts and _accepted_at(one, place).exists():
            continue
        left = _ChainPlace(_there(one.series), _there(one.sequence))
        _move(one, place)
        one.save(update_fields=PLACED)
        places[bytes(one.sha256)] = one
        if counts:
            pending.reopen(_held_at(one, left), at=_there(file.settled_at))
            yield one
        else:
            mine = UsageFile.objects.filter(pk=one.pk)
            pending.reopen(mine, at=_there(file.settled_at))


def _move(file: UsageFile, place: _ChainPlace) -> None:
    file.said_series, file.said_sequence = file.series, file.sequence
    file.series, file.sequence = place.series, place.sequence


def _is_next(later: UsageFile, earlier: UsageFile) -> bool:
    return later.sequence == _there(earlier.said_sequence) + 1


def _accepted_at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return _at(file, place).filter(state=FileState.ACCEPTED)


def _held_at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return _at(file, place).filter(state=FileState.HELD)


def _at(file: UsageFile, place: _ChainPlace) -> QuerySet[UsageFile]:
    return UsageFile.objects.filter(
        server=file.server_id, series=place.series, sequence=place.sequence
    )


def _there(value: T | None) -> T:
    if value is None:
        message = "A file that was read and judged has all that its header says."
        raise RuntimeError(message)
    return value
