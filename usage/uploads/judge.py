"""Judges a received file: opens it, checks it, and records the verdict.

One transaction under the tenant's lock changes the file, its server, the audit trail
and the forward row together. It can be run again at any time: a file that somebody
else has judged meanwhile is left as it is.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from uuid import UUID

from django.db import transaction

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Unavailable
from portal.health import failpoints
from usage import signals
from usage.files import queries as file_queries
from usage.files.problems import (
    SEQUENCE_TAKEN,
    FoundProblem,
    found_by_reader,
    with_decisions,
    worst,
)
from usage.forwarding import queue as forward_queue
from usage.models import FileState, KeyState, Server, ServerKey, UsageFile
from usage.storage import store
from usage.uploads import pending, read_file, receive, split_series
from usage.uploads.read_file import FindSigningKey, ReaderFailedError
from usage.usg import Header, Reading, Severity, Totals, fingerprint

logger = logging.getLogger(__name__)

# Rows of rejected files that a tenant keeps; the oldest go. Files rejected in bulk are
# the same mistake again and again, and the newest show it.
REJECTED_ROWS = 1_000

# Columns that are named as in the header, and all those that judging may change.
_FROM_HEADER = (
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
_JUDGED_COLUMNS = (
    *("state", "settled_at", "stored_as", "problems", "server", "logins", "users"),
    *_FROM_HEADER,
    *split_series.PLACED,
)


def receive_and_judge(
    arrival: receive.IncomingFile, chunks: Iterable[bytes], *, at: datetime
) -> tuple[UsageFile, bool]:
    """Receive a file and give its verdict; the bool: whether it is new.

    Raises:
        Refused, Unavailable: nothing is kept, see `usage.uploads.receive.receive`.

    """
    receipt = receive.receive(arrival, chunks)
    file = None
    try:
        file = _judge_own(arrival.tenant_id, receipt, at=at)
    except Exception:
        # From here on the file is safe and `judge_pending` will judge it: whatever
        # went wrong is ours, and the answer is "received".
        logger.exception("The file %s could not be settled yet", receipt.file_id)
    if file is None:
        with unit_of_work.acting_for(arrival.tenant_id, reading=True):
            file = file_queries.with_timeline().filter(pk=receipt.file_id).first()
    if file is None:
        # Rejected by somebody else a moment ago, and its row was one too many.
        raise Unavailable("busy")
    return file, receipt.is_new


def _judge_own(
    tenant_id: int, receipt: receive.ReceivedFile, *, at: datetime
) -> UsageFile | None:
    """Judge the file of a request; None if it is judged, or has had its tries.

    The try is charged before it begins, as a worker's is (`portal.jobs.queue`): whoever
    sends a file again and again that no process survives must not end one with each.
    """
    if not receipt.is_new:
        # With the lock: the request that brought the same file a moment ago has
        # judged it by then.
        with unit_of_work.acting_for(tenant_id, holding=True):
            if not pending.count_attempt(receipt.file_id):
                return None
    try:
        return judge_file(tenant_id, receipt.file_id, at=at)
    except ReaderFailedError:
        raise
    except Exception:
        with unit_of_work.acting_for(tenant_id):
            pending.uncount_attempt(receipt.file_id)
        raise


def judge_file(tenant_id: int, file_id: UUID, *, at: datetime) -> UsageFile | None:
    """Judge a file that is received or held; leave every other one alone.

    Returns the file with its timeline, as it is once this is committed; None if it
    was rejected and its row was deleted, being one too many.
    """
    with judging(tenant_id):
        waiting = UsageFile.objects.filter(
            state__in=(FileState.RECEIVED, FileState.HELD)
        )
        file = waiting.select_related("tenant").filter(pk=file_id).first()
        if file is None:
            pending.end(file_id, at=at)  # somebody else has judged it, or decided
        else:
            judge(file, at=at)
        judged = file_queries.with_timeline().filter(pk=file_id).first()
    failpoints.reach("settle:committed")
    return judged


@contextmanager
def judging(tenant_id: int) -> Iterator[None]:
    """Open a unit of work that holds the tenant and in which files may be judged."""
    with unit_of_work.acting_for(tenant_id, holding=True):
        yield


def judge(file: UsageFile, *, at: datetime) -> None:
    """Judge a file that is received or held, in the running unit of work."""
    # Called by the reader, and again when the verdict is written.
    known_key = cache(_find_key)
    reading, totals = read_file.read_file(file, known_key)
    failpoints.reach("settle:examined")
    _apply(file, reading, totals, known_key=known_key, at=at)
    pending.end(file.pk, at=at)
    failpoints.reach("settle:judged")


def _find_key(server: str, signer: bytes) -> ServerKey | None:
    keys_of_server = ServerKey.objects.filter(
        server__in=file_queries.server_named(server)
    )
    return keys_of_server.select_related("server").filter(public=signer).first()


def _key_of(reading: Reading, known_key: FindSigningKey) -> ServerKey | None:
    header = reading.header
    return known_key(header.server, header.signer) if header is not None else None


def _apply(
    file: UsageFile,
    reading: Reading,
    totals: Totals | None,
    *,
    known_key: FindSigningKey,
    at: datetime,
) -> None:
    was = file.state
    problems = found_by_reader(reading.problems, _key_of(reading, known_key))
    if reading.outcome != Severity.REJECT and reading.header is not None:
        file.server = _server_of(file, reading.header, known_key=known_key, at=at)
        _copy_header(file, reading.header, totals)
        split_series.follow_predecessor(file)
        problems += _conflicts(file)
    problems = with_decisions(problems, file)
    outcome = worst(problems)
    file.settled_at = at
    file.problems = [problem.as_row() for problem in problems]
    if outcome == Severity.REJECT and was == FileState.RECEIVED:
        _reject(file)
    elif outcome in (Severity.REJECT, Severity.HOLD):
        # What was answered as held is kept, whatever a later judgement finds: only
        # a person may decide that it goes.
        file.state = FileState.HELD
        file.save(update_fields=_JUDGED_COLUMNS)
    else:
        _accept(file, at=at)
    if file.state != was:
        _audit(file, problems, at=at)
    if file.state != FileState.REJECTED:
        _send_signals(file, at=at)


def _copy_header(file: UsageFile, header: Header, totals: Totals | None) -> None:
    """Copy the header of a genuine file into its columns."""
    moved_to = (file.series, file.sequence) if file.said_series else None
    for field in _FROM_HEADER:
        setattr(file, field, getattr(header, field))
    if moved_to is not None:
        file.series, file.sequence = moved_to
    file.day = file.assigned_day or file.day
    if totals is not None:
        file.logins, file.users = totals.logins, totals.users


def _server_of(
    file: UsageFile, header: Header, *, known_key: FindSigningKey, at: datetime
) -> Server:
    """Find a genuine file's server; make it and its key known if they are new."""
    known = known_key(header.server, header.signer)
    if known is not None:
        return known.server
    server = file_queries.server_named(header.server).first()
    if server is None:
        server = Server.objects.create(
            tenant_id=file.tenant_id, name=header.server, created_at=at
        )
        signals.servers_changed.send(sender=Server, server=server, at=at)
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


def _send_signals(file: UsageFile, *, at: datetime) -> None:
    """Send the signal for a file, and for those that moved with it."""
    signals.file_changed.send(sender=UsageFile, file=file, at=at)
    if file.state in (FileState.ACCEPTED, FileState.HELD):
        for moved in split_series.move_successors(file):
            signals.file_changed.send(sender=UsageFile, file=moved, at=at)


def _accept(file: UsageFile, *, at: datetime) -> None:
    file.state = FileState.ACCEPTED
    file.save(update_fields=_JUDGED_COLUMNS)
    forward_queue.queue(file, file.tenant, at=at)


def _reject(file: UsageFile) -> None:
    stored_as, file.stored_as = file.stored_as, ""
    file.state = FileState.REJECTED
    file.save(update_fields=_JUDGED_COLUMNS)
    # The row comes first: bytes without a row may stay stored for a while, bytes
    # that a row names may not be gone.
    transaction.on_commit(lambda: store.release(stored_as))
    # Never this one: its verdict is just being answered.
    rejected = UsageFile.objects.filter(state=FileState.REJECTED)
    others = rejected.exclude(pk=file.pk).order_by("-received_at", "-pk")
    # As a rule none, or one: what is beyond the limit, not all that is within it.
    stale = list(others.values_list("pk", flat=True)[REJECTED_ROWS - 1 :])
    if stale:
        rejected.filter(pk__in=stale).delete()


def _audit(file: UsageFile, problems: Iterable[FoundProblem], *, at: datetime) -> None:
    audit_log.append(
        tenant_id=file.tenant_id,
        actor=receive.actor_of(file.how, file.sent_by),
        act=f"file-{file.state}",
        subject=str(file.pk),
        details={
            "name": file.name,
            "sha256": bytes(file.sha256).hex(),
            "problems": ", ".join(problem.code for problem in problems),
        },
        at=at,
    )
