"""Derives chain order, gaps and silent days from the files of one server.

A server numbers its files without skipping, so two accepted neighbours prove whether
anything was written between them. Order is sequence, never date.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from billing.coverage.facts import FileFact
from billing.coverage.open_ends import open_after, open_before
from billing.coverage.periods import ONE_DAY
from billing.coverage.series import chains_of

SHUTDOWN = "shutdown"


class CellReasonCode(StrEnum):
    """Why a cell has its state; endpoints turn the code into a sentence."""

    COVERED = "covered"  # received: all of its files are here
    BETWEEN = "between"  # silent: no number is missing between two files
    BEFORE_FIRST = "before first"  # silent: number 1 is the server's first file
    NUMBERS_MISSING = "numbers missing"  # these numbers are not here
    OTHER_CONTENT = "other content"  # the next file names another file of this number
    UNPROVED_START = "unproved start"  # begins after midnight, predecessor unknown
    UNPROVED_END = "unproved end"  # ends before midnight, successor not here
    BETWEEN_SERIES = "between series"  # nothing is proved between two installations
    PREDECESSOR = "predecessor"  # the first file names one before it that is not here
    AFTER_LAST = "after last"  # nothing has come since this number
    NO_FILES = "no files"  # nothing has come from this server
    DOWN = "down"  # excused: nothing was written
    LOST = "lost"  # excused: written, and gone
    HELD = "held"  # with us: a file waits for a decision
    ASKED = "asked"  # with us: an excuse waits for a decision
    RUNNING = "running"  # pending: the day is not over


@dataclass(frozen=True, slots=True)
class CellReason:
    """A code with its parameters: file numbers within one series, where they apply."""

    code: CellReasonCode
    series: UUID | None = None
    first_sequence: int | None = None
    last_sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceGap:
    """Missing numbers of one series, and the days they may belong to.

    `from_day` None: since the server's first owed day. `is_placed`: only these numbers
    are missing on those days; otherwise an earlier series may have lost more there.
    """

    series: UUID
    first_sequence: int
    last_sequence: int
    from_day: date | None
    to_day: date
    code: CellReasonCode = CellReasonCode.NUMBERS_MISSING
    is_placed: bool = True

    @property
    def why(self) -> CellReason:
        return CellReason(
            self.code, self.series, self.first_sequence, self.last_sequence
        )


@dataclass(slots=True)
class ServerProof:
    """What one server's files prove about the days of a window."""

    chains: list[list[FileFact]]
    files: dict[date, list[FileFact]] = field(default_factory=dict)
    silent: dict[date, CellReason] = field(default_factory=dict)
    loose: dict[date, CellReason] = field(default_factory=dict)
    gaps: list[SequenceGap] = field(default_factory=list)
    gaps_on: dict[date, list[SequenceGap]] = field(default_factory=dict)

    def why_unproved(self, day: date) -> CellReason:
        """Return why a day without file, gap and silence is not accounted for."""
        if not self.chains:
            return CellReason(CellReasonCode.NO_FILES)
        newest = len(self.chains) - 1
        known = [n for n, chain in enumerate(self.chains) if chain[0].day <= day]
        first = self.chains[0][0]
        if not known and not is_very_first(first):
            return CellReason(CellReasonCode.PREDECESSOR, first.series, first.sequence)
        # A very first file proves silence, but for where its clock was set back later.
        before = known[-1] if known else newest
        last = self.chains[before][-1]
        code = (
            CellReasonCode.AFTER_LAST
            if before == newest
            else CellReasonCode.BETWEEN_SERIES
        )
        return CellReason(code, last.series, last.sequence)


def follows(later: FileFact, earlier: FileFact) -> bool:
    """Return whether nothing was written between two neighbours of one chain."""
    if later.series != earlier.series:
        return True  # only a named predecessor joins two series into one chain
    is_next = later.sequence == earlier.sequence + 1
    return is_next and later.previous in (None, earlier.sha256)


def prove(files: Iterable[FileFact], *, first: date, last: date) -> ServerProof:
    """Work out what one server's files prove about the days `first` to `last`."""
    proof = ServerProof(chains_of(files))
    window = (first, last)
    for index, chain in enumerate(proof.chains):
        for fact in chain:
            if first <= fact.day <= last:
                proof.files.setdefault(fact.day, []).append(fact)
        _prove_start(proof, index)
        _prove_end(proof, chain)
        others = [other for other in proof.chains if other is not chain]
        silent = _silent_days(chain, others, is_first=index == 0, window=window)
        for day, why in silent:
            proof.silent.setdefault(day, why)
    _place_gaps(proof, window)
    return proof


def _place_gaps(proof: ServerProof, window: tuple[date, date]) -> None:
    for chain in proof.chains:
        proof.gaps += [
            _gap_between(earlier, later)
            for earlier, later in pairwise(chain)
            if not follows(later, earlier)
        ]
    for gap in proof.gaps:
        for day in _days(gap.from_day or window[0], gap.to_day, window=window):
            proof.gaps_on.setdefault(day, []).append(gap)
        if window[0] <= gap.to_day <= window[1]:
            proof.gaps_on.setdefault(gap.to_day, []).append(gap)


def is_very_first(fact: FileFact) -> bool:
    """Return whether the file itself claims that its server wrote nothing before it."""
    return fact.sequence == 1 and fact.previous is None


def _prove_start(proof: ServerProof, index: int) -> None:
    head = proof.chains[index][0]
    is_first = index == 0
    to_day = open_before(head)
    if head.sequence > 1:
        last = None if is_first else proof.chains[index - 1][-1]
        proof.gaps.append(_gap_before(head, last))
    is_proved = is_first and (head.sequence > 1 or is_very_first(head))
    if to_day == head.day and not is_proved:
        why = CellReason(CellReasonCode.UNPROVED_START, head.series, head.sequence)
        proof.loose.setdefault(head.day, why)


def _gap_before(head: FileFact, last: FileFact | None) -> SequenceGap:
    """Place the missing first numbers of a chain, after the `last` file before it."""
    from_day, to_day = open_after(last) if last else None, open_before(head)
    # As in `_gap_between`: files that meet at one midnight leave no day for the missing
    # numbers, so both days are marked.
    has_no_time = from_day is not None and from_day - to_day == ONE_DAY
    if has_no_time:
        from_day, to_day = to_day, head.day
    elif from_day is not None:
        from_day = min(from_day, to_day)
    return SequenceGap(
        series=head.series,
        first_sequence=1,
        last_sequence=head.sequence - 1,
        from_day=from_day,
        to_day=to_day,
        is_placed=last is None or has_no_time,
    )


def _prove_end(proof: ServerProof, chain: list[FileFact]) -> None:
    tail = chain[-1]
    if open_after(tail) == tail.day:
        why = CellReason(CellReasonCode.UNPROVED_END, tail.series, tail.sequence)
        proof.loose.setdefault(tail.day, why)


def _gap_between(earlier: FileFact, later: FileFact) -> SequenceGap:
    # A clock that was set back, or numbers missing where no time was, still leave
    # their trace on both days: a missing number never goes unseen.
    first, last = sorted((open_after(earlier), open_before(later)))
    is_next = later.sequence == earlier.sequence + 1
    return SequenceGap(
        series=later.series,
        first_sequence=earlier.sequence + (0 if is_next else 1),
        last_sequence=later.sequence - 1,
        from_day=first,
        to_day=last,
        code=CellReasonCode.OTHER_CONTENT
        if is_next
        else CellReasonCode.NUMBERS_MISSING,
    )


def _silent_days(
    chain: list[FileFact],
    others: list[list[FileFact]],
    *,
    is_first: bool,
    window: tuple[date, date],
) -> Iterator[tuple[date, CellReason]]:
    """Yield the days that the chain passed without writing.

    Only up to where the chain has got to: after a clock was set back the server will
    pass the same days again, and nothing is proved about them until it has. And only
    where no other chain came or went meanwhile (`_is_unbroken`).
    """
    end = open_after(chain[-1])
    head = chain[0]
    if is_first and is_very_first(head):
        why = CellReason(CellReasonCode.BEFORE_FIRST, head.series, 1)
        for day in _days(window[0], min(head.day, end), window=window):
            yield day, why
    for earlier, later in zip(chain, [*chain[1:], None], strict=True):
        # A file that was closed days later, and accepted by staff, holds all that was
        # seen until then.
        own = until = open_after(earlier)
        passed: list[list[FileFact]] = []
        if later is not None and follows(later, earlier):
            until = max(own, later.day)
            passed = [other for other in others if _chains_meet(other, earlier, later)]
        why = CellReason(CellReasonCode.BETWEEN, earlier.series, earlier.sequence)
        for day in _days(earlier.day, min(until, end), window=window):
            is_proved = day < own or all(_is_spanned_by(day, one) for one in passed)
            if day != earlier.day and is_proved:
                yield day, why


def _chains_meet(other: list[FileFact], earlier: FileFact, later: FileFact) -> bool:
    """Return whether another chain begins or ends between two neighbours."""
    return any(
        _place(earlier) < _place(fact) < _place(later) for fact in (other[0], other[-1])
    )


def _place(fact: FileFact) -> tuple[date, datetime]:
    return fact.day, fact.opened_at


def _is_spanned_by(day: date, other: list[FileFact]) -> bool:
    """Return whether a day lies in the span of a chain that comes between neighbours.

    Only then do the neighbours prove the day. Between two series nothing is proved. A
    wrong clock can make a file of one installation look as if it were of another's
    time, so that a pair passes over the end of an earlier installation, or over the
    beginning of a later one. Such a pair proves the days that the other chain spans,
    and none before or after.
    """
    return other[0].day <= day < open_after(other[-1])


def _days(first: date, end: date, *, window: tuple[date, date]) -> Iterator[date]:
    """Yield the days from `first` up to but without `end`, inside the window."""
    day, last = max(first, window[0]), window[1]
    while day <= last and day < end:
        yield day
        day += ONE_DAY
