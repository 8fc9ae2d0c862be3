"""Builds the evidence package of a statement: files, rows with pseudonyms, a verifier.

The verifier (`billing.statements.verifier`) recomputes every figure from the package. A
pseudonym is the number of a user, which reveals nothing of the name.
"""

import csv
import io
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.coverage.periods import Period
from billing.statements import compute_days, inputs, numbered_users
from billing.statements.inputs import CountedFile
from billing.statements.manifest import listed_files
from billing.statements.numbered_users import UserNumbers
from billing.statements.queries import ServedStatement
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import Tenant
from usage.files.rows import RowsUnreadableError
from usage.usg import OpenedDay

logger = logging.getLogger(__name__)

# A stand-alone program: it imports nothing of the portal.
_VERIFIER = Path(__file__).with_name("verifier.py")

# Rows of one piece; as one piece, the text of the largest file would take hundreds of
# megabytes of memory.
_ROWS_AT_ONCE = 50_000

# All entries have one time, so that the same evidence gives the same package.
_TIME = (1980, 1, 1, 0, 0, 0)


def package(
    tenant_id: int,
    period: Period,
    found: ServedStatement,
    *,
    by: str,
    at: datetime,
) -> Iterator[bytes]:
    """Return the ZIP archive in pieces, built while they are read; record the download.

    Begins and ends units of work of its own, also while the pieces are read.

    Raises:
        Refused: a file of the statement no longer counts, or counts for another day;
            its rows would not give the figures.

    """
    with unit_of_work.acting_for(tenant_id, reading=True, repeatable=True):
        loaded = inputs.load(Tenant.objects.get(), period)
    counted = listed_files(loaded, found.files)
    with unit_of_work.acting_for(tenant_id):
        audit_log.append(
            tenant_id=tenant_id,
            actor=by,
            act="evidence-downloaded",
            subject=found.head.number or f"{found.head.tenant}-{period}",
            at=at,
            details={"sha256": found.sha256, "state": found.head.state},
        )
    return _Package(loaded, counted, found, at).pieces()


class _Pipe(io.RawIOBase):
    """Buffers the bytes that the archive writes, until they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        found, self._pieces = b"".join(self._pieces), []
        return found


@dataclass(frozen=True, slots=True)
class _Package:
    loaded: inputs.PeriodInputs
    files: Sequence[CountedFile]
    found: ServedStatement
    at: datetime

    def pieces(self) -> Iterator[bytes]:
        """Yield the archive file by file; it is never stored as a whole."""
        pipe = _Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in (
                ("statement.json", self.found.document),
                ("files.json", self.found.files),
                ("rows.json", _index(self.files)),
                ("verifier.py", _VERIFIER.read_bytes()),
            ):
                archive.writestr(_entry(name), content)
            yield pipe.taken()
            seen: set[int] = set()
            computer = compute_days.DayComputer.of(self.loaded, at=self.at)
            for place, one in enumerate(self.files, start=1):
                try:
                    opened = computer.opener.read(one.file)
                except (RowsUnreadableError, OSError) as error:
                    # The verifier then says that the rows of this file are not there.
                    logger.warning("The evidence lacks %s: %s", one.file.pk, error)
                    continue
                with archive.open(
                    _entry(_rows_name(place)), "w", force_zip64=True
                ) as to:
                    for text, users in _rows(computer.users, opened):
                        seen |= users
                        to.write(text.encode())
                        yield pipe.taken()
            alike = _alike(self.loaded.tenant.pk)
            lines = (f"{user},{alike[user]}\r\n" for user in sorted(seen))
            archive.writestr(_entry("users.csv"), "user,alike\r\n" + "".join(lines))
        yield pipe.taken()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _rows_name(place: int) -> str:
    return f"rows/{place:05}.csv"


def _index(files: Iterable[CountedFile]) -> bytes:
    found = [
        {
            "sha256": one.sha256,
            "opened_at": _instant(one.file.opened_at),
            "opened_offset": one.file.opened_offset,
            "closed_at": _instant(one.file.closed_at),
            "closed_by": one.file.closed_by,
            "rows": _rows_name(place),
        }
        for place, one in enumerate(files, start=1)
    ]
    return json.dumps({"files": found}, indent=1).encode()


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _rows(known: UserNumbers, opened: OpenedDay) -> Iterator[tuple[str, set[int]]]:
    """Yield the rows of a file as CSV, and the users in them."""
    known.give_numbers([opened.users])
    numbers = known.numbers_of(opened.users)
    yield "user,licences,login,logout,flags\r\n", set()
    sets = ["|".join(map(_escaped, names)) for names in opened.licence_sets]
    for start in range(0, opened.sessions, _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        users = numbers[opened.user[part]].tolist()
        yield _text(opened, part, users, sets), set(users)


def _escaped(licence_key: str) -> str:
    """Write the separator of keys in a key as its number, as in addresses."""
    return licence_key.replace("%", "%25").replace("|", "%7C")


def _text(opened: OpenedDay, part: slice, users: list[int], sets: Sequence[str]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(
        zip(
            users,
            (sets[held] for held in opened.licences[part].tolist()),
            *(
                column[part].tolist()
                for column in (opened.login, opened.logout, opened.flags)
            ),
            strict=True,
        )
    )
    return written.getvalue()


def _alike(tenant_id: int) -> list[int]:
    with unit_of_work.acting_for(tenant_id, reading=True):
        return [int(one) for one in numbered_users.load_alike(tenant_id)]
