"""Texts of a late flag, for the list, the tenant's page and the export."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext

from billing.calendar_view.table import days_text, state_text
from billing.coverage.calendar import Calendar
from billing.coverage.cells import COVERED, CellState
from billing.coverage.periods import Period
from billing.models import Consequence, LateFlag, VoidReason
from billing.periods.text import month_text
from billing.periods.updating import stale_text
from portal.typed_text.clean import isolated

# How long the ISO form of a day is, which begins the name of a server-day.
DAY_LETTERS = 10


@dataclass(frozen=True, slots=True)
class ServerDays:
    """Days of one server that belong together; `value` names them in a form.

    `each` are the single days, as text and by the name that a form uses.
    """

    server: str
    days: str
    value: str
    each: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRow:
    """A flag with its tenant, as text; `zone` is the one its instants are shown in.

    `since` has a sentence for each server about its days in evidence that were covered
    afterwards; `days` are all days of the flag, one a line, for the form of a decision.
    """

    one: LateFlag
    period: str
    mark: str
    state: str
    evidence: list[ServerDays]
    open: list[ServerDays]
    waived: list[ServerDays]
    since: list[str]
    zone: str
    days: str
    void_reason: str
    consequences: list[tuple[str, str]]
    updating: str


def flag_row(flag: LateFlag, *, calendar: Calendar | None = None) -> FlagRow:
    """Return the texts of a flag that `billing.lateness.queries.flags` has loaded.

    `calendar` is the one of its period, where it was computed.
    """
    mark, state = _state(flag)
    return FlagRow(
        one=flag,
        period=month_text(Period.parse(flag.period)),
        mark=mark,
        state=state,
        evidence=by_server(flag.evidence),
        open=by_server(flag.open_days),
        waived=by_server(flag.waived),
        since=_since(flag, calendar) if calendar else [],
        zone=vars(flag)["zone"],
        days="\n".join(flag.still),
        void_reason=_void_reason(flag),
        consequences=[(one.value, str(one.label)) for one in Consequence],
        updating=_updating_text(flag),
    )


def _void_reason(flag: LateFlag) -> str:
    if flag.void_reason == VoidReason.EXTENDED:
        return gettext("an extension was granted")
    return flag.get_void_reason_display() if flag.void_reason else ""


def _updating_text(flag: LateFlag) -> str:
    """Return what is said of a flag whose summary is stale; empty if it is not.

    Nothing changes a flag whose deadline was extended.
    """
    if flag.void_reason == VoidReason.EXTENDED:
        return ""
    loaded = vars(flag)
    return stale_text(
        is_updating=loaded["is_updating"], has_failed=loaded["has_failed"]
    )


def by_server(names: Iterable[str]) -> list[ServerDays]:
    """Gather server-days, "2026-05-07 IC01", by server; both sorted."""
    found: dict[str, list[str]] = {}
    for name in sorted(names):
        found.setdefault(name[DAY_LETTERS + 1 :], []).append(name)
    return [_days(server, found[server]) for server in sorted(found)]


def server_days_text(found: Sequence[ServerDays]) -> str:
    """Return server-days as one line: IC01: 5 to 8 May; IC02: 9 May."""
    return "; ".join(
        gettext("%(server)s: %(days)s") % {"server": one.server, "days": one.days}
        for one in found
    )


def chosen_days(values: Iterable[str]) -> list[str]:
    """Split the server-days that a form has sent, several in each value."""
    lines = (one for value in values for one in value.replace("\r", "").split("\n"))
    return [line for line in lines if line]


def _days(server: str, names: list[str]) -> ServerDays:
    days = [date.fromisoformat(name[:DAY_LETTERS]) for name in names]
    each = [(days_text([day]), name) for day, name in zip(days, names, strict=True)]
    return ServerDays(server, days_text(days), "\n".join(names), each)


def _since(flag: LateFlag, calendar: Calendar) -> list[str]:
    """List the days in evidence that are covered by now: 5 May: excused since."""
    found: dict[tuple[str, CellState], list[date]] = {}
    for name in sorted(flag.evidence):
        server, day = name[DAY_LETTERS + 1 :], date.fromisoformat(name[:DAY_LETTERS])
        cell = calendar.cells.get((server, day))
        if cell is not None and cell.state in COVERED:
            found.setdefault((server, cell.state), []).append(day)
    return [
        gettext("%(server)s, %(days)s: %(state)s since.")
        % {
            "server": isolated(server),
            "days": days_text(days),
            "state": state_text(state),
        }
        for (server, state), days in found.items()
    ]


def _state(flag: LateFlag) -> tuple[str, str]:
    """Return the shape and the name of a flag's state."""
    if flag.voided_at is not None:
        return "silent", gettext("Void")
    if not flag.open_days:
        return "excused", gettext("Waived")
    if flag.consequence and not flag.undecided_days:
        what = flag.get_consequence_display()
        return "received", gettext("Decided: %(what)s") % {"what": what}
    if flag.completed_at is not None:
        return "late-done", gettext("Completed late")
    if flag.consequence:
        return "missing", gettext("Late, with more days since the decision")
    return "missing", gettext("Late")
