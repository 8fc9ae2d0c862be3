"""Lists a tenant's periods as date ranges to filter files by."""

from datetime import date, datetime

from django.utils.formats import date_format

from billing.coverage.periods import Period, zone_named
from portal.models import Tenant
from usage.files.date_ranges import DateRange

# Three years; older files are found by their server.
_MOST = 36


def period_ranges(at: datetime) -> list[DateRange]:
    """Return the periods from the running one back to the tenant's first."""
    tenant = Tenant.objects.get()
    period = Period.containing(at.astimezone(zone_named(tenant.zone)).date())
    found = [_span(period)]
    while len(found) < _MOST and period.starts_on > tenant.first_owed_on:
        period = period.previous()
        found.append(_span(period))
    return found


def period_of(day: date) -> DateRange:
    """Return the period that a day counts for, as a date range."""
    return _span(Period.containing(day))


def _span(period: Period) -> DateRange:
    return DateRange(
        name=str(period),
        title=date_format(period.ends_on, "F Y"),
        first_day=period.starts_on,
        last_day=period.ends_on,
        due_on=period.target_on,
    )
