"""Invariants of files, their jobs and audit trail; reads database rows alone."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from django.db.models import (
    CharField,
    Count,
    Exists,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    UUIDField,
)
from django.db.models.functions import Cast

from portal.accounts.token_sign_in import EXACT_TO
from portal.health.invariants import (
    MOST_REPORTED,
    Finding,
    Findings,
    Invariant,
    InvariantScope,
)
from portal.jobs.queue import JobState
from portal.models import ApiToken, AuditEntry
from usage.forwarding.queue import SUPERSEDED
from usage.maintenance import invariants_of_bytes, invariants_of_keys
from usage.models import KEPT, FileState, Forwarding, How, Settling, UsageFile

# The acts of the trail that change a file's state, and to what.
_BECOMES: Mapping[str, str] = {
    "file-accepted": FileState.ACCEPTED,
    "file-held": FileState.HELD,
    "file-rejected": FileState.REJECTED,
    "file-refused": FileState.REFUSED,
    "file-reopened": FileState.HELD,
}

# Every change there may be: by a verdict, or by a decision of billing staff.
_MAY_BECOME: Mapping[str, frozenset[str]] = {
    FileState.RECEIVED: frozenset(
        {FileState.ACCEPTED, FileState.HELD, FileState.REJECTED}
    ),
    FileState.HELD: frozenset({FileState.ACCEPTED, FileState.REFUSED}),
    FileState.ACCEPTED: frozenset({FileState.REFUSED}),
    FileState.REFUSED: frozenset({FileState.HELD}),
    FileState.REJECTED: frozenset(),
}

# How files are named as sent with a token, before its name.
_SENT_WITH = "token "

# Rows of a trail that are fetched at a time.
_CHUNK = 2_000


def _one_file_for_a_content(scope: InvariantScope) -> Findings:
    kept = UsageFile.objects.filter(state__in=KEPT).values("sha256")
    with scope.reading():
        for row in _repeated(kept):
            subject = f"the content {bytes(row['sha256']).hex()}"
            yield Finding(subject, f"is kept by {row['rows']} files")


def _one_file_for_a_number(scope: InvariantScope) -> Findings:
    accepted = UsageFile.objects.filter(state=FileState.ACCEPTED)
    numbers = accepted.values("server__name", "series", "sequence")
    with scope.reading():
        for row in _repeated(numbers):
            subject = (
                f"number {row['sequence']} of {row['server__name']}, series"
                f" {row['series']},"
            )
            yield Finding(subject, f"is accepted in {row['rows']} files")


def _repeated(values: "QuerySet[UsageFile, Any]") -> Iterable[Any]:
    counted = values.annotate(rows=Count("pk")).order_by().filter(rows__gt=1)
    return counted[:MOST_REPORTED]


def _accepted_files_are_forwarded(scope: InvariantScope) -> Findings:
    rows = Forwarding.objects.filter(file=OuterRef("pk"))
    accepted = UsageFile.objects.filter(state=FileState.ACCEPTED)
    others = Forwarding.objects.exclude(file__state=FileState.ACCEPTED)
    with scope.reading():
        without = accepted.filter(~Exists(rows))
        yield from _of_files(without, "is accepted and has no forward row")
        withdrawn = rows.filter(state=JobState.FAILED, problem=SUPERSEDED)
        idle = accepted.filter(Exists(withdrawn))
        yield from _of_files(idle, "is accepted, and withdrawn from forwarding")
        waiting = others.filter(state=JobState.WAITING).values("file")
        still = UsageFile.objects.filter(pk__in=waiting)
        yield from _of_files(still, "is not accepted, and waits to be forwarded")


def _received_files_wait_to_be_judged(scope: InvariantScope) -> Findings:
    open_rows = Settling.objects.filter(file=OuterRef("pk")).exclude(
        state=JobState.DONE
    )
    received = UsageFile.objects.filter(state=FileState.RECEIVED)
    with scope.reading():
        left = received.filter(~Exists(open_rows))
        yield from _of_files(left, "is received, and no work is left that settles it")


def _of_files(files: "QuerySet[UsageFile]", text: str) -> Findings:
    for file in files.order_by("pk")[:MOST_REPORTED]:
        yield Finding(subject_of(file), text)


def subject_of(file: UsageFile) -> str:
    return f"{file.name} ({file.pk}, {file.state})"


def _only_listed_changes(scope: InvariantScope) -> Findings:
    """Walk each file's entries, which are read in one statement with its state."""
    with scope.reading():
        for subject, steps in groupby(_steps(), key=lambda step: step[0]):
            for before, after in _pairs(act for _, act, _ in steps):
                if after not in _MAY_BECOME[before]:
                    text = f"went from {before} to {after}"
                    yield Finding(f"the file {subject}", text)


def _state_matches_the_trail(scope: InvariantScope) -> Findings:
    with scope.reading():
        for subject, steps in groupby(_steps(), key=lambda step: step[0]):
            *_, (_, act, state) = steps
            logged = _BECOMES[act]
            # Rows of rejected files go when there are too many of them.
            if state != logged and not (state is None and logged == FileState.REJECTED):
                is_now = state or "gone"
                yield Finding(
                    f"the file {subject}", f"is {is_now}; its trail: {logged}"
                )
        unlogged = UsageFile.objects.exclude(state=FileState.RECEIVED).filter(
            ~Exists(_entries().filter(subject=Cast(OuterRef("pk"), CharField())))
        )
        yield from _of_files(unlogged, "has changed its state without an audit entry")


def _entries() -> "QuerySet[AuditEntry]":
    # A subject of another form is no file's, and could not be cast.
    return AuditEntry.objects.filter(
        act__in=_BECOMES, subject__regex=r"^[0-9a-f-]{36}$"
    )


def _steps() -> Iterator[tuple[str, str, str | None]]:
    """Yield subject, act, and the file's state now, in order for each file."""
    now = UsageFile.objects.filter(pk=Cast(OuterRef("subject"), UUIDField()))
    rows = _entries().annotate(now=Subquery(now.values("state")))
    in_order = rows.order_by("subject", "number").values_list("subject", "act", "now")
    return in_order.iterator(chunk_size=_CHUNK)


def _pairs(acts: Iterable[str]) -> Iterator[tuple[str, str]]:
    before: str = FileState.RECEIVED
    for act in acts:
        yield before, _BECOMES[act]
        before = _BECOMES[act]


def _unended_work(scope: InvariantScope) -> Findings:
    has_ended = Q(ended_at__isnull=False)
    for model in (Settling, Forwarding):
        with scope.reading():
            odd = model._default_manager.filter(
                (Q(state=JobState.WAITING) & has_ended)
                | (~Q(state=JobState.WAITING) & (~has_ended | ~Q(lease=None)))
            )
            for pk, state in odd.values_list("pk", "state")[:MOST_REPORTED]:
                subject = f"{model._meta.verbose_name} {pk}"
                yield Finding(subject, f"is {state}, but its other columns differ")


def _token_use_is_recorded(scope: InvariantScope) -> Findings:
    """Compare tokens with the files that were sent with them, by their name.

    A token and its successors have the same name. A file with the name of a token that
    was never issued here came another way.
    """
    with scope.reading():
        used = dict(ApiToken.objects.values_list("name").annotate(Max("last_used_at")))
        of_api = UsageFile.objects.filter(how=How.API, sent_by__startswith=_SENT_WITH)
        for sent_by, received_at in of_api.values_list("sent_by").annotate(
            Max("received_at")
        ):
            name = sent_by.removeprefix(_SENT_WITH)
            last = used.get(name)
            if name in used and (last is None or received_at - last > EXACT_TO):
                yield Finding(f"the token {name}", "has sent files after its last use")


INVARIANTS = (
    *invariants_of_bytes.INVARIANTS,
    *invariants_of_keys.INVARIANTS,
    Invariant(
        name="one-file-for-a-content",
        sentence="A tenant keeps a content once.",
        check=_one_file_for_a_content,
    ),
    Invariant(
        name="one-file-for-a-number",
        sentence="A number of a server and series is accepted once.",
        check=_one_file_for_a_number,
    ),
    Invariant(
        name="accepted-files-are-forwarded",
        sentence="Every accepted file is forwarded or waits for it; no other waits.",
        check=_accepted_files_are_forwarded,
    ),
    Invariant(
        name="received-files-wait-to-be-settled",
        sentence="Every file that is only received has work that will settle it.",
        check=_received_files_wait_to_be_judged,
    ),
    Invariant(
        name="only-listed-changes",
        sentence="A file's state changes in the listed ways only.",
        check=_only_listed_changes,
    ),
    Invariant(
        name="states-are-in-the-trail",
        sentence="A file's state is the one that its last audit entry tells of.",
        check=_state_matches_the_trail,
    ),
    Invariant(
        name="work-agrees-with-itself",
        sentence="Work that has ended says when and is nobody's; other work has not.",
        check=_unended_work,
    ),
    Invariant(
        name="token-use-is-recorded",
        sentence="The last use of a token is not before the last file sent with it.",
        check=_token_use_is_recorded,
    ),
)
