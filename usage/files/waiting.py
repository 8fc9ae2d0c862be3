"""Counts files without a final verdict by what they wait for."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from operator import itemgetter

from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Value, When

from usage.models import FileState, KeyState, ServerKey, UsageFile
from usage.usg import Code


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFiles:
    """Files of one tenant that wait.

    `to_confirm` for a tenant admin to confirm the key of a server, by the server's
    name; `held` for a decision of the billing team; `received` for the portal's check.
    """

    to_confirm: Mapping[str, int] = field(default_factory=dict)
    held: int = 0
    received: int = 0


NO_FILES = WaitingFiles()

# What a file waits for.
_KEY, _DECISION, _CHECK = "key", "decision", "check"

_FOR_KEY = Q(state=FileState.HELD, problems__contains=[{"code": Code.SIGNER_UNKNOWN}])

# A file whose key was confirmed meanwhile is judged again by itself.
_IS_CONFIRMED = Exists(
    ServerKey.objects.filter(
        server=OuterRef("server"),
        public=OuterRef("signer"),
        state=KeyState.CONFIRMED,
    )
)


def files_for_key() -> QuerySet[UsageFile]:
    """Return the files that are held until a tenant admin confirms a server key."""
    return UsageFile.objects.filter(_FOR_KEY).exclude(_IS_CONFIRMED)


def waiting_files(
    tenant_ids: Collection[int], first: date, last: date
) -> dict[int, WaitingFiles]:
    """Count the files that days may wait for, by tenant; omit tenants without any.

    Counts the files of these days. For a tenant without any it counts all, because a
    file of another day can prove that a day is complete. Received files have no day
    yet, and always count. In the unit of work of a tenant, or of the staff. One query,
    by an index of waiting files.
    """
    is_within = Q(state=FileState.RECEIVED) | Q(day__gte=first, day__lte=last)
    rows = (
        UsageFile.objects.filter(
            tenant__in=tenant_ids, state__in=(FileState.RECEIVED, FileState.HELD)
        )
        .annotate(
            is_within=Case(When(is_within, then=True), default=False),
            waits_for=Case(
                When(state=FileState.RECEIVED, then=Value(_CHECK)),
                When(_FOR_KEY & _IS_CONFIRMED, then=Value(_CHECK)),
                When(_FOR_KEY, then=Value(_KEY)),
                default=Value(_DECISION),
            ),
        )
        .values_list("tenant_id", "is_within", "server__name", "waits_for")
        .annotate(files=Count("pk"))
        .order_by("tenant_id", "-is_within", "server__name")
    )
    found: dict[int, WaitingFiles] = {}
    for tenant_id, own in groupby(rows, key=itemgetter(0)):
        # Files of these days come first.
        _, nearest = next(groupby(own, key=itemgetter(1)))
        found[tenant_id] = _sum([row[2:] for row in nearest])
    return found


def _sum(rows: Sequence[tuple[str | None, str, int]]) -> WaitingFiles:
    """Add up counts by server and by what the files wait for."""
    counts: Counter[str] = Counter()
    for _, waits_for, files in rows:
        counts[waits_for] += files
    return WaitingFiles(
        to_confirm={
            server or "": files for server, what, files in rows if what == _KEY
        },
        held=counts[_DECISION],
        received=counts[_CHECK],
    )
