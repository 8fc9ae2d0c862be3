"""What the staff's navigation says beside its links."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from django import template
from django.db import connection
from django.db.models import QuerySet

from billing.lateness import queries as late_queries
from billing.mail import queries as mail_queries
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from usage.forwarding import queries as forwarding_queries
from usage.review import queries as review_queries
from usage.servers import requests as server_requests

register = template.Library()

# What waits for a person, of all tenants: beside a link stands the sum of its lists.
# What such a list is made by must not change while the process runs.
_WAITING: Mapping[str, Sequence[Callable[[], QuerySet[Any]]]] = {
    "held": (
        review_queries.held_files,
        server_requests.open_requests,
        excuses.open_excuses,
        licence_requests.open_requests,
    ),
    "late": (late_queries.undecided, late_queries.stops),
    "mail": mail_queries.WAITING_FOR_STAFF,
    "aside": tuple(
        partial(forwarding_queries.failed_of, kind)
        for kind in forwarding_queries.MODELS
    ),
}


# Where the pages stand that are not below the address of the link they belong to.
_BELONGS = {"": "desk", "selected": "desk", "open-tenant": "tenants"}


@register.simple_tag
def area(path: str, desk: str) -> str:
    """Return to which link of the navigation a page belongs, by its own path.

    That is the part behind the path of the desk; "desk" is the desk itself, and what is
    done for several there.
    """
    part = path.removeprefix(desk).partition("/")[0]
    return _BELONGS.get(part, part)


@register.simple_tag
def waiting() -> dict[str, int]:
    """Count what waits, in a unit of work of its own, by one query for all pages."""
    statement, values = _statement()
    with (
        unit_of_work.acting_for(unit_of_work.STAFF, reading=True),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        (counts,) = cursor.fetchall()
    return dict(zip(_WAITING, counts, strict=True))


@cache
def _statement() -> tuple[str, tuple[Any, ...]]:
    """Put the lists' own queries together, once: building them costs more than asking.

    Each is asked for its keys only, and in no order.
    """
    sums: list[str] = []
    values: list[Any] = []
    for finds in _WAITING.values():
        parts = []
        for find in finds:
            query = find().order_by().values("pk").query
            text, given = query.sql_with_params()
            parts.append(f"(select count(*) from ({text}) as found)")  # noqa: S608 - Django's own words
            values += given
        sums.append(" + ".join(parts))
    return f"select {', '.join(sums)}", tuple(values)
