"""What the billing desk is asked for, as its addresses say it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.desk.sql import ORDER, DeskFilter, DeskOrder
from portal.errors import Refused

# Standings as addresses write them.
SLUGS: Mapping[str, Standing] = {
    standing.value.replace(" ", "-"): standing for standing in ORDER
}

# What names and numbers are searched for is no longer than they are.
_LONGEST_SEARCH = 200

# More pages than any list has; the desk shows its last one instead.
_MANY = 10**6


def desk_filter(given: QueryDict, *, period: Period) -> DeskFilter:
    """Read what narrows and sorts a list; what makes no sense is left out."""
    sort = given.get("sort", "")
    return DeskFilter(
        period=period,
        standing=SLUGS.get(given.get("standing", "")),
        search=given.get("q", "").replace("\0", "").strip()[:_LONGEST_SEARCH],
        sort=DeskOrder(sort) if sort in set(DeskOrder) else DeskOrder.URGENT,
    )


def named_period(given: QueryDict) -> Period | None:
    """Return the period that an address names.

    Raises:
        Refused: what it names is none.

    """
    name = given.get("period")
    if not name:
        return None
    try:
        return Period.parse(name)
    except ValueError as error:
        raise Refused("period-invalid") from error


def last_ended(at: datetime) -> Period:
    """Return the period that is judged now: the last that is over."""
    return Period.containing(at.date()).previous()


def tenant_ids(given: QueryDict) -> list[int]:
    """Return the tenants that are ticked, each once."""
    texts = given.getlist("tenant")
    # Longer ones than the database has are nobody's.
    numbers = (int(text) for text in texts if re.fullmatch("[0-9]{1,18}", text))
    return list(dict.fromkeys(numbers))


def page_number(given: QueryDict, *, pages: int) -> int:
    """Return which page is asked for, of those that there are."""
    text = given.get("page", "")
    number = int(text) if re.fullmatch("[0-9]{1,9}", text) else 1
    return min(max(number, 1), pages)


def narrowing(asked: DeskFilter, page: int) -> str:
    """Return what a list is narrowed to beside its period, as a query; or nothing."""
    more = {"page": page} if page > 1 else {}
    return address(asked, period="", **more)


def way_back(given: QueryDict, period: Period) -> str:
    """Return the query of the desk that somebody came from, or of a period's."""
    kept = QueryDict(given.get("from", ""))
    more = {"page": page} if (page := page_number(kept, pages=_MANY)) > 1 else {}
    return address(desk_filter(kept, period=period), **more)


def address(asked: DeskFilter, **changes: Any) -> str:
    """Return the query that asks for the same, with some of it changed."""
    slugs = {standing: slug for slug, standing in SLUGS.items()}
    parts = {
        "period": asked.period,
        "standing": slugs[asked.standing] if asked.standing else "",
        "q": asked.search,
        "sort": "" if asked.sort is DeskOrder.URGENT else asked.sort.value,
        **changes,
    }
    return urlencode({name: value for name, value in parts.items() if value})
