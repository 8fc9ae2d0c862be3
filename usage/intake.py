"""A file arrives: bounded, hashed on its way, durable before anything is answered.

What `receive` has answered is on the disk and in a committed row. Until then there is
nothing but a spool file that vanishes with the request.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings
from django.db import OperationalError

from portal.db import unit_of_work
from portal.errors import Refused, Unavailable
from portal.health import failpoints
from usage import backlog, queries, regaining, store
from usage.models import KEPT, NAME_CHARACTERS, FileState, UsageFile

# Length of the signature at the end of a usage file: with the size it tells one file
# from another without reading all of it.
TAIL_BYTES = 64

# What a file is called when its name is nothing but marks that cannot be shown.
_NAMELESS = "unnamed"

# Format characters can hide or reorder what follows ("gsu.exe" read backwards).
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What is known of a file before its bytes are here.

    `size` in bytes and `sha256` are what the sender announced; `sha256` is None where
    the way in has no place for it. `received_at` is when the request reached us.
    `file_id` is the id that the file gets if its bytes are new here.
    """

    tenant_id: int
    name: str
    size: int
    sha256: bytes | None
    how: str
    sent_by: str
    received_at: datetime
    file_id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which row answers for the bytes; `is_new` False: it was here before.

    `is_nowhere`: it was, and nobody has its bytes any more.
    """

    file_id: UUID
    is_new: bool
    is_nowhere: bool = False


def shown_name(sent: str) -> str:
    """Return a file's name as it is kept and shown.

    A name is a label only: a file is known by its content. So none is refused; what
    is not part of a name, or would mislead who reads it, is left out.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", sent))[-1]
    shown = "".join(
        character
        for character in last[: 2 * NAME_CHARACTERS]
        if unicodedata.category(character) not in _UNSHOWABLE
    ).strip()
    return shown[:NAME_CHARACTERS] or _NAMELESS


def receive(arrival: Arrival, chunks: Iterable[bytes]) -> Receipt:
    """Take the bytes in and answer for them.

    Raises:
        Refused: too large, cut on its way, or not what was announced; nothing is
            kept.
        Unavailable: there is no room, or the tenant's lock is not to be had; nothing
            is kept.

    """
    if arrival.size > settings.MAX_FILE_BYTES:
        raise Refused("file-too-large", limit=settings.MAX_FILE_BYTES)
    with store.Spool() as spool:
        sha256, tail = _spool(arrival, chunks, spool)
        failpoints.reach("receive:spooled")
        return _keep(arrival, spool, sha256=sha256, tail=tail)


def _spool(
    arrival: Arrival, chunks: Iterable[bytes], spool: store.Spool
) -> tuple[bytes, bytes]:
    digest = hashlib.sha256()
    received, tail = 0, b""
    for chunk in chunks:
        received += len(chunk)
        if received > arrival.size:
            raise Refused("digest-differs")
        digest.update(chunk)
        spool.write(chunk)
        tail = (tail + chunk[-TAIL_BYTES:])[-TAIL_BYTES:]
    if received < arrival.size:
        raise Refused("body-cut", received=received, announced=arrival.size)
    sha256 = digest.digest()
    if arrival.sha256 and not hmac.compare_digest(sha256, arrival.sha256):
        raise Refused("digest-differs")
    return sha256, tail


def _keep(
    arrival: Arrival, spool: store.Spool, *, sha256: bytes, tail: bytes
) -> Receipt:
    """Make the bytes durable, then say so in a row.

    The bytes come first: a crash in between leaves a file that nobody was promised,
    never a promise without its file. The tenant's lock makes one of two requests
    with the same content wait and then find the other's row.
    """
    here = _find_kept(arrival.tenant_id, sha256)
    if here:
        if here.is_nowhere:
            _regain(arrival, spool, here)
        return here
    file_id = arrival.file_id
    stored_as = spool.keep(tenant_id=arrival.tenant_id, file_id=file_id)
    failpoints.reach("receive:kept")
    has_begun = False
    try:
        with unit_of_work.acting_for(arrival.tenant_id, holding=True):
            has_begun = True
            here = _note(arrival, file_id, stored_as, sha256=sha256, tail=tail)
            failpoints.reach("receive:noted")
    except OperationalError as error:
        if has_begun:
            raise  # what was committed is not known: the bytes stay
        # The wait for the tenant's lock has ended: nobody was promised anything.
        store.remove(stored_as)
        raise Unavailable("busy") from error
    if here is None:
        failpoints.reach("receive:committed")
        return Receipt(file_id, is_new=True)
    # The other request was first: its bytes are the ones that are answered for.
    store.remove(stored_as)
    return here


def _note(
    arrival: Arrival, file_id: UUID, stored_as: str, *, sha256: bytes, tail: bytes
) -> Receipt | None:
    """Write the row and its work down, or return the one that was here before."""
    here = _kept(sha256)
    if here is None:
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
        )
        backlog.add(file)
    return here


def _regain(arrival: Arrival, spool: store.Spool, here: Receipt) -> None:
    regaining.regain(
        spool,
        tenant_id=arrival.tenant_id,
        file_id=here.file_id,
        by=arrival.sent_by,
        at=arrival.received_at,
    )


def _find_kept(tenant_id: int, sha256: bytes) -> Receipt | None:
    with unit_of_work.acting_for(tenant_id, reading=True):
        return _kept(sha256)


def _kept(sha256: bytes) -> Receipt | None:
    kept = queries.with_life_line().filter(sha256=sha256, state__in=KEPT)
    file = kept.first()
    if file is None:
        return None
    return Receipt(file.pk, is_new=False, is_nowhere=queries.is_nowhere(file))
