"""Numbers the users of a tenant, by keyed hashes of their names.

Names are compared as `usage.usg.summary.fold` writes them, and are never stored: a
user's key is HMAC-SHA-256 with the tenant's own secret, cut to 16 bytes. The number of
a user never changes.
"""

import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from billing.models import NumberedUsers
from portal.db import unit_of_work
from usage import tenant_keys
from usage.usg.summary import fold

KEY_BYTES = 16


class UserNumbers:
    """The numbers of a tenant's users, and those given in the course of a run."""

    def __init__(self, tenant_id: int, secret: bytes) -> None:
        self._tenant_id = tenant_id
        self._secret = secret
        self._by_key: dict[bytes, int] = {}
        # What was hashed in this run: each name once, not once a file.
        self._by_name: dict[str, int] = {}

    @property
    def count(self) -> int:
        return len(self._by_key)

    def load(self) -> None:
        """Load the numbers given since the last time; in a unit of work."""
        rows = NumberedUsers.objects.filter(
            tenant=self._tenant_id, first_number__gte=self.count
        )
        for row in rows.order_by("first_number"):
            self._append(_split(bytes(row.keys)))

    def numbers_of(self, names: Sequence[str]) -> NDArray[np.uint32]:
        """Return the number of each name; all of them have been given one."""
        known = self._by_name
        return np.fromiter(map(known.__getitem__, fold(names)), np.uint32, len(names))

    def give_numbers(self, names: Iterable[Sequence[str]]) -> None:
        """Give each of these names a number. Begins and ends a unit of work if needed.

        Users that are new are stored under the tenant's lock, so that two runs at once
        give nobody two numbers.
        """
        known, new = self._by_name, set[str]()
        for some in names:
            new.update(one for one in fold(some) if one not in known)
        keys = {name: self._hash(name) for name in sorted(new)}
        unseen = {key: name for name, key in keys.items() if key not in self._by_key}
        if unseen:
            self._store(unseen)
        known.update((name, self._by_key[key]) for name, key in keys.items())

    def _store(self, unseen: dict[bytes, str]) -> None:
        with unit_of_work.acting_for(self._tenant_id, holding=True):
            self.load()
            new = {key: name for key, name in unseen.items() if key not in self._by_key}
            if not new:
                return
            alike = [self._hash(without_domain(name)) for name in new.values()]
            NumberedUsers.objects.create(
                tenant_id=self._tenant_id,
                first_number=self.count,
                keys=b"".join(new),
                alike=b"".join(alike),
            )
            given = list(new)
        self._append(given)

    def _append(self, keys: Sequence[bytes]) -> None:
        first = self.count
        self._by_key.update((key, first + place) for place, key in enumerate(keys))

    def _hash(self, name: str) -> bytes:
        return hmac.digest(self._secret, name.encode(), "sha256")[:KEY_BYTES]


def load_numbers(tenant_id: int, *, at: datetime) -> UserNumbers:
    """Load the numbers of a tenant's users; in a unit of work of the tenant."""
    found = UserNumbers(tenant_id, tenant_keys.name_secret(tenant_id, at=at))
    found.load()
    return found


def load_alike(tenant_id: int) -> NDArray[np.int64]:
    """Load a number for each user, equal for names that differ in the domain alone.

    In a unit of work.
    """
    rows = NumberedUsers.objects.filter(tenant=tenant_id).order_by("first_number")
    places: dict[bytes, int] = {}
    found = [
        places.setdefault(one, len(places))
        for alike in rows.values_list("alike", flat=True)
        for one in _split(bytes(alike))
    ]
    return np.array(found, np.int64)


def without_domain(folded: str) -> str:
    """Return what follows the last backslash of a name, up to the first @."""
    return folded.rpartition("\\")[2].partition("@")[0]


def _split(joined: bytes) -> list[bytes]:
    return [
        joined[start : start + KEY_BYTES] for start in range(0, len(joined), KEY_BYTES)
    ]
