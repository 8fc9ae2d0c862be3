"""Renders a table in the format that a request names: CSV or XLSX."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers
from django.utils.http import content_disposition_header

from portal.errors import Refused
from portal.http.downloads import Download
from portal.sheets.csv_text import COMMA, SEMICOLON, TAB, csv_pieces, separator_for
from portal.sheets.table import Table
from portal.sheets.xlsx import ROWS_AT_MOST, xlsx_pieces

CSV, XLSX = "csv", "xlsx"

_KINDS: Mapping[str, str] = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_SEPARATORS: Mapping[str, str] = {"comma": COMMA, "semicolon": SEMICOLON, "tab": TAB}

Response = TypeVar("Response", bound=HttpResponseBase)


@dataclass(frozen=True, slots=True)
class SheetFormat:
    """The format of a download; `ending` is also that of its name."""

    ending: str
    separator: str = COMMA

    @property
    def content_type(self) -> str:
        return _KINDS[self.ending]

    def require_rows(self, count: int) -> None:
        """Check the length of a list before it is sent.

        Raises:
            Refused: it is too long for a sheet.

        """
        if self.ending == XLSX and count > ROWS_AT_MOST:
            raise Refused("sheet-too-long", limit=ROWS_AT_MOST)

    def pieces(self, table: Table) -> Iterator[bytes]:
        if self.ending == XLSX:
            yield from xlsx_pieces(table)
            return
        for piece in csv_pieces(table, separator=self.separator):
            yield piece.encode()


def wanted_format(request: HttpRequest) -> SheetFormat:
    """Return the format that a request names by `format` and `separator`.

    The default separator is that of the reader's language. Programs send no language,
    and get commas.

    Raises:
        Refused: there is no such format or separator.

    """
    given = request.POST if request.method == "POST" else request.GET
    name = given.get("separator", "")
    found = named_format(given.get("format") or CSV, name or "comma")
    if name:
        return found
    languages = request.headers.get("Accept-Language", "")
    return replace(found, separator=separator_for(languages))


def named_format(ending: str, separator: str) -> SheetFormat:
    """Return a format by its names.

    Raises:
        Refused: there is no such format or separator.

    """
    if ending not in _KINDS:
        raise Refused("input-invalid", detail="format: csv or xlsx")
    if separator not in _SEPARATORS:
        detail = f"separator: {', '.join(_SEPARATORS)}"
        raise Refused("input-invalid", detail=detail)
    return SheetFormat(ending, _SEPARATORS[separator])


def streamed_sheet(
    download: Download, wanted: SheetFormat, table: Table, *, name: str
) -> HttpResponseBase:
    """Return a long table piece by piece; `name` is that of the file.

    The end of a response shows whether it was cut.
    """
    pieces = download.of(wanted.pieces(table))
    response = StreamingHttpResponse(pieces, content_type=wanted.content_type)
    return named(response, name)


def whole_sheet(wanted: SheetFormat, table: Table, *, name: str) -> HttpResponse:
    """Return a table of bounded length."""
    content = b"".join(wanted.pieces(table))
    return named(HttpResponse(content, content_type=wanted.content_type), name)


def named(response: Response, name: str) -> Response:
    """Make a response a download that no cache keeps."""
    response["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=name
    )
    add_never_cache_headers(response)
    return response
