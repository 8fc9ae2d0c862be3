"""Invariants of keys: what a revoked key signed, and which sealing keys are in use."""

from django.db.models import CharField, Exists, OuterRef
from django.db.models.functions import Cast

from portal.health.invariants import (
    MOST_REPORTED,
    Finding,
    Findings,
    Invariant,
    InvariantScope,
)
from portal.models import AuditEntry
from usage.files import key_queries
from usage.models import KeyState, SealingKey, ServerKey


def _a_revoked_key_counts_no_more(scope: InvariantScope) -> Findings:
    with scope.reading():
        keys = ServerKey.objects.filter(state=KeyState.REVOKED)
        for key in keys.select_related("server").order_by("pk"):
            yield from _accepted_afterwards(key)


def _accepted_afterwards(key: ServerKey) -> Findings:
    """Yield the files that the portal accepted by itself after a key was revoked.

    The order is that of the audit trail: the tenant's lock makes one order of all its
    entries, whatever their instants are.
    """
    revoked = AuditEntry.objects.filter(
        act="server-key-revoked",
        subject=key.server.name,
        details__key=key.fingerprint,
    )
    number = revoked.values_list("number", flat=True).first()
    if number is None:
        subject = f"the key {key.fingerprint} of {key.server.name}"
        yield Finding(subject, "is revoked without an audit entry")
        return
    later = AuditEntry.objects.filter(
        act="file-accepted",
        subject=Cast(OuterRef("pk"), CharField()),
        number__gt=number,
    )
    files = key_queries.accepted_since(key).filter(
        Exists(later), is_signer_accepted=False
    )
    for file in files[:MOST_REPORTED]:
        text = "is accepted, and its key was revoked before"
        yield Finding(f"{file.name} ({file.pk}, {file.state})", text)


def _one_sealing_key_is_in_use(scope: InvariantScope) -> Findings:
    with scope.reading():
        keys = SealingKey.objects.all()
        if keys.exists() and not keys.filter(retired_at=None).exists():
            yield Finding("the set-up", "has no sealing key: all are retired")


INVARIANTS = (
    Invariant(
        name="a-revoked-key-counts-no-more",
        sentence="After a key is revoked, later files of it count by decision only.",
        check=_a_revoked_key_counts_no_more,
    ),
    Invariant(
        name="one-sealing-key-is-in-use",
        sentence="A tenant that has sealing keys has one that is not retired.",
        check=_one_sealing_key_is_in_use,
    ),
)
