"""Opens stored files of a tenant; begins a unit of work to look a file up again."""

from collections.abc import Mapping
from dataclasses import dataclass

from portal.db import unit_of_work
from portal.models import Tenant
from usage import tenant_keys
from usage.files.rows import RowsUnreadableError, read_rows
from usage.models import SealingKey, UsageFile
from usage.usg import OpenedDay


@dataclass(frozen=True, slots=True)
class FileOpener:
    """Opens files with the sealing keys of their tenant, by fingerprint."""

    tenant: Tenant
    opening_keys: Mapping[str, bytes]

    @classmethod
    def of(cls, tenant: Tenant) -> "FileOpener":
        """Load the keys, in the running unit of work of the tenant."""
        fingerprints = SealingKey.objects.values_list("fingerprint", flat=True)
        keys = {one: tenant_keys.opening_key(tenant.pk, one) for one in fingerprints}
        known = {name: key for name, key in keys.items() if key is not None}
        return cls(tenant, known)

    def read(self, file: UsageFile) -> OpenedDay:
        """Return the rows of a file; from the archive if the local copy is gone.

        Raises:
            RowsUnreadableError: the bytes are gone, damaged or do not open.
            OSError: the bytes cannot be read at the moment.

        """
        file.tenant = self.tenant
        if file.stored_as:
            try:
                return read_rows(file, opening_key=self.opening_keys.get)
            except RowsUnreadableError:
                # Perhaps its bytes have been moved since; if not, it fails again.
                pass
        with unit_of_work.acting_for(file.tenant_id, reading=True):
            again = UsageFile.objects.select_related("tenant").get(pk=file.pk)
            return read_rows(again, opening_key=self.opening_keys.get)
