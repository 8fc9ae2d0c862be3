"""Writes a statement as CSV: its figures, and a usage export in the shape of FOCUS.

Both are made from the document alone. Column heads are not translated, because
programs read them.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from portal.sheets.csv_text import BYTE_ORDER_MARK, csv_row
from portal.sheets.table import Cell, InstantHead, Table

Document = Mapping[str, Any]

_FIGURES = (
    *("named_users", "logins", "rows", "used_seconds", "row_seconds"),
    *("peak", "peak_at", "peak_seconds", "peak_runs", "held_30min", "held_30min_from"),
)
_CSV_HEADS = (
    *("number", "version", "state", "tenant", "tenant_name", "period"),
    *("scope", "day", "starts_at", "ends_at", "line"),
    *_FIGURES,
)

# Columns whose texts are instants in UTC.
_INSTANTS = frozenset({"starts_at", "ends_at", "peak_at", "held_30min_from"})

# Scopes of a row: the whole period, a day of it, or a day outside of it.
_PERIOD, _DAY = "period", "day"

# Columns of FOCUS 1.2 that counts without prices can fill, then our own.
_FOCUS_HEADS = (
    *("BillingAccountId", "BillingAccountName", "BillingPeriodStart"),
    *("BillingPeriodEnd", "ChargeCategory", "ChargeClass", "ChargeDescription"),
    *("ChargePeriodStart", "ChargePeriodEnd", "ConsumedQuantity", "ConsumedUnit"),
    *("ResourceId", "ResourceName", "ServiceCategory", "ServiceName", "SkuId"),
    *("x_Metric", "x_StatementNumber", "x_StatementVersion", "x_StatementState"),
    *("x_ReplacedQuantity", "x_FiguresSha256"),
)

_SERVICE = "PureConnect subscription"
_CATEGORY = "Business Applications"

# The quantities of a line in FOCUS, with their units: of the period, and of a day.
_OF_PERIOD: Mapping[str, str] = {
    "peak": "Users",
    "named_users": "Users",
    "held_30min": "Users",
    "logins": "Logins",
    "used_seconds": "Seconds",
}
_OF_DAY: Mapping[str, str] = {
    "peak": "Users",
    "logins": "Logins",
    "used_seconds": "Seconds",
}


def as_csv(document: Document) -> str:
    """Return the figures of the period and of each day, a row for each line."""
    return BYTE_ORDER_MARK + "".join(
        csv_row(cells) for cells in (_CSV_HEADS, *_csv_rows(document))
    )


def figures_table(document: Document) -> Table:
    """Return the same rows as `as_csv`, with typed days and instants."""
    rows = [
        [_typed(head, cell) for head, cell in zip(_CSV_HEADS, cells, strict=True)]
        for cells in _csv_rows(document)
    ]
    heads = [InstantHead(head) if head in _INSTANTS else head for head in _CSV_HEADS]
    return Table(heads, rows, zone="UTC")


def _typed(head: str, cell: Cell) -> Cell:
    if not isinstance(cell, str):
        return cell
    if head == "day":
        return date.fromisoformat(cell)
    return datetime.fromisoformat(cell) if head in _INSTANTS else cell


def as_focus_csv(document: Document) -> str:
    """Return the usage in the shape of FOCUS 1.2: without prices, so not conformant.

    A row is one quantity of one line, for the period or for a day. In a later version
    `ChargeClass` is `Correction` where the quantity differs from the version before;
    `x_ReplacedQuantity` is the quantity of that version.
    """
    return BYTE_ORDER_MARK + "".join(
        csv_row(cells) for cells in (_FOCUS_HEADS, *_focus_rows(document))
    )


def _csv_rows(document: Document) -> Iterator[list[Cell]]:
    statement, period = document["statement"], document["period"]
    about = [
        *(statement[name] for name in ("number", "version", "state")),
        *(document["tenant"][name] for name in ("number", "name")),
        period["name"],
    ]
    bounds = [period["starts_at"], period["ends_at"]]
    totals = {"id": "total", **document["totals"]}
    for line in (totals, *document["lines"]):
        yield [*about, _PERIOD, None, *bounds, *_figures(line)]
    for scope, day in _days(document):
        bounds = [day["starts_at"], day["ends_at"]]
        for line in day["lines"]:
            yield [*about, scope, day["day"], *bounds, *_figures(line)]


def _figures(line: Mapping[str, Any]) -> list[Cell]:
    return [line["id"], *(line.get(name) for name in _FIGURES)]


def _days(document: Document) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for day in document["days"]:
        yield _DAY, day
    for day in document["outside"]:
        yield day["side"], day


def _focus_rows(document: Document) -> Iterator[list[Cell]]:
    replaced = {
        (one["line"], one["field"], one["day"]): one["before"]
        for one in document["differences"]
        if one["hour"] is None
    }
    period = document["period"]
    for line in document["lines"]:
        for name, unit in _OF_PERIOD.items():
            key = (line["id"], name, None)
            yield _focus(document, period, line, name, unit, _before(replaced, key))
    for _, day in _days(document):
        for line in day["lines"]:
            for name, unit in _OF_DAY.items():
                key = (line["id"], name, day["day"])
                yield _focus(document, day, line, name, unit, _before(replaced, key))


def _before(
    replaced: Mapping[tuple[str, str, str | None], Cell],
    key: tuple[str, str, str | None],
) -> list[Cell]:
    """Return a list with the replaced quantity; an empty one if none is replaced."""
    return [replaced[key] or 0] if key in replaced else []


def _focus(
    document: Document,
    charged: Mapping[str, Any],
    line: Mapping[str, Any],
    metric: str,
    unit: str,
    replaced: Iterable[Cell],
) -> list[Cell]:
    statement, tenant = document["statement"], document["tenant"]
    period, before = document["period"], list(replaced)
    return [
        tenant["number"],
        tenant["name"],
        period["starts_at"],
        period["ends_at"],
        "Usage",
        "Correction" if before else None,
        f"{line['id']}: {metric}",
        charged["starts_at"],
        charged["ends_at"],
        line[metric],
        unit,
        f"{tenant['number']}/{line['id']}",
        line["id"],
        _CATEGORY,
        _SERVICE,
        line["id"],
        metric,
        statement["number"],
        statement["version"],
        statement["state"],
        before[0] if before else None,
        document["figures_sha256"],
    ]
