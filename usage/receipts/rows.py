"""Lists of files: receipts and inventories as tables, sums for sha256sum."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, ngettext

from portal.sheets import csv_text
from portal.sheets.table import Cell, InstantHead, Table, shown_rows
from portal.templatetags.shown import grouped
from usage.files.text import FileText, file_text
from usage.models import UsageFile

# Files that one receipt lists: as many as somebody drops at once.
RECEIPT_AT_MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptLine:
    """One file on a receipt; sizes in bytes, instants in the tenant's zone."""

    name: str
    size: int
    sha256: str
    server: str
    series: str
    sequence: int | None
    day: date | None
    mark: str
    verdict: str
    reasons: list[str]
    decision: str
    decided_at: datetime | None
    sent_by: str
    how: str
    received_at: datetime
    archive: str
    forwarded_at: datetime | None


def receipt_lines(files: Iterable[UsageFile], *, zone: str) -> Iterator[ReceiptLine]:
    """Yield the receipt lines of files that were read with their timelines."""
    clock = ZoneInfo(zone)
    for file in files:
        yield _line(file_text(file), clock)


def receipt_table(
    found: Iterable[ReceiptLine], *, zone: str, missing: int = 0
) -> Table:
    """Return a table of lines, with instants in the tenant's zone.

    A last row gives the number of requested files that are not here: `missing`.
    """
    rows = shown_rows(found, _cells)
    if missing:
        rows = chain(rows, [[left_out(missing)]])
    return Table(_heads(), rows, zone=zone)


def csv_pieces(found: Iterable[ReceiptLine], *, missing: int = 0) -> Iterator[str]:
    """Yield the same table as CSV with commas, for mails."""
    return csv_text.csv_pieces(receipt_table(found, zone="", missing=missing))


def checksum_pieces(files: Iterable[UsageFile]) -> Iterator[str]:
    """Yield what `sha256sum --check` reads: hash, two spaces, name.

    A name that would break the line is written as sha256sum itself does: a backslash
    before the hash, and the breaking characters as escapes.
    """
    for file in files:
        escaped = (
            file.name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        )
        mark = "\\" if escaped != file.name else ""
        yield f"{mark}{bytes(file.sha256).hex()}  {escaped}\n"


def left_out(missing: int) -> str:
    """Return how many of the requested files are not on a receipt, as a sentence."""
    text = ngettext(
        "%(count)s of the files asked for is not here.",
        "%(count)s of the files asked for are not here.",
        missing,
    )
    return text % {"count": grouped(missing)}


def file_name(what: str, *, number: str, at: datetime, ending: str) -> str:
    """Return how a download is called: receipt-100417-20260528-0442Z.csv."""
    return f"{what}-{number}-{at.astimezone(UTC):%Y%m%d-%H%MZ}.{ending}"


def _line(text: FileText, clock: ZoneInfo) -> ReceiptLine:
    file = text.file
    done, decided = text.forwarded_at, file.decided_at
    return ReceiptLine(
        name=file.name,
        size=file.size,
        sha256=text.sha256,
        server=file.server.name if file.server else "",
        series=str(file.series or ""),
        sequence=file.sequence,
        day=file.day,
        mark=text.mark,
        verdict=str(text.state),
        reasons=[f"{one['title']} ({one['code']})" for one in text.problems],
        decision=file.decision_reason,
        decided_at=decided.astimezone(clock) if decided else None,
        sent_by=file.sent_by,
        how=file.get_how_display(),
        received_at=file.received_at.astimezone(clock),
        archive=str(text.archive),
        forwarded_at=done.astimezone(clock) if done else None,
    )


def _cells(line: ReceiptLine) -> list[Cell]:
    return [
        line.name,
        line.size,
        line.sha256,
        line.server,
        line.series,
        line.sequence,
        line.day,
        line.verdict,
        "; ".join(line.reasons),
        line.decision,
        line.decided_at,
        line.sent_by,
        line.how,
        line.received_at,
        line.archive,
        line.forwarded_at,
    ]


def _heads() -> list[str]:
    return [
        gettext("Name"),
        gettext("Size in bytes"),
        "SHA-256",
        gettext("Server"),
        gettext("Series"),
        gettext("Number"),
        gettext("Day"),
        gettext("Verdict"),
        gettext("Reasons"),
        gettext("Decision"),
        InstantHead(gettext("Decided")),
        gettext("Sent by"),
        gettext("Way in"),
        InstantHead(gettext("Received")),
        gettext("Archive"),
        InstantHead(gettext("Confirmed in the archive")),
    ]
