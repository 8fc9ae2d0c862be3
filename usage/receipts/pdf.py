"""Writes a receipt as PDF: A4, a block for each file, rules and no boxes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from portal.templatetags.shown import full_day, grouped, megabytes
from usage.receipts.fonts import CODE, PLAIN, STRONG, runs, shown, width
from usage.receipts.rows import ReceiptLine, left_out

_WIDTH, _HEIGHT = A4
_LEFT, _RIGHT = 18 * mm, float(_WIDTH - 18 * mm)
_TOP, _BOTTOM = float(_HEIGHT - 20 * mm), 20 * mm
# A file's text stands beside its mark, and leaves room for its verdict.
_TEXT = _LEFT + 6 * mm
_TEXT_WIDTH = _RIGHT - _TEXT - 34 * mm

_LEADING = 10.5
_GAP = 9
# From the top of the first page to its first file, and of every other one.
_HEAD, _RUNNING_HEAD = 132, 26

_INK, _QUIET, _LINE = HexColor("#14181d"), HexColor("#565e69"), HexColor("#d9dce1")
_ALARM, _ACCENT = HexColor("#b3131b"), HexColor("#1f3d91")

_SMALL, _NORMAL, _TITLE = 7.2, 8.4, 21


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptHead:
    """Head of a receipt: its tenant, who made it and when, what is left out.

    `made_at` is in the tenant's zone. `missing` counts ids that are not the tenant's.
    """

    tenant: str
    number: str
    made_by: str
    made_at: datetime
    missing: int


@dataclass(frozen=True, slots=True)
class _PlacedText:
    text: str
    font: str = PLAIN
    size: float = _SMALL
    colour: HexColor = _QUIET


@dataclass(frozen=True, slots=True)
class _Block:
    """One file: its lines of text, and the receipt line for what is at their right."""

    line: ReceiptLine
    texts: list[_PlacedText]

    @property
    def height(self) -> float:
        return len(self.texts) * _LEADING + _GAP


def write(target: IO[bytes], lines: Iterable[ReceiptLine], head: ReceiptHead) -> None:
    """Write the receipt of some files, in their order."""
    blocks = [_block(line) for line in lines]
    pages = _paged(blocks)
    canvas = Canvas(target, pagesize=A4, pageCompression=1, lang="en")
    canvas.setTitle(gettext("Receipt of usage files"))
    canvas.setAuthor(gettext("Usage Portal"))
    for number, page in enumerate(pages, start=1):
        top = _draw_head(canvas, head, blocks) if number == 1 else _TOP
        _draw_frame(canvas, head, number=number, of=len(pages))
        if number > 1:
            top = _TOP - _RUNNING_HEAD
        for block in page:
            _draw_block(canvas, block, top)
            top -= block.height
        canvas.showPage()
    canvas.save()


def _paged(blocks: Sequence[_Block]) -> list[list[_Block]]:
    """Lay the blocks out: at least one page, and no block cut in two."""
    pages: list[list[_Block]] = [[]]
    room = _TOP - _HEAD - _BOTTOM
    for block in blocks:
        if block.height > room and (pages[-1] or len(pages) == 1):
            pages.append([])
            room = _TOP - _RUNNING_HEAD - _BOTTOM
        pages[-1].append(block)
        room -= block.height
    return pages


def _block(line: ReceiptLine) -> _Block:
    texts = [
        _PlacedText(part, STRONG, _NORMAL, _INK)
        for part in _wrapped(line.name, STRONG, _NORMAL)
    ]
    if line.server:
        number = gettext("number %(number)s") % {"number": line.sequence}
        day = full_day(line.day) if line.day else ""
        series = gettext("series %(series)s") % {"series": line.series}
        place = f"{line.server}, {number}, {day}; {series}"
        texts += [_PlacedText(part, colour=_INK) for part in _wrapped(place)]
    texts.append(_PlacedText(f"SHA-256 {line.sha256}", CODE, _SMALL, _INK))
    received = gettext("Received %(at)s, %(how)s, %(by)s") % {
        "at": _instant(line.received_at),
        "how": line.how,
        "by": line.sent_by,
    }
    texts += [_PlacedText(part) for part in _wrapped(received)]
    if line.forwarded_at:
        confirmed = gettext("Confirmed in the archive %(at)s")
        texts.append(_PlacedText(confirmed % {"at": _instant(line.forwarded_at)}))
    else:
        texts.append(
            _PlacedText(gettext("Archive: %(state)s") % {"state": line.archive})
        )
    if line.decided_at:
        decided = gettext("Decided by the billing staff %(at)s: %(reason)s") % {
            "at": _instant(line.decided_at),
            "reason": " ".join(line.decision.split()),
        }
        texts += [_PlacedText(part, colour=_INK) for part in _wrapped(decided)]
    for reason in line.reasons:
        texts += [_PlacedText(part, colour=_INK) for part in _wrapped(reason)]
    return _Block(line, texts)


def _wrapped(text: str, font: str = PLAIN, size: float = _SMALL) -> list[str]:
    """Break a text into lines that fit, at spaces where there are any."""
    text = shown(text, font)
    if _fits(text, font, size):
        return [text]
    found = [""]
    for word in text.split(" "):
        longer = f"{found[-1]} {word}" if found[-1] else word
        if _fits(longer, font, size):
            found[-1] = longer
            continue
        if found[-1]:
            found.append("")
        for character in word:
            if not _fits(found[-1] + character, font, size):
                found.append("")
            found[-1] += character
    return found


def _fits(text: str, font: str, size: float) -> bool:
    return bool(width(text, font, size) <= _TEXT_WIDTH)


def _instant(at: datetime) -> str:
    name = at.tzname() or ""
    zone = name if name.isalpha() else f"UTC{at:%z}"
    return f"{date_format(at, 'D j F Y, H:i')} {zone}"


def _draw_head(canvas: Canvas, head: ReceiptHead, blocks: Sequence[_Block]) -> float:
    """Draw what the receipt is; return where its files begin."""
    count = len(blocks)
    size = sum(block.line.size for block in blocks)
    answer = ngettext(
        "%(count)s usage file, %(size)s", "%(count)s usage files, %(size)s", count
    )
    facts = [
        (gettext("Customer"), f"{head.tenant}, {head.number}"),
        (gettext("Made"), f"{_instant(head.made_at)}, {head.made_by}"),
    ]
    if head.missing:
        facts.append((gettext("Left out"), left_out(head.missing)))
    _write(canvas, gettext("Receipt"), _LEFT, _TOP, _PlacedText("", STRONG, 10, _INK))
    title = answer % {"count": grouped(count), "size": megabytes(size)}
    _write(canvas, title, _LEFT, _TOP - 34, _PlacedText("", STRONG, _TITLE, _INK))
    y = _TOP - 60
    for name, value in facts:
        _write(canvas, name, _LEFT, y, _PlacedText("", PLAIN, _NORMAL, _QUIET))
        for part in _wrapped(value, PLAIN, _NORMAL):
            _write(
                canvas, part, _LEFT + 26 * mm, y, _PlacedText("", PLAIN, _NORMAL, _INK)
            )
            y -= 13
    _rule(canvas, _TOP - _HEAD + 14, _INK)
    return _TOP - _HEAD


def _draw_frame(canvas: Canvas, head: ReceiptHead, *, number: int, of: int) -> None:
    if number > 1:
        title = gettext("Receipt, %(at)s") % {"at": _instant(head.made_at)}
        _write(canvas, title, _LEFT, _TOP, _PlacedText(""))
        _rule(canvas, _TOP - 8, _INK)
    place = _BOTTOM - 8 * mm
    page = gettext("Page %(number)s of %(of)s") % {"number": number, "of": of}
    whose = _wrapped(f"{head.tenant}, {head.number}")[0]
    _write(canvas, whose, _LEFT, place, _PlacedText(""))
    canvas.setFont(PLAIN, _SMALL)
    canvas.drawRightString(_RIGHT, place, page)


def _draw_block(canvas: Canvas, block: _Block, top: float) -> None:
    y = top - _NORMAL
    _draw_mark(canvas, block.line, y)
    alarm = _ALARM if block.line.mark == "missing" else _INK
    verdict = _PlacedText(block.line.verdict, PLAIN, _NORMAL, alarm)
    room = width(verdict.text, PLAIN, _NORMAL)
    _write(canvas, verdict.text, _RIGHT - room, y, verdict)
    canvas.setFont(PLAIN, _SMALL)
    canvas.setFillColor(_QUIET)
    canvas.drawRightString(_RIGHT, y - _LEADING, megabytes(block.line.size))
    for placed in block.texts:
        _write(canvas, placed.text, _TEXT, y, placed)
        y -= _LEADING
    _rule(canvas, top - block.height + _GAP / 2, _LINE)


def _draw_mark(canvas: Canvas, line: ReceiptLine, y: float) -> None:
    """Draw the state's shape, as pages do."""
    x, side = _LEFT + 1, 6.0
    canvas.setStrokeColor(_ALARM if line.mark == "missing" else _ACCENT)
    canvas.setFillColor(_ACCENT)
    canvas.setLineWidth(1.2)
    if line.mark == "received":
        canvas.rect(x, y, side, side, stroke=0, fill=1)
    elif line.mark == "missing":
        canvas.lines([(x, y, x + side, y + side), (x, y + side, x + side, y)])
    elif line.mark == "with-us":
        canvas.circle(x + side / 2, y + side / 2, side / 2, stroke=1, fill=0)
    else:
        canvas.rect(x, y, side, side, stroke=1, fill=0)
    if line.mark == "excused":
        canvas.line(x, y, x + side, y + side)


def _write(canvas: Canvas, text: str, x: float, y: float, style: _PlacedText) -> None:
    canvas.setFillColor(style.colour)
    for font, part in runs(shown(text, style.font), style.font):
        canvas.setFont(font, style.size)
        canvas.drawString(x, y, part)
        x += float(canvas.stringWidth(part, font, style.size))


def _rule(canvas: Canvas, y: float, colour: HexColor) -> None:
    canvas.setStrokeColor(colour)
    canvas.setLineWidth(0.6)
    canvas.line(_LEFT, y, _RIGHT, y)
