"""Exports late flags as a table, with instants in the zone of the period."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from billing.lateness.text import FlagRow, flag_row, server_days_text
from billing.models import LateFlag
from portal.sheets.table import Cell, Table, shown_rows


def late_table(flags: Iterable[LateFlag]) -> Table:
    """Return a row for each flag that `billing.lateness.queries.flags` loads."""
    return Table(_heads(), shown_rows(flags, lambda flag: _cells(flag_row(flag))))


def _heads() -> list[str]:
    return [
        gettext("Customer number"),
        gettext("Tenant"),
        gettext("Period"),
        gettext("Late from"),
        gettext("Time zone"),
        gettext("Flag raised"),
        gettext("State"),
        gettext("Server-days at the late-from time"),
        gettext("Not here at the late-from time"),
        gettext("Open server-days"),
        gettext("Not waived"),
        gettext("Completed"),
        gettext("Void since"),
        gettext("Why void"),
        gettext("Waived"),
        gettext("Waived at"),
        gettext("Waived by"),
        gettext("Why waived"),
        gettext("Consequence"),
        gettext("Decided at"),
        gettext("Decided by"),
        gettext("Why decided"),
        gettext("Being updated"),
    ]


def _cells(found: FlagRow) -> list[Cell]:
    flag, zone = found.one, ZoneInfo(found.zone)
    return [
        flag.tenant.number,
        flag.tenant.name,
        flag.period,
        _instant(flag.deadline_at, zone),
        found.zone,
        _instant(flag.raised_at, zone),
        found.state,
        len(flag.evidence),
        server_days_text(found.evidence),
        len(flag.open_days),
        server_days_text(found.open),
        _instant(flag.completed_at, zone),
        _instant(flag.voided_at, zone),
        found.void_reason,
        server_days_text(found.waived),
        _instant(flag.waived_at, zone),
        flag.waived_by,
        flag.waive_reason,
        flag.get_consequence_display() if flag.consequence else "",
        _instant(flag.decided_at, zone),
        flag.decided_by,
        flag.decision_reason,
        found.updating,
    ]


def _instant(at: datetime | None, zone: ZoneInfo) -> Cell:
    return at.astimezone(zone) if at else None
