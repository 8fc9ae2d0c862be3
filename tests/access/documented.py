"""The endpoints as docs/api.md describes them: what access tests expect."""

import re
from collections.abc import Iterator, Mapping

from django.urls import URLPattern, URLResolver, get_resolver

from portal.accounts.caller import Permission
from portal.http.endpoint_types import (
    ANYBODY,
    PEOPLE,
    SIGNED_IN,
    TOKENS,
    BodyKind,
    Callers,
    Endpoint,
)
from portal.http.identify import API
from tests.docs_pages import DOCS, first_cells

_UNITS = {"KiB": 1024, "MiB": 1024 * 1024}


def addresses(
    patterns: list[URLPattern | URLResolver], *, namespace: str = "", above: str = "/"
) -> Iterator[tuple[str, str]]:
    """Yield the name and the path of every address, parameters as `{name}`."""
    for pattern in patterns:
        route = above + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from addresses(
                pattern.url_patterns, namespace=namespace + inner, above=route
            )
        else:
            yield f"{namespace}{pattern.name}", route


def addresses_by_name() -> dict[str, str]:
    """Return the path of every address by its name, parameters as `{name}`."""
    return dict(addresses(get_resolver().url_patterns))


def _endpoint(method: str, path: str, row: list[str]) -> Endpoint:
    word, *conditions = row[1].split(", ")
    permission = {"none": ANYBODY, SIGNED_IN: SIGNED_IN}.get(word)
    kind, _, size = row[2].partition(", ")
    has_body = method != "GET" and kind != "\N{EN DASH}"
    is_for_tokens = path.startswith(API) and "no token" not in conditions
    callers = PEOPLE | TOKENS if is_for_tokens else PEOPLE
    # A page with its form in one row: only sending the form needs the condition.
    return Endpoint(
        permission=permission or Permission(word),
        callers=Callers.NONE if permission == ANYBODY else callers,
        body=BodyKind(kind) if has_body else BodyKind.NONE,
        max_body=_size(size) if has_body else 0,  # type: ignore[arg-type]  # or setting
        is_fresh="fresh" in conditions and (method != "GET" or "POST" not in row[0]),
        needs_factors=permission != ANYBODY and "one factor" not in conditions,
    )


def _size(text: str) -> int | str:
    number, _, unit = text.partition(" ")
    return int(number) * _UNITS[unit] if unit else text.strip("`")


def _read() -> Mapping[str, Mapping[str, Endpoint]]:
    names = {path: name for name, path in addresses_by_name().items()}
    found: dict[str, dict[str, Endpoint]] = {name: {} for name in names.values()}
    for cell, row in first_cells(DOCS / "api.md", r"[A-Z]+ /.*").items():
        method, _, path = cell.partition(" ")
        found[names[path]][method] = _endpoint(method, path, row)
    return found


DOCUMENTED: Mapping[str, Mapping[str, Endpoint]] = _read()
