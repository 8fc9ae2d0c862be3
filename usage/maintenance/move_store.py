"""Moves stored files from the fallback store to the current one, while people work.

Each file is copied, read back and compared by SHA-256 before it is removed from the
fallback. After the copy, the tenant's lock is taken and the row is read again, so that
a file that was removed meanwhile stays removed. A run that is killed leaves each file
in at least one store, and the next run continues.
"""

import hashlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, islice
from uuid import UUID

from django.core.files.base import File
from django.core.files.storage import Storage
from django.db import OperationalError

from portal.db import unit_of_work
from portal.health import failpoints
from usage.maintenance import orphans, unmoved
from usage.models import UsageFile
from usage.storage import store
from usage.storage.folder import DurableFolder
from usage.storage.moving import MovingStore

logger = logging.getLogger(__name__)

# Names that are looked up at a time.
_NAMES = 1_000

# Bytes that are hashed at a time.
_CHUNK = 1 << 20

# Consecutive failures that end a run: the store would fail for all other files.
MOST_FAILURES = 20

# Files of rows that are not where they should be after a run: more show no more.
MOST_UNMOVED = 100

# How `store.quarantine` names bytes without a row.
_LEFTOVER = re.compile(
    rf"{store.QUARANTINE}/\d{{4}}-\d\d-\d\d/(?P<tenant>\d{{1,9}})/[0-9a-f-]{{36}}\.usg",
    re.ASCII,
)

# Outcomes for a file. `MOVED` and `GONE` are done; in all others the file is left.
MOVED = "moved"
GONE = "removed by others"
RELEASED = "being removed"
YOUNG = "without a row, and less than a day old"
DIFFERS = "with other bytes in the other store"
UNKNOWN = "not of the portal"
BUSY = "of a tenant that was locked"
FAILED = "failed"
LATE = "saved in the fallback during the run"
NOWHERE = "named by a row, and in neither store"

# A note beside `MOVED`: the bytes are not those that were received.
DAMAGED = "damaged before it was moved"


class NotMovingError(Exception):
    """No fallback is set, so there is nothing to move from."""


class _DamagedError(Exception):
    """The bytes to be copied are not those that were received."""


@dataclass
class MoveReport:
    """Counts files by outcome; `notes` names the files that need a person.

    `stopped_by` is the error after which no more files were tried.
    """

    counts: Counter[str] = field(default_factory=Counter)
    notes: list[tuple[str, str]] = field(default_factory=list)
    stopped_by: OSError | None = None

    @property
    def left(self) -> int:
        return self.counts.total() - self.counts[MOVED] - self.counts[GONE]


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file of the fallback: `sha256` of its row, None if no row names it."""

    name: str
    tenant_id: int
    file_id: UUID | None
    sha256: bytes | None


def move_files(*, now: Callable[[], datetime]) -> MoveReport:
    """Try once to move each file of the fallback; see `MoveReport.left`.

    Raises:
        NotMovingError: no fallback is set.
        OSError: the files of a store could not be listed.

    """
    stores = store.moving_store()
    if stores is None:
        raise NotMovingError
    return _Move(stores, before=now() - orphans.SAFE_AGE).run()


@dataclass
class _Move:
    stores: MovingStore
    before: datetime
    report: MoveReport = field(default_factory=MoveReport)
    failures: int = 0

    def run(self) -> MoveReport:
        fallback = self.stores.fallback
        names = chain(
            store.names_in(fallback), store.names_in(fallback, store.QUARANTINE)
        )
        while batch := list(islice(names, _NAMES)):
            for found in self._looked_up(batch):
                self._count(found.name, self._try(found))
                if self.failures >= MOST_FAILURES:
                    return self.report
        if not self.report.left:
            self._verify()
        return self.report

    def _verify(self) -> None:
        """Count files of rows that the current store does not have, if none is left."""
        for name in islice(unmoved.unmoved_names(self.stores), MOST_UNMOVED):
            is_late = self.stores.fallback.exists(name)
            self._count(name, LATE if is_late else NOWHERE)

    def _count(self, name: str, outcome: str) -> None:
        self.report.counts[outcome] += 1
        if outcome in (DIFFERS, UNKNOWN, FAILED, NOWHERE):
            self.report.notes.append((name, outcome))

    def _looked_up(self, names: list[str]) -> Iterator[_Stored]:
        """Yield files that may be moved; count all others."""
        ours: dict[str, re.Match[str]] = {}
        for name in names:
            if (leftover := _LEFTOVER.fullmatch(name)) is not None:
                yield _Stored(name, int(leftover["tenant"]), None, None)
            elif (match := orphans.OURS.fullmatch(name)) is not None:
                ours[name] = match
            else:
                self._count(name, UNKNOWN)
        ids = {name: UUID(match["id"]) for name, match in ours.items()}
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            files = UsageFile.objects.filter(pk__in=ids.values())
            rows = {pk: row for pk, *row in files.values_list(*_COLUMNS)}
        for name, pk in ids.items():
            stored_as, sha256 = rows.get(pk, (name, None))
            if stored_as != name:
                self._count(name, RELEASED)
            else:
                tenant_id = int(name.split("/")[0])
                yield _Stored(name, tenant_id, pk, sha256 and bytes(sha256))

    def _try(self, found: _Stored) -> str:
        try:
            outcome = self._move(found)
        except OperationalError:
            return BUSY
        except OSError as error:
            if self._is_gone(found.name, error):
                return GONE
            logger.exception("The file %s could not be moved", found.name)
            self.failures += 1
            if self.failures >= MOST_FAILURES:
                self.report.stopped_by = error
            return FAILED
        self.failures = 0
        return outcome

    def _move(self, found: _Stored) -> str:
        is_upload = found.file_id is not None and found.sha256 is None
        if is_upload and not self._is_old(found.name):
            return YOUNG
        try:
            is_new = self._copy(found, found.sha256)
        except _DamagedError:
            return self._move_damaged(found)
        if is_new is None:
            return DIFFERS
        failpoints.reach("move:copied")
        with unit_of_work.acting_for(found.tenant_id, holding=True):
            if not _is_unchanged(found):
                # The file was removed or is being removed: drop the copy.
                if is_new:
                    self.stores.current.delete(found.name)
                return RELEASED
            self.stores.fallback.delete(found.name)
        failpoints.reach("move:removed")
        return MOVED

    def _move_damaged(self, found: _Stored) -> str:
        """Move a file with wrong bytes, under the tenant's lock.

        The lock is held throughout, so that an upload that restores the right bytes
        meanwhile does not find the damaged copy in their place.
        """
        with unit_of_work.acting_for(found.tenant_id, holding=True):
            if not _is_unchanged(found):
                return RELEASED
            if self._copy(found, None) is None:
                return DIFFERS
            self.stores.fallback.delete(found.name)
        self.report.notes.append((found.name, DAMAGED))
        return MOVED

    def _copy(self, found: _Stored, expected: bytes | None) -> bool | None:
        """Copy a file to the current store, and verify the copy.

        Return True if the file was copied, False if the current store already had the
        right bytes, None if it has different bytes. Right are those that the row
        expects or, without a row, those of the fallback.

        Raises:
            _DamagedError: the bytes are not those expected, and the current store has
                no file of this name.
            FileNotFoundError: the fallback does not have the file any more.

        """
        with self.stores.fallback.open(found.name, "rb") as file:
            digest = _sha256_of(file)
            there = _sha256_in(self.stores.current, found.name)
            if there is not None:
                if isinstance(self.stores.current, DurableFolder):
                    self.stores.current.make_durable(found.name)
                return False if there == (expected or digest) else None
            if expected is not None and digest != expected:
                raise _DamagedError
            file.seek(0)
            store.copy(file, self.stores.current, found.name)
        if _sha256_in(self.stores.current, found.name) != digest:
            message = "The copy differs from the file"
            raise OSError(message)
        return True

    def _is_gone(self, name: str, error: OSError) -> bool:
        """Return whether the file was removed, or another run has moved it."""
        try:
            is_there = self.stores.fallback.exists(name)
        except OSError:
            return False
        return isinstance(error, FileNotFoundError) and not is_there

    def _is_old(self, name: str) -> bool:
        return self.stores.fallback.get_modified_time(name) < self.before


_COLUMNS = ("pk", "stored_as", "sha256")


def _is_unchanged(found: _Stored) -> bool:
    """Return whether its row still names the file; runs in a unit of work."""
    if found.file_id is None:
        return True
    row = UsageFile.objects.filter(pk=found.file_id).values_list("stored_as")
    stored_as = row.first()
    if stored_as is None:
        return found.sha256 is None
    return stored_as == (found.name,)


def _sha256_in(storage: Storage, name: str) -> bytes | None:
    try:
        with storage.open(name, "rb") as file:
            return _sha256_of(file)
    except FileNotFoundError:
        return None


def _sha256_of(file: "File[bytes]") -> bytes:
    digest = hashlib.sha256()
    for chunk in file.chunks(_CHUNK):
        digest.update(chunk)
    return digest.digest()
