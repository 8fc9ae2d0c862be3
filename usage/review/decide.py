"""Decides what no rule can: a file's day, and which of two files counts.

Each decision is one transaction under the tenant's lock, with a reason, and is
recorded in the audit trail. It is made for the files that are there at that moment: of
two people who decide at once, the second is refused as too late.
"""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from portal.approvals import required
from portal.audit import log as audit_log
from portal.errors import Refused
from usage import signals
from usage.files import problems
from usage.forwarding import queue as forward_queue
from usage.models import FileState, UsageFile
from usage.review import queries as review_queries
from usage.uploads import judge, pending, split_series
from usage.usg.limits import OLDEST_AGE

_NOTED = ("decided_at", "decided_by", "decision_reason")

# A file can be received when its day has begun in other zones only.
_AHEAD = timedelta(days=1)


def assign_day(
    tenant_id: int, *, file_id: UUID, day: date, by: str, at: datetime, reason: str
) -> UsageFile:
    """Assign its day to a file whose clock or zone is implausible.

    It is accepted, unless something else holds it too; then it stays held.

    Raises:
        Refused: nothing of its time is to be decided (any more), the day cannot be
            meant, there is no reason, or no such file.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        file = _held(file_id)
        if not problems.OF_ITS_TIME.intersection(problems.holding(file.problems)):
            raise Refused("decided-already")
        _check_day(file, day)
        former_day = file.day
        file.assigned_day = day
        _note(file, by=by, at=at, reason=reason)
        file.save(update_fields=("assigned_day", *_NOTED))
        details = {"day": str(day), "said": str(former_day)}
        _audit(file, act="day-assigned", details=details)
        judge.judge(file, at=at)
    return file


def accept_signature(
    tenant_id: int, *, file_id: UUID, by: str, at: datetime, reason: str
) -> UsageFile:
    """Decide that a file is genuine although its key is revoked or was refused.

    It is accepted, unless something else holds it too; then it stays held.

    Raises:
        Refused: nothing of its key is to be decided (any more), there is no reason, or
            no such file.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        file = _held(file_id)
        if not problems.OF_ITS_KEY.intersection(problems.holding(file.problems)):
            raise Refused("decided-already")
        file.is_signer_accepted = True
        _note(file, by=by, at=at, reason=reason)
        file.save(update_fields=("is_signer_accepted", *_NOTED))
        _audit(file, act="signature-accepted", details={})
        judge.judge(file, at=at)
    return file


def refuse(
    tenant_id: int, *, file_id: UUID, by: str, at: datetime, reason: str
) -> UsageFile:
    """Decide that a file does not count. Its row and its bytes are kept.

    A held file, or an accepted one whose key is revoked now: somebody else may have
    signed it. A held file with the number of that one is judged anew.

    Raises:
        Refused: it is neither (any more), there is no reason, or no such file.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        file = _found(file_id)
        if not review_queries.may_be_refused(file):
            raise Refused("decided-already")
        has_counted = file.state == FileState.ACCEPTED
        _refuse(file, by=by, at=at, reason=reason)
        if has_counted:
            _reopen_rival(file, at=at)
    return file


def choose(
    tenant_id: int,
    *,
    file_id: UUID,
    seen: Collection[UUID],
    by: str,
    at: datetime,
    reason: str,
) -> UsageFile:
    """Choose one of several files with one number, and refuse the others.

    `seen` are the files that were shown to whoever decides, the chosen one among
    them: if there are others by now, the choice is refused.

    Raises:
        Refused: it is decided (by now), the chosen one waits for something else too,
            there is no reason, or no such file.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        chosen = _found(file_id)
        rivals = review_queries.rivals(chosen)
        if len(rivals) < 2 or {one.pk for one in rivals} != set(seen):  # noqa: PLR2004 - a choice is between two
            raise Refused("decided-already")
        chosen = next(one for one in rivals if one.pk == file_id)
        # 1. The others first: the number has to be free.
        for other in rivals:
            if other.pk != file_id:
                _refuse(other, by=by, at=at, reason=reason)
        # 2. What was held is judged as if it had come alone.
        _note(chosen, by=by, at=at, reason=reason)
        chosen.save(update_fields=_NOTED)
        if chosen.state == FileState.HELD:
            judge.judge(chosen, at=at)
            if chosen.state != FileState.ACCEPTED:
                raise Refused("waits-for-more")
        details = {"refused": len(rivals) - 1, "sequence": chosen.sequence}
        _audit(chosen, act="conflict-decided", details=details)
    return chosen


def keep_both(
    tenant_id: int,
    *,
    file_id: UUID,
    seen: Collection[UUID],
    by: str,
    at: datetime,
    reason: str,
) -> UsageFile:
    """Let a held file count beside the one that has its number, and what follows it.

    It begins a chain of its own, and every file that names it as its predecessor, or
    one of those, goes along, also one that comes later.

    Raises:
        Refused: as for `choose`; also if the file is not held.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        file = _held(file_id)
        rivals = review_queries.rivals(file)
        if len(rivals) < 2 or {one.pk for one in rivals} != set(seen):  # noqa: PLR2004 - a conflict is between two
            raise Refused("decided-already")
        number = file.sequence
        split_series.begin_series(file)
        _note(file, by=by, at=at, reason=reason)
        file.save(update_fields=(*split_series.PLACED, *_NOTED))
        judge.judge(file, at=at)
        if file.state != FileState.ACCEPTED:
            raise Refused("waits-for-more")
        _audit(file, act="chain-begun", details={"sequence": number})
    return file


def reopen(
    tenant_id: int, *, file_id: UUID, by: str, at: datetime, reason: str
) -> UsageFile:
    """Revoke a refusal: the file is judged as if it had been held all the time.

    Raises:
        Refused: it is not refused (any more), there is no reason, or no such file.

    """
    reason = required(reason)
    with judge.judging(tenant_id):
        file = _found(file_id)
        if file.state != FileState.REFUSED:
            raise Refused("decided-already")
        file.state = FileState.HELD
        _note(file, by=by, at=at, reason=reason)
        file.save(update_fields=("state", *_NOTED))
        _audit(file, act="file-reopened", details={})
        judge.judge(file, at=at)
    return file


def _found(file_id: UUID) -> UsageFile:
    file = UsageFile.objects.select_related("server").filter(pk=file_id).first()
    if file is None:
        raise Refused("not-found")
    return file


def _held(file_id: UUID) -> UsageFile:
    file = _found(file_id)
    if file.state != FileState.HELD:
        raise Refused("decided-already")
    return file


def _check_day(file: UsageFile, day: date) -> None:
    received_on = file.received_at.astimezone(UTC).date()
    if not received_on - OLDEST_AGE <= day <= received_on + _AHEAD:
        raise Refused("day-implausible", day=str(day))


def _refuse(file: UsageFile, *, by: str, at: datetime, reason: str) -> None:
    was = file.state
    file.state = FileState.REFUSED
    _note(file, by=by, at=at, reason=reason)
    file.save(update_fields=("state", *_NOTED))
    forward_queue.withdraw(file, at=at)
    signals.file_changed.send(sender=UsageFile, file=file, at=at)
    _audit(file, act="file-refused", details={"was": was})


def _reopen_rival(file: UsageFile, *, at: datetime) -> None:
    """Have the only other file with a refused one's number judged anew.

    Without the file that has counted nothing is left to choose from, and the other one
    would be held for good. Of several, staff choose one.
    """
    rivals = review_queries.rivals(file)
    if len(rivals) == 1:
        held = UsageFile.objects.filter(pk=rivals[0].pk, state=FileState.HELD)
        pending.reopen(held, at=at)


def _note(file: UsageFile, *, by: str, at: datetime, reason: str) -> None:
    file.decided_at, file.decided_by, file.decision_reason = at, by[:200], reason


def _audit(
    file: UsageFile, *, act: str, details: Mapping[str, audit_log.Detail]
) -> None:
    about = {"name": file.name, "sha256": bytes(file.sha256).hex()}
    audit_log.append(
        tenant_id=file.tenant_id,
        actor=file.decided_by,
        act=act,
        subject=str(file.pk),
        details={**about, **details, "reason": file.decision_reason},
        at=file.decided_at or file.received_at,
    )
