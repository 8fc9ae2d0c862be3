"""Plain values about a tenant from which its calendar is computed.

Instants are aware and in UTC, days are local to the server. A server is known by its
name; names are compared exactly as given.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID


class Mode(StrEnum):
    """How usage of a day is collected, by the tenant's licence keys."""

    NONE = "none"
    MANUAL = "manual"
    AUTOMATED = "automated"


class ExcuseKind(StrEnum):
    """Down: nothing was written. Lost: it was written and is gone."""

    DOWN = "down"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact:
    """One accepted file.

    Offsets are minutes east of UTC as the server saw them. `previous` is the SHA-256
    of the file written before this one, also across series; None for the very first.
    `day` is the header's, or the one that staff assigned. Of several files with one
    server, series and sequence only the accepted one may be given.
    """

    server: str
    series: UUID
    sequence: int
    sha256: bytes
    previous: bytes | None
    day: date
    opened_at: datetime
    closed_at: datetime
    opened_offset: int
    closed_offset: int
    closed_by: str
    zone: str
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFact:
    """One file that waits for us: received or held.

    With `file` (what its header says) the calendar works out what its acceptance
    would prove. Without it, `day` is taken to be complete once we have decided; with
    neither, the file only makes its server known.
    """

    server: str
    received_at: datetime
    day: date | None = None
    file: FileFact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFact:
    """One registered server.

    `first_owed_on` is its first owed day (None: as early as the tenant owes),
    `retired_on` its last owed day (None: still in use), each only as far as it is in
    force: a request that would lower the debt is not. `zone` is the IANA name last
    seen in a file of the server, or the tenant's. `known_since` is when we learned of
    it (None: since ever): it owes the days before, but a tenant is not late with
    days that nobody could have requested from it.
    """

    name: str
    first_owed_on: date | None
    retired_on: date | None
    zone: str
    known_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcuseFact:
    """One excuse, requested or approved; for a refused one see `RefusedFact`.

    Names server-days (`days`), or the numbers `first_sequence` to `last_sequence` of
    one `series`. Numbers existed, so only a *lost* excuse counts by number.
    """

    server: str
    kind: ExcuseKind
    asked_at: datetime
    approved_at: datetime | None = None
    days: frozenset[date] = frozenset()
    series: UUID | None = None
    first_sequence: int = 0
    last_sequence: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedFact:
    """A file or an excuse that waited for us until staff refused it.

    It proves and excuses nothing. It only gives the tenant time: see
    `billing.coverage.standing`.
    """

    what: HeldFact | ExcuseFact
    refused_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantFacts:
    """Everything the calendar of one tenant and period is made from, in any order.

    `first_on` is the tenant's first day (None: since ever), `zone` the tenant's IANA
    zone, `collects` the licence mode of a day. `files` are at least those that
    `billing.coverage.window.select_files` selects; more change nothing.
    """

    zone: str
    first_on: date | None
    collects: Callable[[date], Mode]
    servers: tuple[ServerFact, ...] = ()
    files: tuple[FileFact, ...] = ()
    held: tuple[HeldFact, ...] = ()
    excuses: tuple[ExcuseFact, ...] = ()
    refused: tuple[RefusedFact, ...] = ()
