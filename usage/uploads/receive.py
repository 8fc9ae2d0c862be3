"""Receives a file: limits its size, hashes it and stores it durably.

When `receive` returns, the file is on the disk and in a committed row. Until then there
is only a spool file that vanishes with the request.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import OperationalError

from portal.accounts import tokens
from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from usage.files import queries as file_queries
from usage.files.names import shown_name
from usage.models import KEPT, FileState, How, UsageFile
from usage.storage import store
from usage.storage.spool import Spool
from usage.uploads import pending, quota, restore_bytes
from usage.usg import peek
from usage.usg.layout import PRELUDE
from usage.usg.limits import DEFAULT_LIMITS

# Length of the signature at the end of a usage file: with the size it identifies a
# file without reading all of it.
TAIL_BYTES = 64

# The start of a file that has its whole header.
_HEAD_BYTES = DEFAULT_LIMITS.header_bytes + PRELUDE.size


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFile:
    """Facts of a file before its bytes are received.

    `size` in bytes and `sha256` are what the sender announced; `sha256` is None where
    the way in cannot carry it. `received_at` is when the request reached us.
    `file_id` is the id that the file gets if its bytes are new here; `upload` is the
    key of the upload that it is a part of, if the sender names one. `token_id` is the
    API token of the sender, and `only_server` the only server whose files it may send;
    None and empty without a token or such a limit.
    """

    tenant_id: int
    name: str
    size: int
    sha256: bytes | None
    how: str
    sent_by: str
    received_at: datetime
    file_id: UUID = field(default_factory=uuid4)
    upload: UUID | None = None
    token_id: int | None = None
    only_server: str = ""


@dataclass(frozen=True, slots=True)
class ReceivedFile:
    """The file whose row has the bytes; `is_new` False: it was here before.

    `is_nowhere`: it was, and nobody has its bytes any more.
    """

    file_id: UUID
    is_new: bool
    is_nowhere: bool = False


def actor_of(how: str, sent_by: str) -> str:
    """Return who sent a file, for the trail: of the staff the person alone."""
    if how != How.FORM:
        return sent_by  # customers choose the names of tokens
    return sent_by.removesuffix(audit_log.FOR_CUSTOMER)


def receive(arrival: IncomingFile, chunks: Iterable[bytes]) -> ReceivedFile:
    """Store the bytes durably with a row, or find the file that has them.

    Raises:
        Refused: too large, cut on its way, not what was announced, of another server
            than the token is for, by a token that was revoked meanwhile, or too much
            is waiting; nothing is kept.
        Unavailable: there is no room, or the tenant's lock is not to be had; nothing
            is kept.

    """
    if arrival.size > settings.MAX_FILE_BYTES:
        raise Refused("file-too-large", limit=settings.MAX_FILE_BYTES)
    if arrival.sha256 is not None or arrival.how == How.INBOX:
        # The bytes of a form are on this machine already.
        quota.require_before_body(
            arrival.tenant_id, size=arrival.size, sha256=arrival.sha256
        )
    with Spool() as spool:
        sha256, tail = _spool(arrival, chunks, spool)
        failpoints.reach("receive:spooled")
        return _keep(arrival, spool, sha256=sha256, tail=tail)


def _spool(
    arrival: IncomingFile, chunks: Iterable[bytes], spool: Spool
) -> tuple[bytes, bytes]:
    digest = hashlib.sha256()
    received, head, tail = 0, b"", b""
    for chunk in chunks:
        received += len(chunk)
        if received > arrival.size:
            raise Refused("digest-differs")
        digest.update(chunk)
        spool.write(chunk)
        tail = (tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
        if len(head) < _HEAD_BYTES:
            head += chunk[:_HEAD_BYTES]
    if received < arrival.size:
        raise Refused("body-cut", received=received, announced=arrival.size)
    sha256 = digest.digest()
    if arrival.sha256 and not hmac.compare_digest(sha256, arrival.sha256):
        raise Refused("digest-differs")
    _require_server(arrival, head)
    return sha256, tail


def _require_server(arrival: IncomingFile, head: bytes) -> None:
    """Refuse a file of another server than the sender's token is for.

    The header is not verified yet. One that names the token's server and is not its
    own does not fit its signature, and is rejected as any other forgery.
    """
    if not arrival.only_server:
        return
    header = peek(head)
    if header and header.server.casefold() != arrival.only_server.casefold():
        raise Refused("token-server")


def _keep(
    arrival: IncomingFile, spool: Spool, *, sha256: bytes, tail: bytes
) -> ReceivedFile:
    """Make the bytes durable, then commit their row.

    The bytes come first: a crash in between leaves a file that nobody was promised,
    never a promise without its file. The tenant's lock makes one of two requests
    with the same content wait and then find the other's row.
    """
    here = _find_kept(arrival.tenant_id, sha256)
    if here:
        if here.is_nowhere:
            _restore(arrival, spool, here)
        return here
    file_id = arrival.file_id
    stored_as = spool.keep(tenant_id=arrival.tenant_id, file_id=file_id)
    failpoints.reach("receive:kept")
    has_begun = False
    try:
        with unit_of_work.acting_for(arrival.tenant_id, holding=True):
            has_begun = True
            here = _write_row(arrival, file_id, stored_as, sha256=sha256, tail=tail)
            failpoints.reach("receive:noted")
    except OperationalError as error:
        if has_begun:
            raise  # what was committed is not known: the bytes stay
        # The wait for the tenant's lock has ended: nobody was promised anything.
        store.release(stored_as)
        raise Unavailable("busy") from error
    if here is None:
        failpoints.reach("receive:committed")
        return ReceivedFile(file_id, is_new=True)
    # The other request was first: its row names its own bytes.
    store.release(stored_as)
    return here


def _write_row(
    arrival: IncomingFile, file_id: UUID, stored_as: str, *, sha256: bytes, tail: bytes
) -> ReceivedFile | None:
    """Add the row and its job, or return the row that was here before."""
    here = _kept(sha256)
    if here is None:
        _require_allowed(arrival, stored_as)
        file = UsageFile.objects.create(
            id=file_id,
            tenant_id=arrival.tenant_id,
            state=FileState.RECEIVED,
            name=shown_name(arrival.name),
            size=arrival.size,
            sha256=sha256,
            tail=tail,
            how=arrival.how,
            sent_by=arrival.sent_by,
            received_at=arrival.received_at,
            stored_as=stored_as,
            sent_in=arrival.upload,
        )
        pending.add(file)
    return here


def _require_allowed(arrival: IncomingFile, stored_as: str) -> None:
    """Require what may have changed while the body was read; else drop its bytes."""
    try:
        if arrival.token_id is not None:
            tokens.require_not_revoked(arrival.token_id)
        quota.require_room(arrival.size)
    except Refused:
        # No row names them.
        store.release(stored_as)
        raise


def _restore(arrival: IncomingFile, spool: Spool, here: ReceivedFile) -> None:
    restore_bytes.restore(
        spool,
        tenant_id=arrival.tenant_id,
        file_id=here.file_id,
        by=actor_of(arrival.how, arrival.sent_by),
        at=arrival.received_at,
    )


def _find_kept(tenant_id: int, sha256: bytes) -> ReceivedFile | None:
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _kept(sha256)


def _kept(sha256: bytes) -> ReceivedFile | None:
    kept = file_queries.with_timeline().filter(sha256=sha256, state__in=KEPT)
    file = kept.first()
    if file is None:
        return None
    return ReceivedFile(
        file.pk, is_new=False, is_nowhere=file_queries.has_no_bytes(file)
    )
