"""Parses the query string of the billing desk, and builds it for links."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.desk.sql import DeskFilter, DeskOrder
from billing.standings.sql import ORDER
from portal.errors import Refused
from portal.typed_text.clean import one_line

# Standings as written in URLs.
SLUGS: Mapping[str, Standing] = {
    standing.value.replace(" ", "-"): standing for standing in ORDER
}

# As long as the longest name: a longer search finds nothing.
_LONGEST_SEARCH = 200

# More pages than any list has; the desk shows its last one instead.
_MANY = 10**6


def desk_filter(given: QueryDict, *, period: Period) -> DeskFilter:
    """Parse the filters and the order of a list; invalid values are ignored."""
    sort = given.get("sort", "")
    return DeskFilter(
        period=period,
        standing=SLUGS.get(given.get("standing", "")),
        search=search_text(given.get("q", "")),
        sort=DeskOrder(sort) if sort in set(DeskOrder) else DeskOrder.URGENT,
    )


def search_text(typed: str) -> str:
    """Return what to search for, cleaned as the names that it is looked up in."""
    return one_line(typed)[:_LONGEST_SEARCH].rstrip()


def named_period(given: QueryDict) -> Period | None:
    """Return the period that a query names, None if it names none.

    Raises:
        Refused: the value is not a period.

    """
    name = given.get("period")
    if not name:
        return None
    try:
        return Period.parse(name)
    except ValueError as error:
        raise Refused("period-invalid") from error


def last_ended(at: datetime) -> Period:
    """Return the last period that is over, which is under review now."""
    return Period.containing(at.date()).previous()


def tenant_ids(given: QueryDict) -> list[int]:
    """Return the ids of the selected tenants, each once."""
    return parsed_ids(given.getlist("tenant"))


def parsed_ids(texts: Iterable[str]) -> list[int]:
    """Return the ids among texts, each once; texts that are no ids are ignored."""
    # The database has no longer ids.
    numbers = (int(text) for text in texts if re.fullmatch("[0-9]{1,18}", text))
    return list(dict.fromkeys(numbers))


def page_number(given: QueryDict, *, pages: int) -> int:
    """Return the requested page number, limited to the existing pages."""
    text = given.get("page", "")
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 1
    return min(max(number, 1), pages)


def narrowing(chosen: DeskFilter, page: int) -> str:
    """Return the query of a list's filters without its period; empty if unfiltered."""
    more = {"page": page} if page > 1 else {}
    return address(chosen, period="", **more)


def way_back(given: QueryDict, period: Period) -> str:
    """Return the query of the desk page that links back, for a period."""
    kept = QueryDict(given.get("from", ""))
    more = {"page": page} if (page := page_number(kept, pages=_MANY)) > 1 else {}
    return address(desk_filter(kept, period=period), **more)


def address(chosen: DeskFilter, **changes: Any) -> str:
    """Return the query of a filter, with some parts changed."""
    slugs = {standing: slug for slug, standing in SLUGS.items()}
    parts = {
        "period": chosen.period,
        "standing": slugs[chosen.standing] if chosen.standing else "",
        "q": chosen.search,
        "sort": "" if chosen.sort is DeskOrder.URGENT else chosen.sort.value,
        **changes,
    }
    return urlencode({name: value for name, value in parts.items() if value})
