"""A file is judged: opened, checked, counted, and its verdict written down for good.

One transaction under the tenant's lock changes the file, its server, the audit trail
and the forward row together. It can be run again at any time: a file that somebody
else has settled meanwhile is left as it is.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal

from portal import access, audit, work
from portal.work import State
from usage import intake, keys, outbox, queries, store
from usage.models import (
    FileState,
    KeyState,
    Server,
    ServerKey,
    Settling,
    UsageFile,
)
from usage.problems import (
    SEQUENCE_TAKEN,
    FoundProblem,
    found_by_reader,
    with_day_assigned,
    worst,
)
from usage.usg import Expected, Header, Reading, Severity, fingerprint, read, summarise

logger = logging.getLogger(__name__)

# Rows of rejected files that a tenant keeps; the oldest go. Files rejected in bulk are
# the same mistake again and again, and the newest show it.
REJECTED_ROWS = 1_000

# Columns that are named as in the header, and those that settling may change at all.
_TOLD_BY_HEADER = (
    "signer",
    "series",
    "sequence",
    "previous",
    "day",
    "zone",
    "opened_at",
    "closed_at",
    "opened_offset",
    "closed_offset",
    "closed_by",
    "sessions",
)
_SETTLED = (
    *("state", "settled_at", "stored_as", "problems", "server", "logins", "users"),
    *_TOLD_BY_HEADER,
)

# Returns a server's key by the server's name and the key, None if it is not known.
_KnownKey = Callable[[str, bytes], ServerKey | None]

# How long a sweep may take over what it has claimed: some hundred files.
_LEASE = timedelta(minutes=5)

# Sent inside the transaction that accepts a file, with `file`: what depends on it
# changes with it or not at all.
file_accepted = Signal()

# Bounds the memory that opened files take in this process.
_gate = threading.BoundedSemaphore(settings.SETTLING_AT_ONCE)


def take_in(
    arrival: intake.Arrival, chunks: Iterable[bytes], *, at: datetime
) -> tuple[UsageFile, bool]:
    """Receive a file and give its verdict; the bool says whether it is new here.

    Raises:
        Refused, Unavailable: nothing was kept, see `intake.receive`.

    """
    receipt = intake.receive(arrival, chunks)
    file = None
    try:
        file = settle(arrival.tenant_id, receipt.file_id, at=at)
    except Exception:
        # From here on the file is safe and will be settled by the sweep: whatever
        # went wrong is ours, and the answer is "received".
        logger.exception("The file %s could not be settled yet", receipt.file_id)
    if file is None:
        with access.acting_for(arrival.tenant_id, reading=True):
            file = queries.with_life_line().get(pk=receipt.file_id)
    return file, receipt.is_new


def settle(tenant_id: int, file_id: UUID, *, at: datetime) -> UsageFile | None:
    """Judge a file that is received or held; leave every other one alone.

    Returns the file with its life line, as it is once this is committed; None if it
    was rejected and its row is one too many.
    """
    with judging(tenant_id):
        waiting = UsageFile.objects.filter(
            state__in=(FileState.RECEIVED, FileState.HELD)
        )
        file = waiting.select_related("tenant").filter(pk=file_id).first()
        if file is not None:
            judge(file, at=at)
        # Also where a person has decided meanwhile: nothing is left to be judged.
        _end_work(file_id, at=at)
        return queries.with_life_line().filter(pk=file_id).first()


@contextmanager
def judging(tenant_id: int) -> Iterator[None]:
    """Open a unit of work that holds the tenant and in which files may be judged."""
    with access.acting_for(tenant_id, holding=True):
        yield


def judge(file: UsageFile, *, at: datetime) -> None:
    """Judge a file that is received or held, in the running unit of work."""
    # Asked for by the reader, and again when the file is written down.
    known_key = cache(_known_key)
    # The gate inside the tenant's lock: who waits for one tenant's lock must not take
    # a place from the files of all others.
    with _gate, store.opened(file.stored_as) as data:
        reading = read(data, _expected(file, known_key))
    _apply(file, reading, known_key=known_key, at=at)
    _end_work(file.pk, at=at)


def _end_work(file_id: UUID, *, at: datetime) -> None:
    Settling.objects.filter(file=file_id, state=State.WAITING).update(
        state=State.DONE, ended_at=at, lease=None, leased_until=None, problem=""
    )


def settle_waiting(*, most: int, at: datetime) -> int:
    """Settle what is due; return how many files were tried.

    A file that cannot be settled comes back after a wait that grows, so that it
    keeps no other waiting.
    """
    claims = work.claim(Settling, most=most, lease_for=_LEASE, at=at)
    for claim in claims:
        with access.acting_for(claim.tenant_id, reading=True):
            rows = Settling.objects.filter(pk=claim.pk)
            file_id = rows.values_list("file", flat=True).first()
        if file_id is None:
            continue  # rejected meanwhile, and one row too many
        try:
            settle(claim.tenant_id, file_id, at=at)
        except Exception as error:
            # Told in full once: it may come back many times.
            is_first = claim.attempts == 1
            logger.error("%s cannot be settled: %r", file_id, error, exc_info=is_first)  # noqa: TRY400 - just once
            with access.acting_for(claim.tenant_id):
                work.postpone(Settling, claim, problem="failed", at=at)
    return len(claims)


def _expected(file: UsageFile, known_key: _KnownKey) -> Expected:
    def is_trusted(server: str, signer: bytes) -> bool:
        key = known_key(server, signer)
        return key is not None and key.state == KeyState.CONFIRMED

    return Expected(
        tenant=file.tenant.number,
        received_at=file.received_at,
        opening_key=lambda wanted: keys.opening_key(file.tenant_id, wanted),
        is_trusted=is_trusted,
    )


def _known_key(server: str, signer: bytes) -> ServerKey | None:
    keys_of_server = ServerKey.objects.filter(server__in=queries.server_named(server))
    return keys_of_server.select_related("server").filter(public=signer).first()


def _apply(
    file: UsageFile, reading: Reading, *, known_key: _KnownKey, at: datetime
) -> None:
    was = file.state
    problems = found_by_reader(reading.problems)
    if reading.outcome != Severity.REJECT and reading.header is not None:
        file.server = _server_of(file, reading.header, known_key=known_key, at=at)
        _describe(file, reading, reading.header)
        problems += _conflicts(file)
    if file.assigned_day is not None:
        problems = with_day_assigned(problems)
    outcome = worst(problems)
    file.settled_at = at
    file.problems = [problem.as_row() for problem in problems]
    if outcome == Severity.REJECT and was == FileState.RECEIVED:
        _reject(file)
    elif outcome in (Severity.REJECT, Severity.HOLD):
        # What was answered as held is kept, whatever a later look at it finds: only
        # a person may decide that it goes.
        file.state = FileState.HELD
        file.save(update_fields=_SETTLED)
    else:
        _accept(file, at=at)
    if file.state != was:
        _write_down(file, problems, at=at)


def _describe(file: UsageFile, reading: Reading, header: Header) -> None:
    """Copy what a genuine file says of itself."""
    for field in _TOLD_BY_HEADER:
        setattr(file, field, getattr(header, field))
    file.day = file.assigned_day or file.day
    if reading.day is not None:
        totals = summarise(reading.day)
        file.logins, file.users = totals.logins, totals.users


def _server_of(
    file: UsageFile, header: Header, *, known_key: _KnownKey, at: datetime
) -> Server:
    """Find a genuine file's server; make it and its key known if they are new."""
    known = known_key(header.server, header.signer)
    if known is not None:
        return known.server
    server = queries.server_named(header.server).first()
    if server is None:
        server = Server.objects.create(
            tenant_id=file.tenant_id, name=header.server, created_at=at
        )
    ServerKey.objects.create(
        tenant_id=file.tenant_id,
        server=server,
        public=header.signer,
        fingerprint=fingerprint(header.signer),
        state=KeyState.PROPOSED,
        proposed_at=at,
    )
    return server


def _conflicts(file: UsageFile) -> list[FoundProblem]:
    """Find the accepted file that has this one's place in its series already."""
    taken = UsageFile.objects.filter(
        state=FileState.ACCEPTED,
        server=file.server,
        series=file.series,
        sequence=file.sequence,
    )
    other = taken.values_list("name", flat=True).first()
    if other is None:
        return []
    params = {"sequence": str(file.sequence), "other": other}
    return [FoundProblem(SEQUENCE_TAKEN, "header.sequence", params)]


def _accept(file: UsageFile, *, at: datetime) -> None:
    file.state = FileState.ACCEPTED
    file.save(update_fields=_SETTLED)
    outbox.queue(file, file.tenant, at=at)
    file_accepted.send(sender=UsageFile, file=file)


def _reject(file: UsageFile) -> None:
    stored_as, file.stored_as = file.stored_as, ""
    file.state = FileState.REJECTED
    file.save(update_fields=_SETTLED)
    # The row comes first: bytes that nobody answers for any more may lie a while,
    # bytes that somebody answers for may not be gone.
    transaction.on_commit(lambda: store.remove(stored_as))
    # Never this one: its verdict is just being told.
    rejected = UsageFile.objects.filter(state=FileState.REJECTED)
    others = rejected.exclude(pk=file.pk).order_by("-received_at", "-pk")
    # As a rule none, or one: what is beyond the limit, not all that is within it.
    stale = list(others.values_list("pk", flat=True)[REJECTED_ROWS - 1 :])
    if stale:
        rejected.filter(pk__in=stale).delete()


def _write_down(
    file: UsageFile, problems: Iterable[FoundProblem], *, at: datetime
) -> None:
    audit.append(
        tenant_id=file.tenant_id,
        actor=file.sent_by,
        act=f"file-{file.state}",
        subject=str(file.pk),
        details={
            "name": file.name,
            "sha256": bytes(file.sha256).hex(),
            "problems": ", ".join(problem.code for problem in problems),
        },
        at=at,
    )
