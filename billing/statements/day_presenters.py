"""Presents a day of a statement: its figures, hours and files, and its users."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from billing.coverage.periods import Period
from billing.statements import text
from billing.statements.chart_presenters import days_with_figures, has_usage
from billing.statements.compute.lines import AGENT, BUSINESS
from billing.statements.counted_users import USERS_A_PAGE, CountedUsers, UsersRequest
from billing.statements.day_files import day_of
from billing.statements.file_contributions import FileContribution, LineContribution
from billing.statements.queries import ServedStatement

Document = Mapping[str, Any]

_A_DAY = timedelta(days=1)

_NO_USAGE = LineContribution()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLine:
    """A line of a day."""

    id: str
    name: str
    named_users: int
    peak: int
    peak_at: datetime | None
    logins: int
    hours: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HourFigures:
    """An hour of a day: peaks and users of Agents and Business Users."""

    starts_at: datetime
    agent: Mapping[str, int]
    business: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContributionRow:
    """A file with what it contributes to Agents and Business Users."""

    file: FileContribution
    agent: LineContribution
    business: LineContribution


def day_context(
    found: ServedStatement,
    document: Document,
    of_day: Document,
    contributions: Sequence[FileContribution],
) -> dict[str, Any]:
    """Return the context of the page of a day."""
    lines = list(_lines(of_day))
    has_figures = has_usage(of_day) or of_day["day"] in days_with_figures(document)
    return {
        "period": Period.parse(found.head.period),
        "day": date.fromisoformat(of_day["day"]),
        "zone": document["period"]["zone"],
        "state": text.state_text(found.head.state, found.head.version),
        "answer": text.day_answer_text(of_day) if has_figures else "",
        "of_day": of_day,
        "lines": lines,
        "hours": list(_hours(of_day)),
        "contributions": [
            ContributionRow(
                file=one,
                agent=one.lines.get(AGENT, _NO_USAGE),
                business=one.lines.get(BUSINESS, _NO_USAGE),
            )
            for one in contributions
        ],
        "is_outside": "side" in of_day,
        "with_offset": not _has_24_hours(of_day),
    }


def _has_24_hours(of_day: Document) -> bool:
    """Return whether the times of a day are those of any other day."""
    starts, ends = (
        datetime.fromisoformat(of_day[bound]) for bound in ("starts_at", "ends_at")
    )
    return ends - starts == _A_DAY


def _lines(of_day: Document) -> Iterator[DayLine]:
    for line in of_day["lines"]:
        if line["id"] in (AGENT, BUSINESS) or line["named_users"]:
            at = line["peak_at"]
            yield DayLine(
                id=line["id"],
                name=text.line_text(line["id"]),
                named_users=line["named_users"],
                peak=line["peak"],
                peak_at=datetime.fromisoformat(at) if at else None,
                logins=line["logins"],
                hours=text.hours_text(line["used_seconds"]),
            )


def _hours(of_day: Document) -> Iterator[HourFigures]:
    for hour in of_day["hours"]:
        lines = {line["id"]: line for line in hour["lines"]}
        yield HourFigures(
            starts_at=datetime.fromisoformat(hour["starts_at"]),
            agent=lines[AGENT],
            business=lines[BUSINESS],
        )


def users_context(
    found: ServedStatement,
    document: Document,
    wanted: UsersRequest,
    users: CountedUsers,
) -> dict[str, Any]:
    """Return the context of the list of users; `first` and `last` count from 1."""
    first = (wanted.page - 1) * USERS_A_PAGE
    last = first + len(users.users)
    return {
        "period": Period.parse(found.head.period),
        "day": wanted.day,
        "zone": document["period"]["zone"],
        "line": wanted.line,
        "line_name": text.line_text(wanted.line),
        "count": users.count,
        "users": users.users,
        "first": first + 1,
        "last": last,
        "with_offset": not _has_24_hours(day_of(document, wanted.day)),
        "next_page": wanted.page + 1 if last < users.count else None,
    }
