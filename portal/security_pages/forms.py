"""What forms and queries of these pages name: sessions and filters of events."""

from datetime import date
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext

from portal.errors import Refused
from portal.models import EventKind
from portal.pages.filters import known_value
from portal.security_pages.queries import EventFilter
from portal.typed_text.clean import one_line

# Characters of a filter: a name, or an address of IPv6.
_LONGEST = 100


def named_session(request: HttpRequest) -> UUID | None:
    """Return the reference of the session that a form names; None for all of them.

    Raises:
        Refused: it is no reference.

    """
    text = request.POST.get("session", "")
    if text == "all":
        return None
    try:
        return UUID(text)
    except ValueError:
        raise Refused("not-found") from None


def event_filter(request: HttpRequest) -> EventFilter:
    """Return the filter of a query; unknown values are left out."""
    return EventFilter(
        kind=known_value(request, "kind", EventKind.values),
        person=_text(request, "person"),
        network=_text(request, "network"),
        day=_day(request),
    )


def _text(request: HttpRequest, name: str) -> str:
    return one_line(request.GET.get(name, ""))[:_LONGEST]


def _day(request: HttpRequest) -> date | None:
    text = _text(request, "day")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        messages.warning(request, gettext("The day is not a date and was ignored."))
        return None
