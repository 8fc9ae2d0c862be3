"""Queries over all tenants for billing staff: in a unit of work of the staff."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from psycopg.sql import SQL, Composable

from portal.db import binary
from portal.db.patterns import contains
from portal.pages.paging import MOST_COUNTED, CappedPage, page_number
from usage.models import FileState


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """One line of the list of tenants.

    `fingerprint` is of the sealing key that is handed out, empty for none.
    """

    number: str
    name: str
    zone: str
    is_demo: bool
    servers: int
    files: int
    held: int
    last_received_at: datetime | None
    fingerprint: str


_ALL = SQL("true")
_SEARCHED = SQL("t.search_text like upper(%(pattern)s)")
_FOUND = SQL("t.id = any(%(found)s::bigint[])")
_COUNT = SQL("(select count(*) from (select from portal_tenant limit %(most)s) as t)")

_MATCHES = SQL("""
    select id from portal_tenant t where {searched} limit %(most)s
""").format(searched=_SEARCHED)

# First selects the tenants of a page, by an index in the order of the list; then counts
# what is shown of these.
_PAGE = SQL("""
    with page as materialized (
        select id, number, name, zone, is_demo from portal_tenant t where {which}
        order by name, number limit {rows} offset {offset}
    )
    select page.number, page.name, page.zone, page.is_demo, s.servers, f.accepted,
        f.held, f.last_received_at, k.fingerprint, {counted} as counted
    from page
    cross join lateral (
        select count(*) as servers from usage_server where tenant_id = page.id
    ) as s
    cross join lateral (
        select count(*) filter (where state = %(accepted)s) as accepted,
            count(*) filter (where state = %(held)s) as held,
            max(received_at) as last_received_at
        from usage_usagefile
        where tenant_id = page.id and state <> %(rejected)s
    ) as f
    left join lateral (
        select fingerprint from usage_sealingkey
        where tenant_id = page.id and retired_at is null
        order by created_at desc, id desc limit 1
    ) as k on true
    order by page.name, page.number
""")


def tenants(search: str, page: str | None, *, size: int) -> CappedPage[TenantRow]:
    """Return a page of the tenants whose name or number has a text in it, by name.

    One query, however many tenants there are, and one more for a search.
    """
    parameters: dict[str, Any] = {
        "most": MOST_COUNTED + 1,
        "accepted": FileState.ACCEPTED.value,
        "held": FileState.HELD.value,
        "rejected": FileState.REJECTED.value,
        "pattern": contains(search),
    }
    which: Composable = _ALL
    counted: Composable = _COUNT
    if search:
        ids = [one for (one,) in binary.fetch_all(_MATCHES, parameters)]
        # Of many tenants that a search finds, the list is read in its order: no list
        # of all of them is made.
        which = _FOUND if len(ids) <= MOST_COUNTED else _SEARCHED
        counted = SQL("{}").format(len(ids))
        parameters["found"] = ids
    statement = partial(_PAGE.format, which=which, counted=counted, rows=size + 1)
    number = page_number(page)
    found = _load(statement(offset=(number - 1) * size), parameters)
    if not found and number > 1:
        number = 1
        found = _load(statement(offset=0), parameters)
    count = found[0][1] if found else 0
    return CappedPage(
        rows=[row for row, _ in found[:size]],
        number=number,
        size=size,
        has_next=len(found) > size,
        count=count if count <= MOST_COUNTED else None,
    )


def _load(
    statement: Composable, parameters: dict[str, Any]
) -> list[tuple[TenantRow, int]]:
    """Load a page of rows and the one after them, each with the number of all rows."""
    return [_row(row) for row in binary.fetch_all(statement, parameters)]


def _row(row: tuple[Any, ...]) -> tuple[TenantRow, int]:
    number, name, zone, is_demo, servers, files, held, last, fingerprint, counted = row
    found = TenantRow(
        number=number,
        name=name,
        zone=zone,
        is_demo=is_demo,
        servers=servers,
        files=files,
        held=held,
        last_received_at=last,
        fingerprint=fingerprint or "",
    )
    return found, counted
