"""Reads the filters of a list from a query, and warns of unknown values."""

from collections.abc import Collection

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext

from portal.errors import Refused

# Characters of an unknown value that the page repeats.
_REPEATED = 40


def known_value(request: HttpRequest, name: str, known: Collection[str]) -> str:
    """Return the value of a filter; empty if it is not given.

    An unknown value is left out, and the page says so: a list that is not narrowed
    looks like one that is.
    """
    value = request.GET.get(name, "")
    if not value or value in known:
        return value
    text = gettext("“%(value)s” is not a filter of this list and was ignored.")
    messages.warning(request, text % {"value": value[:_REPEATED]})
    return ""


def required_value(request: HttpRequest, name: str, known: Collection[str]) -> str:
    """Return the value of a filter of a download; empty if it is not given.

    Raises:
        Refused: the value is unknown. A file cannot show a warning.

    """
    value = request.GET.get(name, "")
    if value and value not in known:
        raise Refused("input-invalid", detail=f"{name}: {value[:_REPEATED]}")
    return value
