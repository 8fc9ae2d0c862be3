"""Home tiles: the period with its strips, statements, reminders, and licences."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext, gettext_lazy, ngettext

from billing.coverage import periods
from billing.coverage.calendar import Calendar, CellState
from billing.coverage.licences import held_on
from billing.mail import recipients
from billing.periods import dismiss
from billing.periods import text as period_text
from billing.periods.queries import PeriodView
from billing.periods.text import PeriodText, reader_of
from billing.periods.urgent import urgent_periods
from billing.requests import licences
from billing.requests.text import licences_text
from billing.statements import page_queries
from billing.statements import text as statement_text
from billing.statements.compute.lines import AGENT, BUSINESS
from portal.accounts.caller import Caller, Permission
from portal.models import Tenant
from portal.pages.tiles import Tile, TileState

# A strip draws each day as a bar of 8 in a step of 10; covered days are drawn above
# the line at 14, missing ones below it. A silent day is the bare line.
_STEP, _BAR = 10, 8
_SHAPES = {
    CellState.RECEIVED: ("received", "M{x} 2h8v11h-8z"),
    CellState.PARTIAL: ("partial", "M{x} 7h8v6h-8zM{x} 15h8v4h-8z"),
    CellState.MISSING: ("missing", "M{x} 15h8v7h-8z"),
    CellState.EXCUSED: ("excused", "M{x}.5 8.5h7v4h-7z"),
    CellState.WITH_US: ("with-us", "M{x}.6 2.6h6.7v9.7h-6.7z"),
    CellState.PENDING: ("pending", "M{x} 9h2v2h-2z"),
}

# Servers in the tile; a page has all of them.
_STRIPS = 4


@dataclass(frozen=True, slots=True)
class DayStrip:
    """One server's days as paths of a small picture, by the class they are drawn in."""

    server: str
    width: int
    paths: list[tuple[str, str]]
    covered: int
    owed: int


def strips(calendar: Calendar) -> list[DayStrip]:
    days = list(calendar.period.days())
    return [
        DayStrip(
            server=server,
            width=len(days) * _STEP - (_STEP - _BAR) + 1,
            paths=_paths(calendar, server),
            covered=counts.covered,
            owed=counts.owed,
        )
        for server, counts in list(calendar.by_server.items())[:_STRIPS]
    ]


def _paths(calendar: Calendar, server: str) -> list[tuple[str, str]]:
    drawn: dict[str, str] = {}
    for number, day in enumerate(calendar.period.days()):
        cell = calendar.cells.get((server, day))
        if cell and cell.state in _SHAPES:
            name, shape = _SHAPES[cell.state]
            path = shape.replace("{x}", str(number * _STEP))
            drawn[name] = drawn.get(name, "") + path
    return list(drawn.items())


@dataclass(frozen=True, slots=True)
class TilePeriod:
    """A period on the home page: its view, texts and the strips of its servers."""

    view: PeriodView
    text: PeriodText
    strips: list[DayStrip]


def _upload_tile(caller: Caller, at: datetime) -> TileState:
    reader = reader_of(caller)
    dismissed = dismiss.dismissed_period(caller)
    urgent = urgent_periods(at=at, dismissed=dismissed)
    first, *others = [
        TilePeriod(
            view,
            period_text.period_text(view, at=at, reader=reader),
            strips(view.judgement.calendar),
        )
        for view in (urgent.first, *urgent.others)
    ]
    return TileState(
        template="billing/tile.html",
        details={"first": first, "others": others, "more_overdue": urgent.more_overdue},
    )


def _people_tile(_caller: Caller, _at: datetime) -> TileState:
    found = recipients.members()
    count = sum(one.gets_reminders for one in found)
    members = ngettext("%(members)s member", "%(members)s members", len(found)) % {
        "members": len(found)
    }
    reminded = ngettext(
        "%(count)s gets reminders", "%(count)s get reminders", count
    ) % {"count": count}
    text = gettext("%(members)s; %(told)s.")
    nobody = "" if count else gettext("nobody is reminded")
    return TileState(
        text=text % {"members": members, "told": reminded},
        state=nobody,
        mark="partial" if nobody else "",
    )


def _statements_tile(_caller: Caller, _at: datetime) -> TileState:
    period = page_queries.newest_shown_period()
    current = page_queries.stored_statement(period) if period else None
    if period is None or current is None:
        text = gettext("Figures appear once usage files are accepted.")
        return TileState(text=text)
    issued = page_queries.last_issued(period)
    mark, state = statement_text.state_text(
        current.state, issued.version if issued else None
    )
    peaks, files = (current.agent_peak, current.business_peak), current.file_count
    if issued is not None:
        # The figures of a draft do not apply before it is issued.
        of_line = {one["id"]: one["peak"] for one in issued.overview["lines"]}
        peaks, files = (of_line[AGENT], of_line[BUSINESS]), issued.overview["files"]
    text = statement_text.tile_text(
        period_text.month_text(period),
        current.state,
        peaks if files else None,
        is_running=bool(current.pending) or not current.is_over,
    )
    return TileState(text=text, state=state, mark=mark)


def _licences_tile(_caller: Caller, at: datetime) -> TileState:
    history = [(one.from_on, one.keys) for one in licences.changes()]
    zone = periods.zone_named(Tenant.objects.get().zone)
    text = licences_text(held_on(history, at.astimezone(zone).date()))
    conflict = gettext("keys that contradict each other") if text.conflicts else ""
    return TileState(
        text=text.answer, state=conflict, mark="partial" if conflict else ""
    )


STATEMENTS_TILE = Tile(
    order=20,
    title=gettext_lazy("Billing data"),
    url_name="statements-page",
    needs=Permission.READ,
    load_state=_statements_tile,
)

PEOPLE_TILE = Tile(
    order=50,
    title=gettext_lazy("People and reminders"),
    url_name="people-page",
    needs=Permission.READ,
    load_state=_people_tile,
)

LICENCES_TILE = Tile(
    order=55,
    title=gettext_lazy("Licences"),
    url_name="licences-page",
    needs=Permission.READ,
    load_state=_licences_tile,
)

UPLOAD_TILE = Tile(
    order=0,
    title=gettext_lazy("Subscription Usage Upload"),
    url_name="upload-page",
    needs=Permission.READ,
    load_state=_upload_tile,
)

TILES = (UPLOAD_TILE, STATEMENTS_TILE, PEOPLE_TILE, LICENCES_TILE)
