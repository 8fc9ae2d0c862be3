"""The reminders of a tenant in every situation."""

from collections import defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.models import Reminder
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import DAY, HOUR, run_check
from tests.billing.reminders.tenant_with_gaps import run
from tests.builders import Company

# Nine in Berlin, where all of them are, on the target day; a few weeks from then on.
FIRST = datetime(2026, 6, 3, 9, tzinfo=ZoneInfo("Europe/Berlin"))
DAYS = 18


# What goes to whom, with the day of June. Nobody else gets anything: of automated
# upload, without a licence, excused or asking to be, and where all is here.
AS_A_RULE = [
    *(("target", 3), ("last", 4), ("late", 5)),
    *(("weekly-1", 12), ("weekly-2", 19)),
]
TOLD = {
    "SHORT": AS_A_RULE,
    "NO-FILE": AS_A_RULE,
    "STARTED": AS_A_RULE,
    "EXTENDED": [("target", 3), ("last", 19), ("late", 20)],
    "MOVED": [
        *(("target", 3), ("last", 5), ("late", 6)),
        *(("weekly-1", 13), ("weekly-2", 20)),
    ],
}


def test_each_is_reminded_of_what_there_is(situations: dict[str, Company]) -> None:
    for number in range(DAYS):
        at = FIRST + number * DAY
        run_check(at - HOUR)
        run(at)
    told, said = defaultdict(list), {}
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for row in Reminder.objects.select_related("tenant").order_by("ended_at"):
            assert row.outcome == "sent"
            told[row.tenant.number].append((row.step, row.day.day))
            said[row.tenant.number, row.step] = " ".join(row.text.split())
    assert told == TOLD
    # The deadline that counts, in the zone that it is told in; the days of each.
    assert "20 June 2026, 00:00" in said["EXTENDED", "last"]
    assert "5 June 2026, 00:00, Pago Pago" in said["MOVED", "last"]
    assert "2 server-days are missing" in said["NO-FILE", "last"]
    assert "1 server-day is missing" in said["STARTED", "last"]
