"""Makes a tenant for each situation that a headline distinguishes.

Unless stated otherwise, each of them owes only the last two days of May's period.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import pytest

from billing.coverage import licences
from billing.lateness import decide as late_decide
from billing.models import ExcuseKindChoices
from billing.periods import deadlines, dismiss, open_periods, refresh
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.accounts.caller import user_caller
from portal.accounts.sign_in_facts import PresentedFactors
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import (
    AFTER,
    BEFORE,
    DAY,
    DUE,
    HOUR,
    LAST,
    MAY,
    flag,
    open_short,
    received_only,
    run_check,
)
from tests.billing.requests import excuse_requests
from tests.builders import NOW, Company, open_company
from usage.models import ServerKey
from usage.servers import keys as server_keys
from usage.uploads import judge
from usage.usg import ClosedBy

BY: Mapping[str, Any] = {"by": "clerk", "at": AFTER, "reason": "It is so."}
JUNE = MAY.next()
RUNNING = datetime(2026, 5, 27, 12, tzinfo=UTC)
ENDED = datetime(2026, 5, 28, 12, tzinfo=UTC)
JULY = datetime(2026, 7, 10, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A situation at an instant; `make` brings a tenant with one server into it."""

    make: Callable[[Company], object]
    at: datetime = BEFORE
    opened: Callable[[str], Company] = field(default=open_short)


def first_day(company: Company) -> None:
    company.send(company.server.day(LAST - DAY), at=RUNNING)


def both_days(company: Company) -> None:
    first_day(company)
    company.send(company.server.day(LAST), at=ENDED)


def half_of_the_last_day(company: Company) -> None:
    first_day(company)
    noon = datetime.combine(LAST, datetime.min.time(), UTC).replace(hour=10)
    data = company.server.day(LAST, closed_at=noon, closed_by=ClosedBy.CRASH)
    company.send(data, at=BEFORE)


def damaged_last_day(company: Company) -> None:
    first_day(company)
    data = company.server.day(LAST)
    company.send(data[:-1] + bytes([data[-1] ^ 1]), at=BEFORE)


def unknown_key(company: Company) -> None:
    both_days(company)
    other = company.writer("IC77")
    for day in (LAST - DAY, LAST):
        company.send(other.day(day), at=BEFORE)


def confirmed_key(company: Company) -> None:
    unknown_key(company)
    with unit_of_work.acting_for(company.id, reading=True):
        key = ServerKey.objects.get(server__name="IC77")
    # The files cannot be judged at once.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judge, "judge_file", _unavailable)
        server_keys.confirm_key(
            company.id, server="IC77", key=key.fingerprint, by="admin", at=BEFORE
        )


def _unavailable(*_: object, **__: object) -> None:
    raise OSError("no key service")


def held_for_its_clock(company: Company) -> None:
    first_day(company)
    opened = datetime(2126, 5, 27, tzinfo=UTC)
    data = company.server.day(LAST, opened_at=opened, closed_at=opened + DAY)
    company.send(data, at=BEFORE)


def not_judged(company: Company) -> None:
    first_day(company)
    received_only(company, company.server.day(LAST), at=BEFORE)


def complete_and_dismissed(company: Company) -> None:
    both_days(company)
    admin = company.people["admin"]
    caller = user_caller(admin, wanted_tenant=company.id, presented=PresentedFactors())
    with unit_of_work.acting_for(company.id):
        dismiss.dismiss_period(caller, MAY)


def late(company: Company) -> None:
    first_day(company)
    flagged(AFTER)


def flagged(at: datetime) -> None:
    open_periods.open_current_periods(today=at.date(), at=NOW)
    refresh.refresh_all(seconds=60)
    run_check(at)
    refresh.refresh_all(seconds=60)


def late_twice(company: Company) -> None:
    first_day(company)
    company.server.day(LAST)
    company.send(company.server.day(JUNE.starts_on), at=BEFORE)
    flagged(JULY)


def june_complete(company: Company) -> None:
    first_day(company)
    company.server.day(LAST)
    for day in JUNE.days():
        at = datetime.combine(day, datetime.min.time(), UTC) + 23 * HOUR
        company.send(company.server.day(day), at=at)
    flagged(JULY)


def extended(company: Company) -> None:
    first_day(company)
    deadlines.extend(company.id, MAY, to=date(2026, 6, 19), **BY)


def extended_and_missed(company: Company) -> None:
    extended(company)
    flagged(JULY.replace(month=6, day=21))


def waived_in_part(company: Company) -> None:
    flagged(AFTER)
    found = flag(company)
    late_decide.waive(company.id, flag_id=found.pk, cells=found.open_days[:1], **BY)


def waived_wholly(company: Company) -> None:
    flagged(AFTER)
    found = flag(company)
    late_decide.waive(company.id, flag_id=found.pk, cells=found.open_days, **BY)


def excuse_asked(company: Company) -> int:
    first_day(company)
    found = excuse_requests.request_excuse(
        company, LAST, kind=ExcuseKindChoices.LOST, at=BEFORE
    )
    return found.pk


def excuse_asked_and_june_held(company: Company) -> None:
    excuse_asked(company)
    company.server.day(LAST)
    day = JUNE.starts_on
    opened = datetime(2126, 5, 28, tzinfo=UTC)
    data = company.server.day(day, opened_at=opened, closed_at=opened + DAY)
    company.send(data, at=BEFORE)


def excuse_approved(company: Company) -> None:
    excuse = excuse_asked(company)
    excuses.approve(company.id, excuse_id=excuse, by="clerk", at=BEFORE)


def excuse_refused(company: Company) -> None:
    excuse = excuse_asked(company)
    excuses.refuse(
        company.id, excuse_id=excuse, by="clerk", at=DUE + HOUR, reason="No."
    )


def automated(company: Company) -> None:
    first_day(company)
    licence_requests.set_licences(
        company.id,
        from_on=LAST - DAY,
        keys=[licences.AUTOMATED],
        by="clerk",
        at=BEFORE,
    )


def unlicensed(company: Company) -> None:
    licence_requests.set_licences(
        company.id,
        from_on=LAST - DAY,
        keys=[],
        by="clerk",
        at=BEFORE,
    )


def open_without_server(number: str) -> Company:
    return open_company(
        number,
        name=number,
        zone="Europe/Berlin",
        first_owed_on=LAST - DAY,
        has_server=False,
    )


def nothing(_company: Company) -> None:
    """Leave it as it was opened."""


SITUATIONS: Mapping[str, Situation] = {
    "nothing owed": Situation(make=unlicensed),
    "no server yet": Situation(make=nothing, opened=open_without_server),
    "nothing sent, running": Situation(make=nothing, at=RUNNING),
    "nothing sent, ended": Situation(make=nothing),
    "some missing": Situation(make=first_day),
    "one partial": Situation(make=half_of_the_last_day),
    "one rejected": Situation(make=damaged_last_day),
    "unknown key": Situation(make=unknown_key),
    "key confirmed": Situation(make=confirmed_key),
    "held": Situation(make=held_for_its_clock),
    "not judged": Situation(make=not_judged),
    "complete, running next": Situation(make=complete_and_dismissed, at=ENDED),
    "complete at the last file": Situation(make=both_days),
    "late once": Situation(make=late, at=AFTER),
    "late twice": Situation(make=late_twice, at=JULY),
    "late, new one complete": Situation(make=june_complete, at=JULY),
    "extended": Situation(make=extended, at=AFTER),
    "extended and missed": Situation(
        make=extended_and_missed, at=JULY.replace(month=6, day=21)
    ),
    "waived in part": Situation(make=waived_in_part, at=AFTER),
    "waived wholly": Situation(make=waived_wholly, at=AFTER),
    "excuse asked": Situation(make=excuse_asked),
    "excuse asked, June held": Situation(make=excuse_asked_and_june_held),
    "excuse approved": Situation(make=excuse_approved),
    "excuse refused": Situation(make=excuse_refused, at=DUE + 2 * HOUR),
    "automated with a gap": Situation(make=automated),
}
