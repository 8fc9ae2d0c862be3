"""Registers servers, and confirms the keys that they sign with."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import OperationalError
from django.db.models import QuerySet

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused
from usage import signals
from usage.files import queries as file_queries
from usage.models import FileState, KeyState, Server, ServerKey, UsageFile
from usage.uploads import judge, pending
from usage.usg import fingerprint

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JudgedFiles:
    """How many files that were held for a key are accepted now, or held still.

    The `unjudged` ones are in the queue, and are judged by a worker.
    """

    accepted: int
    held: int
    unjudged: int


@dataclass(frozen=True, slots=True)
class ConfirmedKey:
    """A key that is trusted, and what became of the files that were held for it."""

    key: ServerKey
    judged: JudgedFiles


def register(
    tenant_id: int, *, name: str, public: bytes, by: str, at: datetime
) -> ServerKey:
    """Add a server with a key that is trusted from the start; once is enough.

    In the running unit of work; the key's owner has handed it over in person. Files
    that were held for the key are judged once this is committed.

    Raises:
        Refused: the server's key is revoked, or was refused.

    """
    unit_of_work.hold_tenant(tenant_id)
    server = file_queries.server_named(name).first()
    if server is None:
        server = Server.objects.create(tenant_id=tenant_id, name=name, created_at=at)
        signals.servers_changed.send(sender=Server, server=server, at=at)
    key, is_new = ServerKey.objects.get_or_create(
        server=server,
        public=public,
        defaults={
            "tenant_id": tenant_id,
            "fingerprint": fingerprint(public),
            "state": KeyState.PROPOSED,
            "proposed_at": at,
        },
    )
    _require_current(key)
    if is_new or key.state == KeyState.PROPOSED:
        _confirm(key, by=by, at=at)
    return key


def confirm_key(
    tenant_id: int, *, server: str, key: str, by: str, at: datetime, reason: str = ""
) -> ConfirmedKey:
    """Trust a server's key, and judge the files that were held for it.

    Billing staff who do it on behalf of the tenant's people give a `reason`.

    Raises:
        Refused: the tenant has no such server or key, or the key has ended.

    """
    with unit_of_work.acting_for(tenant_id):
        unit_of_work.hold_tenant(tenant_id)
        found = (
            ServerKey.objects.select_related("server")
            .filter(server__in=file_queries.server_named(server), fingerprint=key)
            .first()
        )
        if found is None:
            raise Refused("not-found")
        _require_current(found)
        if found.state == KeyState.PROPOSED:
            _confirm(found, by=by, at=at, reason=reason)
    return ConfirmedKey(found, judge_held(found, at=at))


def _require_current(key: ServerKey) -> None:
    """Refuse a key that has ended.

    Raises:
        Refused: it is revoked, or was refused.

    """
    if key.state == KeyState.REVOKED:
        raise Refused("key-revoked")
    if key.state == KeyState.REFUSED:
        raise Refused("key-refused")


def judge_held(key: ServerKey, *, at: datetime) -> JudgedFiles:
    """Judge anew at once what was held for a key.

    Each file in its own unit of work: a month of them must not keep the tenant's
    lock. What fails here, or is left over, is in the queue since the key was
    decided on, and is judged by a worker.
    """
    with unit_of_work.acting_for(key.tenant_id, reading=True):
        waiting = list(
            _held_for(key)
            .order_by("sequence", "received_at")
            .values_list("pk", flat=True)
        )
    states: list[str | None] = []
    for file_id in waiting:
        try:
            file = judge.judge_file(key.tenant_id, file_id, at=at)
        except OperationalError as error:
            # The tenant's lock is not to be had: nor would it be for the next.
            logger.warning("The files held for %s have to wait: %s", key, error)
            break
        except Exception:
            logger.exception("The file %s could not be settled yet", file_id)
        else:
            states.append(file.state if file else None)
    return JudgedFiles(
        accepted=states.count(FileState.ACCEPTED),
        held=states.count(FileState.HELD),
        unjudged=len(waiting) - len(states),
    )


def _held_for(key: ServerKey) -> QuerySet[UsageFile]:
    return UsageFile.objects.filter(
        state=FileState.HELD, server=key.server_id, signer=key.public
    )


def _confirm(key: ServerKey, *, by: str, at: datetime, reason: str = "") -> None:
    key.state, key.decided_at, key.decided_by = KeyState.CONFIRMED, at, by[:200]
    key.save(update_fields=["state", "decided_at", "decided_by"])
    pending.reopen(_held_for(key), at=at)
    audit_log.append(
        tenant_id=key.tenant_id,
        actor=by,
        act="server-key-confirmed",
        subject=key.server.name,
        details={"key": key.fingerprint, **({"reason": reason} if reason else {})},
        at=at,
    )
