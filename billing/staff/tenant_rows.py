"""Renders the rows of the list of tenants, each once until something in it changes."""

from collections.abc import Iterable
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from usage.files.staff_queries import TenantRow

# A row takes about a kilobyte.
_KEPT = 4_096


def rendered_rows(rows: Iterable[TenantRow]) -> list[SafeString]:
    """Return rows as HTML. A template takes ten times as long for a page of them."""
    language = get_language()
    return [_rendered(row, language) for row in rows]


@lru_cache(maxsize=_KEPT)
def _rendered(
    line: TenantRow,
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> SafeString:
    return render_to_string("billing/staff/tenant-row.html", {"line": line})
