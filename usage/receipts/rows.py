"""Writes lists of files: receipts and inventories as CSV, sums for sha256sum."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, ngettext

from portal.templatetags.shown import grouped
from usage.files.text import FileText, file_text
from usage.models import UsageFile

# Files that one receipt lists: as many as somebody drops at once.
RECEIPT_AT_MOST = 10_000

# A spreadsheet reads a cell that begins like this as a formula, whoever wrote it; the
# wide forms are those of Japanese keyboards.
_FORMULA = (
    "=",
    "+",
    "-",
    "@",
    "\t",
    "\r",
    "\n",
    "\uff1d",
    "\uff0b",
    "\uff0d",
    "\uff20",
)

# By this a spreadsheet knows UTF-8.
BYTE_ORDER_MARK = "\ufeff"

Cell = str | int | None


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


def csv_pieces(found: Iterable[ReceiptLine], *, missing: int = 0) -> Iterator[str]:
    """Yield a table of lines, for spreadsheets and scripts: a piece for each line.

    A last line gives the number of requested files that are not here: `missing`.
    """
    yield BYTE_ORDER_MARK + csv_row(_heads())
    for line in found:
        yield csv_row(
            [
                line.name,
                line.size,
                line.sha256,
                line.server,
                line.series,
                line.sequence,
                str(line.day or ""),
                line.verdict,
                "; ".join(line.reasons),
                line.decision,
                _instant(line.decided_at),
                line.sent_by,
                line.how,
                _instant(line.received_at),
                line.archive,
                _instant(line.forwarded_at),
            ]
        )
    if missing:
        yield csv_row([left_out(missing)])


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


def _instant(at: datetime | None) -> Cell:
    return at.isoformat(timespec="seconds") if at else None


def _heads() -> list[Cell]:
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
        gettext("Decided"),
        gettext("Sent by"),
        gettext("Way in"),
        gettext("Received"),
        gettext("Archive"),
        gettext("Confirmed in the archive"),
    ]


def csv_row(cells: Iterable[Cell]) -> str:
    """Write one line of a CSV, with no cell that a spreadsheet takes for a formula."""
    written = io.StringIO()
    csv.writer(written).writerow([_harmless(cell) for cell in cells])
    return written.getvalue()


def _harmless(cell: Cell) -> Cell:
    """Quote a text that looks like a formula; numbers are none, and stay numbers."""
    if isinstance(cell, str) and cell.lstrip(" ").startswith(_FORMULA):
        return f"'{cell}"
    return cell
