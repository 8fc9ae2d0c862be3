"""The facts that identify a statement on paper: customer, version, sources, hashes."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext

from billing.coverage.periods import Period
from billing.statements.completeness_presenters import completeness_legend
from portal.paper.characters import isolated
from portal.templatetags.shown import grouped, megabytes, zoned_text

Document = Mapping[str, Any]
Fact = tuple[str, str]


def customer_text(document: Document) -> str:
    tenant = document["tenant"]
    return f"{isolated(tenant['name'])}, {isolated(tenant['number'])}"


def facts(document: Document, data: bytes, as_of: datetime) -> Iterator[Fact]:
    """Yield names and values; `data` are the bytes of the document."""
    yield gettext("Customer"), customer_text(document)
    yield gettext("Period"), _period_text(document["period"])
    yield from _version(document, as_of)
    yield from _sources(document)
    yield gettext("SHA-256 of the figures"), document["figures_sha256"]
    yield gettext("SHA-256 of the JSON"), hashlib.sha256(data).hexdigest()


def _period_text(of: Document) -> str:
    period = Period.parse(of["name"])
    text = gettext("%(first)s to %(last)s, days and times of %(zone)s")
    return text % {
        "first": date_format(period.starts_on, "j F Y"),
        "last": date_format(period.ends_on, "j F Y"),
        "zone": of["zone"],
    }


def _version(document: Document, as_of: datetime) -> Iterator[Fact]:
    statement = document["statement"]
    at = zoned_text(as_of, document["period"]["zone"])
    if statement["number"]:
        yield gettext("Statement"), isolated(statement["number"])
        yield gettext("Issued"), at
    else:
        yield gettext("Figures as of"), at
    if statement["replaces"]:
        replaced = gettext("version %(version)s, SHA-256 %(sha256)s")
        yield gettext("Replaces"), replaced % statement["replaces"]
    if statement["reason"]:
        yield gettext("Reason"), isolated(" ".join(statement["reason"].split()))


def _sources(document: Document) -> Iterator[Fact]:
    legend = completeness_legend(document["completeness"])
    counts = [f"{name} {grouped(count)}" for _, name, count in legend]
    if counts:
        yield gettext("Server-days"), ", ".join(counts)
    files = document["files"]
    text = ngettext(
        "%(shown)s file, %(size)s", "%(shown)s files, %(size)s", files["count"]
    )
    size = megabytes(files["bytes"])
    yield (
        gettext("Computed from"),
        text % {"shown": grouped(files["count"]), "size": size},
    )
    version = document["catalogue"]["version"]
    yield gettext("Catalogue"), gettext("version %(number)s") % {"number": version}
