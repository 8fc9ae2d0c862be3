"""Numbers the users of a tenant, by keyed hashes of their names.

Names are compared as `usage.usg.summary.fold` writes them, and are never stored: a
user's key is HMAC-SHA-256 with the tenant's own secret, cut to 16 bytes. The number of
a user never changes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count, filterfalse, repeat
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from billing.models import NumberedUsers
from portal.db import unit_of_work
from usage import tenant_keys
from usage.usg.summary import fold

KEY_BYTES = 16

# The length of a block of SHA-256.
_BLOCK = 64


class UserNumbers:
    """The numbers of a tenant's users, and those given in the course of a run."""

    def __init__(self, tenant_id: int, secret: bytes) -> None:
        self._tenant_id = tenant_id
        self._inner, self._outer = _hmac_states(secret)
        self._by_key: dict[bytes, int] = {}
        # By the names as they stand in files: each is hashed once, not once a file.
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

    def numbers_of_files(
        self, files: Sequence[Sequence[str]]
    ) -> list[NDArray[np.uint32]]:
        """Return the numbers of the names in files; names without one are given one."""
        known, nobody = self._by_name.get, repeat(-1)
        found = [
            np.fromiter(map(known, names, nobody), np.int64, len(names))
            for names in files
        ]
        lacking = {place for place, one in enumerate(found) if (one < 0).any()}
        self.give_numbers(files[place] for place in lacking)
        return [
            self.numbers_of(names) if place in lacking else one.astype(np.uint32)
            for place, (names, one) in enumerate(zip(files, found, strict=True))
        ]

    def numbers_of(self, names: Sequence[str]) -> NDArray[np.uint32]:
        """Return the number of each name; all of them have been given one."""
        found = map(self._by_name.__getitem__, names)
        return np.fromiter(found, np.uint32, len(names))

    def give_numbers(self, names: Iterable[Sequence[str]]) -> None:
        """Give each of these names a number. Begins and ends a unit of work if needed.

        Users that are new are stored under the tenant's lock, so that two runs at once
        give nobody two numbers.
        """
        is_known = self._by_name.__contains__
        new = list({one for some in names for one in filterfalse(is_known, some)})
        folded = fold(new)
        keys = self._hashes(folded)
        # The common case, all known, asks no loop of Python for each name.
        if None in map(self._by_key.get, keys):
            by_key = zip(keys, folded, strict=True)
            unseen = {key: name for key, name in by_key if key not in self._by_key}
            self._store(dict(sorted(unseen.items(), key=itemgetter(1))))
        numbers = map(self._by_key.__getitem__, keys)
        self._by_name.update(zip(new, numbers, strict=True))

    def _store(self, unseen: dict[bytes, str]) -> None:
        with unit_of_work.acting_for(self._tenant_id, holding=True):
            self.load()
            new = {key: name for key, name in unseen.items() if key not in self._by_key}
            if not new:
                return
            alike = self._hashes(map(without_domain, new.values()))
            NumberedUsers.objects.create(
                tenant_id=self._tenant_id,
                first_number=self.count,
                keys=b"".join(new),
                alike=b"".join(alike),
            )
            given = list(new)
        self._append(given)

    def _append(self, keys: Sequence[bytes]) -> None:
        self._by_key.update(zip(keys, count(self.count), strict=False))

    def _hashes(self, names: Iterable[str]) -> list[bytes]:
        inner, outer = self._inner, self._outer
        found = []
        for name in names:
            # Copies save preparing the secret, which takes longer than a name.
            one, whole = inner.copy(), outer.copy()
            one.update(name.encode())
            whole.update(one.digest())
            found.append(whole.digest()[:KEY_BYTES])
        return found


def _hmac_states(secret: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """Return SHA-256 having read the inner and the outer block of an HMAC (RFC 2104).

    An object of `hmac` takes nearly twice as long for each name.
    """
    block = secret if len(secret) <= _BLOCK else hashlib.sha256(secret).digest()
    block = block.ljust(_BLOCK, b"\0")
    inner, outer = (bytes(one ^ pad for one in block) for pad in (0x36, 0x5C))
    return hashlib.sha256(inner), hashlib.sha256(outer)


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
    joined = b"".join(map(bytes, rows.values_list("alike", flat=True)))
    # All have one length: that NumPy ignores the zeros at the end makes none equal.
    _, numbers = np.unique(np.frombuffer(joined, f"S{KEY_BYTES}"), return_inverse=True)
    return numbers.astype(np.int64)


def without_domain(folded: str) -> str:
    """Return what follows the last backslash of a name, up to the first @."""
    return folded.rpartition("\\")[2].partition("@")[0]


def _split(joined: bytes) -> list[bytes]:
    return [
        joined[start : start + KEY_BYTES] for start in range(0, len(joined), KEY_BYTES)
    ]
