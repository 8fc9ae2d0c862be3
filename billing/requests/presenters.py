"""Builds rows of requests and of missing days for pages of customers and staff."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from billing.calendar_view.table import MissingEntry, days_text, numbers_text
from billing.calendar_view.text import mode_text
from billing.coverage.licences import mode_of
from billing.models import Excuse, LicenceRequest
from portal.approvals import Decision


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request as text: `about` which server or mode, and `what` is requested.

    `state` with its `mark` says what became of it, `ended_at` when; None while it waits
    for the billing team.
    """

    one: Excuse | LicenceRequest
    about: str
    what: str
    mark: str
    state: str
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class MissingRow:
    """What is missing, and when an excuse for some of it was requested; None: never.

    `may_request` while an excuse can still be requested for some of it.
    """

    lack: MissingEntry
    asked_at: datetime | None
    may_request: bool


def missing_rows(
    found: Iterable[MissingEntry], excuses: Sequence[Excuse]
) -> list[MissingRow]:
    """Put excuses that wait for a decision beside what is missing.

    The excuses were loaded with their servers.
    """
    return [_missing_row(lack, excuses) for lack in found]


def excuse_rows(found: Iterable[Excuse]) -> list[RequestRow]:
    """Return rows of excuses that were loaded with their servers."""
    return [
        _ended_by_files(one)
        if one.answered_at is not None and not one.decision
        else _row(one, one.server.name, _excused(one))
        for one in found
    ]


def licence_rows(found: Iterable[LicenceRequest]) -> list[RequestRow]:
    return [
        _row(one, mode_text(mode_of(one.keys)), ", ".join(one.keys) or gettext("none"))
        for one in found
    ]


_MARKS = {
    "": "with-us",
    Decision.APPROVED: "received",
    Decision.REFUSED: "missing",
    Decision.WITHDRAWN: "silent",
}


def _row(one: Excuse | LicenceRequest, about: str, what: str) -> RequestRow:
    waiting = gettext("waiting for the billing team")
    state = one.get_decision_display() if one.decision else waiting
    return RequestRow(one, about, what, _MARKS[one.decision], state, one.decided_at)


def _ended_by_files(one: Excuse) -> RequestRow:
    state = gettext("ended by itself: the files were accepted")
    about, what = one.server.name, _excused(one)
    return RequestRow(one, about, what, "silent", state, one.answered_at)


def _missing_row(lack: MissingEntry, excuses: Sequence[Excuse]) -> MissingRow:
    server = [one for one in excuses if one.server.name == lack.server]
    # The same days cannot be requested twice while they wait.
    days = [
        one.asked_at
        for one in server
        for day in one.days
        if lack.first <= day <= lack.last
    ]
    shared = [(one.asked_at, count) for one in server if (count := _shared(lack, one))]
    is_whole = len(days) > (lack.last - lack.first).days or (
        lack.gap is not None and sum(count for _, count in shared) >= lack.gap.count
    )
    last = max([*days, *(asked_at for asked_at, _ in shared)], default=None)
    return MissingRow(lack, last, may_request=not (lack.is_quiet or is_whole))


def _shared(lack: MissingEntry, one: Excuse) -> int:
    """Count the files of a gap that an excuse by numbers covers."""
    gap = lack.gap
    if gap is None or one.first_sequence is None or one.last_sequence is None:
        return 0
    first = max(gap.first_sequence, one.first_sequence)
    last = min(gap.last_sequence, one.last_sequence)
    return max(last - first + 1, 0) if one.series == gap.series else 0


def _excused(one: Excuse) -> str:
    if one.first_sequence is not None and one.last_sequence is not None:
        what = numbers_text(one.first_sequence, one.last_sequence)
    else:
        years = {day.year for day in one.days}
        what = f"{days_text(one.days)} {max(years)}"
    return gettext("%(what)s: %(kind)s") % {
        "what": what,
        "kind": one.get_kind_display(),
    }
