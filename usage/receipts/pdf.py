"""Writes a receipt as PDF: a block for each file, with what has become of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from portal.paper.characters import isolated
from portal.paper.typesetting import Manuscript, typeset
from portal.templatetags.shown import (
    full_day,
    grouped,
    megabytes,
    shown_size,
    total_megabytes,
)
from usage.receipts.rows import ReceiptLine, left_out

# Files that a PDF lists, which take more than a second and 90 MB. The PDF has 0.9 MB,
# 1.6 MB with the longest names.
PDF_AT_MOST = 1_000

# Characters of names and reasons in a PDF: several hundred for each of so many files.
# Writing of Asia takes four times as long as Latin letters: for so much, three seconds.
_CHARACTERS_AT_MOST = 300_000

# How a line of a block is written: as text, quietly, or in the type of hashes.
_INK, _QUIET, _CODE = "ink", "quiet", "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptHead:
    """Head of a receipt: its tenant, who made it and when, what is left out.

    `made_at` is in the tenant's zone. `missing` counts ids that are not the tenant's.
    `part` of `parts` is the number of the document, from 1, in a receipt of several.
    `about` names the period of the receipt; empty if it is not about a period.
    """

    tenant: str
    number: str
    made_by: str
    made_at: datetime
    missing: int
    part: int = 1
    parts: int = 1
    about: str = ""


def documents(lines: Iterable[ReceiptLine]) -> list[list[ReceiptLine]]:
    """Split the files of a receipt into those of single PDFs, in their order."""
    found: list[list[ReceiptLine]] = []
    characters = 0
    for line in lines:
        own = _characters(line)
        characters += own
        if (
            not found
            or len(found[-1]) == PDF_AT_MOST
            or characters > _CHARACTERS_AT_MOST
        ):
            found.append([])
            characters = own
        found[-1].append(line)
    return found


def as_pdf(found: Sequence[ReceiptLine], head: ReceiptHead) -> bytes:
    """Return the receipt of some files, one of `documents`, in their order.

    Raises:
        ValueError: too many files, or too much text about them.
        Unavailable: see `portal.paper.typesetting.typeset`.

    """
    if len(documents(found)) > 1:
        message = "A receipt of several documents is typeset document by document."
        raise ValueError(message)
    size = total_megabytes(sum(shown_size(line.size) for line in found))
    answer = ngettext(
        "%(count)s usage file, %(size)s", "%(count)s usage files, %(size)s", len(found)
    )
    made_at = _instant(head.made_at)
    data = {
        "title": gettext("Receipt of usage files"),
        "kind": gettext("Receipt"),
        "answer": answer % {"count": grouped(len(found)), "size": size},
        "facts": list(_facts(head)),
        "foot": f"{_customer(head)} · {made_at}",
        "files": [
            {
                "name": isolated(line.name),
                "mark": line.mark,
                "verdict": line.verdict,
                "size": megabytes(line.size),
                "texts": list(_texts(line)),
            }
            for line in found
        ],
    }
    return typeset(Manuscript(template="receipt.typ", data=data, at=head.made_at))


def _characters(line: ReceiptLine) -> int:
    texts = (line.name, line.server, line.sent_by, line.decision, *line.reasons)
    return sum(map(len, texts))


def _facts(head: ReceiptHead) -> Iterator[tuple[str, str]]:
    yield gettext("Customer"), _customer(head)
    if head.about:
        yield gettext("Period"), head.about
    yield gettext("Made"), f"{_instant(head.made_at)}, {isolated(head.made_by)}"
    if head.parts > 1:
        part = gettext("%(part)d of %(parts)d")
        yield gettext("Part"), part % {"part": head.part, "parts": head.parts}
    if head.missing:
        yield gettext("Left out"), left_out(head.missing)


def _customer(head: ReceiptHead) -> str:
    return f"{isolated(head.tenant)}, {isolated(head.number)}"


def _texts(line: ReceiptLine) -> Iterator[tuple[str, str]]:
    """Yield the lines below the name of a file, each with how it is written."""
    if line.server:
        number = gettext("number %(number)s") % {"number": line.sequence}
        day = full_day(line.day) if line.day else ""
        series = gettext("series %(series)s") % {"series": line.series}
        yield _INK, f"{isolated(line.server)}, {number}, {day}; {series}"
    yield _CODE, f"SHA-256 {line.sha256}"
    received = gettext("Received %(at)s, %(how)s, %(by)s")
    by = isolated(line.sent_by)
    yield (
        _QUIET,
        received % {"at": _instant(line.received_at), "how": line.how, "by": by},
    )
    if line.forwarded_at:
        confirmed = gettext("Confirmed in the archive %(at)s")
        yield _QUIET, confirmed % {"at": _instant(line.forwarded_at)}
    else:
        yield _QUIET, gettext("Archive: %(state)s") % {"state": line.archive}
    if line.decided_at:
        decided = gettext("Decided by the billing team %(at)s: %(reason)s")
        reason = isolated(" ".join(line.decision.split()))
        yield _INK, decided % {"at": _instant(line.decided_at), "reason": reason}
    for one in line.reasons:
        yield _INK, one


def _instant(at: datetime) -> str:
    name = at.tzname() or ""
    zone = name if name.isalpha() else f"UTC{at:%z}"
    return f"{date_format(at, 'D j F Y, H:i')} {zone}"
