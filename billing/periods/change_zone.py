"""Changes the zone of a tenant, from its next period on.

A period keeps the zone and the deadline that it opened with, and its summary is
computed from those: no open period changes. Billing staff correct the zone of an open
period by itself (`billing.periods.deadlines.correct_zone`).
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

    Periods that should be open by now open first, in the earlier zone.
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
        open_periods.open_missing(tenant, today=at.date(), at=at)
    # The tenant's row belongs to the staff: its own members may not write it.
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.change_zone(tenant_id, zone=zone, by=by, at=at, reason=reason)
