"""Creates a tenant in each situation; most of them lack the last day."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from billing.coverage import licences
from billing.coverage.standing import Standing
from billing.models import ExcuseKindChoices
from billing.periods import deadlines, refresh
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    BEFORE,
    DAY,
    DUE,
    HOUR,
    LAST,
    MAY,
    open_periods,
    open_short,
)
from tests.billing.requests import excuse_requests
from tests.builders import Company
from usage.models import Server, ServerRequestKind
from usage.servers import requests as server_requests

BY: Mapping[str, Any] = {"by": "clerk", "at": BEFORE, "reason": "It is so."}
EXTENDED = date(2026, 6, 19)
PAGO_PAGO = datetime(2026, 6, 5, 11, tzinfo=UTC)
# How each of them stands in the end.
IN_THE_END = {
    "AUTOMATED": Standing.INCOMPLETE,
    "NONE": Standing.NOTHING_OWED,
    "EXTENDED": Standing.LATE,
    "EXCUSED": Standing.COMPLETE,
    "ASKED": Standing.INCOMPLETE,
    "STARTED": Standing.LATE,
    "MOVED": Standing.LATE,
    "NO-FILE": Standing.LATE,
    "COMPLETE": Standing.COMPLETE,
    "TOO-LATE": Standing.COMPLETED_LATE,
    "SHORT": Standing.LATE,
}


def open_situations() -> dict[str, Company]:
    """Open a tenant in each situation, by its name; nobody may have an inbox."""
    found = {name: open_short(name) for name in IN_THE_END}
    open_periods()
    for name, company in found.items():
        if name not in ("NO-FILE", "NONE", "STARTED"):
            company.send(company.server.day(LAST - DAY), at=BEFORE)
    licensed(found["AUTOMATED"], licences.AUTOMATED)
    licensed(found["NONE"])
    deadlines.extend(found["EXTENDED"].id, MAY, to=EXTENDED, **BY)
    for name in ("EXCUSED", "ASKED"):
        asked = excuse_requests.request_excuse(
            found[name], LAST, kind=ExcuseKindChoices.LOST, at=BEFORE
        )
        if name == "EXCUSED":
            excuses.approve(found[name].id, excuse_id=asked.pk, by="clerk", at=BEFORE)
    starts_later(found["STARTED"])
    deadlines.correct_zone(found["MOVED"].id, MAY, zone="Pacific/Pago_Pago", **BY)
    found["COMPLETE"].send(found["COMPLETE"].server.day(LAST), at=BEFORE)
    found["TOO-LATE"].send(found["TOO-LATE"].server.day(LAST), at=DUE + HOUR)
    refresh.refresh_all(seconds=60)
    return found


def licensed(company: Company, *keys: str) -> None:
    licence_requests.set_licences(
        company.id, from_on=LAST - DAY, keys=keys, by="clerk", at=BEFORE
    )


def starts_later(company: Company) -> None:
    """Let its server owe from the last day of the period on."""
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get()
    change = server_requests.ServerChange(
        server_id=server.pk,
        kind=ServerRequestKind.FIRST_DAY,
        day=LAST,
        reason="It is new.",
    )
    asked = server_requests.request_change(
        company.id, change=change, by="admin", at=BEFORE
    )
    if asked is not None:
        server_requests.approve(company.id, request_id=asked.pk, by="clerk", at=BEFORE)
