"""Billing staff change the zone that a tenant is in, from the next period on.

A period keeps the zone and the deadline that it opened with, and its roll-up is made
from those: nothing of what is open changes. Staff correct one of those by itself
(`billing.periods.deadlines.correct_zone`).
"""

from datetime import datetime

from billing.periods import open_periods
from portal.approvals import required
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import Tenant
from portal.tenants import create


def change_zone(
    tenant_id: int, *, zone: str, by: str, at: datetime, reason: str
) -> None:
    """Let a tenant's later periods open in another zone.

    What should be open by now opens first, by the zone that it was to be told in.
    Begins and ends units of work of its own, under the tenant's lock.

    Raises:
        Refused: there is no such zone, it is that one already, or there is no reason.

    """
    reason = required(reason)
    create.require_zone(zone)
    with unit_of_work.acting_for(tenant_id, holding=True):
        tenant = Tenant.objects.get()
        if tenant.zone == zone:
            raise Refused("nothing-to-change")
        open_periods.open_due(tenant, today=at.date(), at=at)
    # What a tenant is belongs to the staff: nobody of its own may write it.
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.change_zone(tenant_id, zone=zone, by=by, at=at, reason=reason)
