"""Stores which complete period a person has dismissed from the home page."""

from django.db.models import QuerySet

from billing.coverage.periods import Period
from portal.accounts.caller import Caller
from portal.models import Membership


def dismissed_period(caller: Caller) -> str:
    """Return the name of the period that was dismissed last, empty for none.

    In the unit of work of the caller's tenant.
    """
    found = _memberships(caller).values_list("dismissed_period", flat=True)
    return found.first() or ""


def dismiss_period(caller: Caller, period: Period) -> None:
    """Store that the caller has dismissed a period, so that home shows the next one.

    In the unit of work of the caller's tenant. It changes only what this person sees,
    so there is no entry in the audit trail.
    """
    _memberships(caller).update(dismissed_period=str(period))


def _memberships(caller: Caller) -> QuerySet[Membership]:
    return Membership.objects.filter(tenant=caller.tenant, user=caller.user_id)
