"""Entries of audit trails as a table, read in chunks while it is sent."""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from portal.db import unit_of_work
from portal.errors import Refused
from portal.history import presenters, queries
from portal.history.presenters import TrailReader
from portal.history.queries import TrailFilter, Who
from portal.models import AuditEntry
from portal.sheets.table import Cell, InstantHead, Table, shown_rows

# Entries of one download. All of a tenant's trail, as a rule; the staff's lists have to
# be narrowed.
MOST_EXPORTED = 100_000


def require_length(who: Who, wanted: TrailFilter) -> None:
    """Check the length of a list before it is sent; counts no further than the limit.

    Raises:
        Refused: it is too long for a download.

    """
    with unit_of_work.acting_for(who, reading=True):
        is_too_long = queries.is_longer_than(wanted, MOST_EXPORTED)
    if is_too_long:
        raise Refused("trail-too-long", limit=MOST_EXPORTED)


def count_up_to(who: Who, wanted: TrailFilter, most: int) -> int:
    """Return the number of entries of a filter, or one more than `most`."""
    with unit_of_work.acting_for(who, reading=True):
        return queries.entries(wanted)[: most + 1].count()


def trail_table(who: Who, wanted: TrailFilter, reader: TrailReader) -> Table:
    """Return the entries of a filter, newest first, with their digests.

    With the digests, anybody who has an earlier download can verify that nothing in it
    was changed since.
    """
    heads = [
        *((gettext("Tenant"), gettext("Name")) if reader.is_staff else ()),
        gettext("Entry"),
        InstantHead(gettext("Time")),
        gettext("Who"),
        gettext("Billing staff"),
        gettext("What happened"),
        gettext("Act"),
        gettext("About"),
        gettext("Details"),
        gettext("Digest"),
    ]
    loaded = queries.chunks(who, wanted, most=MOST_EXPORTED)
    rows = chain.from_iterable(_rows(chunk, reader) for chunk in loaded)
    return Table(heads, rows, zone=reader.zone)


def _rows(
    entries: Sequence[AuditEntry], reader: TrailReader
) -> Iterator[Sequence[Cell]]:
    people = queries.people(entries)
    return shown_rows(entries, partial(_cells, people=people, reader=reader))


def _cells(
    entry: AuditEntry, *, people: dict[str, str], reader: TrailReader
) -> Sequence[Cell]:
    tenant = entry.tenant
    of_tenant = (tenant.number, tenant.name) if tenant else ("", "")
    details = presenters.shown_details(entry, reader)
    return [
        *(of_tenant if reader.is_staff else ()),
        entry.number,
        entry.at.astimezone(ZoneInfo(reader.zone)),
        presenters.actor_cell(entry, people, reader),
        gettext("yes") if entry.by_staff else "",
        presenters.sentence_text(entry, people, reader),
        entry.act,
        entry.subject,
        "; ".join(f"{one.label}: {one.value}" for one in details),
        bytes(entry.digest).hex(),
    ]
