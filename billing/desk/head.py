"""Renders what the billing desk shows above its rows: standings and column heads.

Each part is kept until something in it changes: templates take most of a page's time.
"""

from collections.abc import Mapping
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from billing.coverage.standing import Standing
from billing.coverage.turns import Turn
from billing.desk import forms as desk_forms
from billing.desk.sql import DeskFilter, DeskOrder
from billing.periods import text as period_text

# Counts change all day, searches with each person. Each part takes about a kilobyte.
_KEPT = 1_024


def standing_filters(
    desk_filter: DeskFilter, counts: Mapping[Standing, int] | None
) -> SafeString:
    """Return the standings with their numbers of tenants, each a link to them.

    Without `counts` the tenants are not counted.
    """
    found = []
    for slug, standing in desk_forms.SLUGS.items():
        query = desk_forms.address(desk_filter, standing=slug)
        count = None if counts is None else counts[standing]
        is_on = desk_filter.standing is standing
        found.append(_standing_filter(standing, count, query, is_on, get_language()))
    return SafeString("".join(found))


@lru_cache(maxsize=_KEPT)
def _standing_filter(
    standing: Standing,
    count: int | None,
    query: str,
    is_on: bool,  # noqa: FBT001 - a cache distinguishes positional arguments
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> SafeString:
    mark, word = period_text.badge(standing, turn=Turn.TENANT)
    shown = {
        "mark": mark,
        "word": word,
        "count": count,
        "query": query,
        "is_on": is_on,
    }
    return render_to_string("billing/desk/standing-filter.html", shown)


def column_heads(desk_filter: DeskFilter) -> SafeString:
    """Return the heads of the columns, each a link to the list in its order."""
    return _column_heads(desk_filter, get_language())


@lru_cache(maxsize=_KEPT)
def _column_heads(
    desk_filter: DeskFilter,
    language: str | None,  # noqa: ARG001 - the words are of one language
) -> SafeString:
    sorts = {
        sort.name.lower(): {
            "query": desk_forms.address(desk_filter, sort=sort.value),
            "is_on": desk_filter.sort is sort,
        }
        for sort in DeskOrder
    }
    shown = {"sorts": sorts, "period": desk_filter.period}
    return render_to_string("billing/desk/column-heads.html", shown)
