"""Ends the trust in keys that servers sign with: revokes and refuses them.

An ended key never counts again; the server needs a new one. No file changes its state
here: what was accepted stays accepted, and what is held stays held until billing staff
decide about it (`usage.review.decide`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from portal.approvals import required
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from usage.files import key_queries
from usage.models import FileState, KeyState, ServerKey
from usage.servers.keys import JudgedFiles, judge_held
from usage.uploads import pending


@dataclass(frozen=True, slots=True)
class EndedKey:
    """A key that has ended, and the accepted files that are signed with it.

    `held` is how many files were held for it, or are held from now on. `judged` are
    those of them that were judged anew.
    """

    key: ServerKey
    accepted: key_queries.SignedFiles
    held: int
    judged: JudgedFiles


def revoke_key(
    tenant_id: int,
    *,
    key_id: int,
    revoked_from: datetime | None = None,
    by: str,
    at: datetime,
    reason: str,
) -> EndedKey:
    """Revoke a confirmed key for all files received from an instant on.

    `revoked_from` is `at` unless an earlier instant is given. Accepted files that were
    received since stay accepted; `key_queries` lists them.

    Raises:
        Refused: the key is not confirmed (any more), the instant is a later one, there
            is no reason, or the tenant has no such key.

    """
    reason = required(reason)
    since = at if revoked_from is None else revoked_from
    if since > at:
        raise Refused("revocation-ahead")
    with unit_of_work.acting_for(tenant_id, holding=True):
        ended = {"state": KeyState.REVOKED, "revoked_from": since}
        key = _end(key_id, KeyState.CONFIRMED, ended, by=by, at=at, reason=reason)
        accepted = key_queries.count_accepted(key)
        held = _reopen_held(key, at=at)
        _audit(
            key,
            "server-key-revoked",
            {
                "from": since.isoformat(),
                "accepted": accepted.all,
                "received-since": accepted.since,
            },
        )
    return EndedKey(key, accepted, held, judge_held(key, at=at))


def refuse_key(
    tenant_id: int, *, key_id: int, by: str, at: datetime, reason: str
) -> EndedKey:
    """Refuse a proposed key; the files that are held for it wait for billing staff.

    Raises:
        Refused: the key is not proposed (any more), there is no reason, or the tenant
            has no such key.

    """
    reason = required(reason)
    with unit_of_work.acting_for(tenant_id, holding=True):
        ended = {"state": KeyState.REFUSED}
        key = _end(key_id, KeyState.PROPOSED, ended, by=by, at=at, reason=reason)
        accepted = key_queries.count_accepted(key)
        held = _reopen_held(key, at=at)
        _audit(key, "server-key-refused", {"held": held})
    return EndedKey(key, accepted, held, judge_held(key, at=at))


def _end(
    key_id: int,
    expected: KeyState,
    changes: Mapping[str, object],
    *,
    by: str,
    at: datetime,
    reason: str,
) -> ServerKey:
    """End a key on condition that it is still in the expected state."""
    keys = ServerKey.objects.filter(pk=key_id)
    ended = {**changes, "ended_at": at, "ended_by": by[:200], "end_reason": reason}
    if not keys.filter(state=expected).update(**ended):
        raise Refused("decided-already" if keys.exists() else "not-found")
    return keys.select_related("server").get()


def _reopen_held(key: ServerKey, *, at: datetime) -> int:
    """Have the held files of a key judged again; return how many are held."""
    files = key_queries.files_of(key).filter(state=FileState.HELD)
    pending.reopen(files, at=at)
    return files.count()


def _audit(key: ServerKey, act: str, details: Mapping[str, audit_log.Detail]) -> None:
    about = {"key": key.fingerprint, **details, "reason": key.end_reason}
    audit_log.append(
        tenant_id=key.tenant_id,
        actor=key.ended_by,
        act=act,
        subject=key.server.name,
        details=about,
        at=key.ended_at or key.proposed_at,
    )
