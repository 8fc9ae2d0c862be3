"""Builds what the pages of trails show: rows, filters, links to older entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from portal.db import unit_of_work
from portal.history import queries
from portal.history.forms import TrailForm, act_options, key_text
from portal.history.presenters import TrailReader, TrailRow, trail_rows
from portal.history.queries import SECTION, TrailFilter, TrailPage, Who


@dataclass(frozen=True, slots=True)
class HistorySection:
    """The newest entries about something, for a section of its page.

    `query` is the address of the trail with the same filter.
    """

    rows: list[TrailRow]
    has_more: bool
    query: str


def list_context(
    form: TrailForm,
    page: TrailPage,
    reader: TrailReader,
    *,
    given: Mapping[str, str],
    is_first: bool,
) -> dict[str, Any]:
    """Return the context of a list, outside of any unit of work.

    `given` is the query of the address.
    """
    names = [*form.fields]
    kept = {name: given[name] for name in names if given.get(name)}
    older = {**kept, "before": key_text(page.older)} if page.older else {}
    return {
        "form": form,
        "acts": act_options(),
        "rows": trail_rows(page.entries, queries.people(page.entries), reader),
        "is_narrowed": bool(kept),
        "is_first": is_first,
        "kept": urlencode(kept),
        "older": urlencode(older),
        "zone": reader.zone,
    }


def section(
    who: Who, wanted: TrailFilter, reader: TrailReader, *, query: Mapping[str, str]
) -> HistorySection:
    """Return the newest entries of a filter, in units of work of its own."""
    with unit_of_work.acting_for(who, reading=True):
        page = queries.trail_page(wanted, most=SECTION)
    rows = trail_rows(page.entries, queries.people(page.entries), reader)
    return HistorySection(rows, page.older is not None, urlencode(query))
