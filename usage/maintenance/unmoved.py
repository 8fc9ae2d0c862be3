"""Finds files that rows name and the store that files moved to does not have.

`move_store` moves what is in the fallback. A folder of another machine, or one that is
not mounted, looks empty to it; and a process with earlier settings may have saved a
file there since.
"""

from collections.abc import Iterator

from portal.db import unit_of_work
from portal.models import Tenant
from usage.models import UsageFile
from usage.storage import store
from usage.storage.moving import MovingStore


def unmoved_names(stores: MovingStore) -> Iterator[str]:
    """Yield the names that rows have and the current store does not.

    Rows are read first: bytes are stored before their row names them.

    Raises:
        OSError: the current store could not be listed.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenants = list(Tenant.objects.order_by("pk").values_list("pk", flat=True))
    for tenant_id in tenants:
        named = _named(tenant_id)
        if not named:
            continue
        left = named.difference(store.names_in(stores.current, str(tenant_id)))
        # Removed, or removed and brought back, while the list was read.
        for name in sorted(left & _named(tenant_id) if left else left):
            if not stores.current.exists(name):
                yield name


def _named(tenant_id: int) -> set[str]:
    with unit_of_work.acting_for(tenant_id, reading=True):
        kept = UsageFile.objects.exclude(stored_as="")
        return set(kept.values_list("stored_as", flat=True))
