"""The lock under which people of a tenant, or of the billing staff, change."""

from portal.db import unit_of_work

# The staff's trail in `portal.audit.log` is locked like that of a tenant with this id.
_STAFF = 0


def hold_people(tenant_id: int | None) -> None:
    """Take the lock of a tenant, or of the staff for None, until the unit ends.

    Roles are checked again under it before they change: of two admins who remove each
    other at the same time, the second is refused.
    """
    unit_of_work.hold_tenant(_STAFF if tenant_id is None else tenant_id)
