"""Counts how the files of uploads ended, and why; in the caller's unit of work."""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Count,
    F,
    Min,
    SmallIntegerField,
    Value,
    When,
)
from django.db.models.fields.json import KT
from django.db.models.functions import Cast

from usage.models import Upload
from usage.uploads import queries as upload_queries
from usage.uploads.queries import BAD

# The code of the first problem of a file.
_FIRST_CODE = "problems__0__code"


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Number of files of an upload with the same outcome and reason.

    For a bad outcome, `code` and `status` are those of `UploadItem`, and `example` is
    the id of one of the files, None if the portal has none of them. For other outcomes
    all three are empty.
    """

    outcome: str
    code: str
    status: int | None
    count: int
    example: UUID | None


def count_reasons(uploads: Collection[Upload]) -> dict[UUID, list[ReasonCount]]:
    """Count the files of each upload by outcome and reason, by the upload's key."""
    found: dict[UUID, list[ReasonCount]] = {one.key: [] for one in uploads}
    items: Any = upload_queries.reported_items(uploads)
    files: Any = upload_queries.unreported(uploads).annotate(
        end=F("state"), first=KT(_FIRST_CODE)
    )
    rows: Any = chain(
        items.annotate(
            why=_if_bad("code", ""), answer=_if_bad("status", None), one=_id("file")
        )
        .values_list("upload__key", "end", "why", "answer")
        .annotate(files=Count("pk"), example=Min("one")),
        files.annotate(why=_if_bad("first", ""), one=_id("pk"))
        .values_list("sent_in", "end", "why", _no_status())
        .annotate(files=Count("pk"), example=Min("one")),
    )
    for key, end, code, status, count, example in rows:
        one = UUID(example) if example else None
        found[key].append(ReasonCount(end, code or "", status, count, one))
    return found


def _if_bad(field: str, other: str | None) -> Case:
    """Return a column that is empty for good outcomes, so that they count together."""
    output = SmallIntegerField() if other is None else CharField()
    default = Value(other, output_field=output)
    return Case(When(end__in=BAD, then=F(field)), default=default, output_field=output)


def _id(field: str) -> Case:
    """Return an id as text for bad outcomes: PostgreSQL has no min() of UUIDs."""
    return Case(
        When(end__in=BAD, then=Cast(field, CharField())), output_field=CharField()
    )


def _no_status() -> Value:
    return Value(None, output_field=SmallIntegerField())
