"""Form parts that several apps use: a reason field and time zone choices."""

from functools import cache

from django import forms

from portal import zones
from portal.approvals import REASON_CHARACTERS


@cache
def _zones() -> list[str]:
    """List the zones of places; the others are old names and bare offsets."""
    places = {zone for zone in zones.names() if "/" in zone}
    return ["UTC", *sorted(zone for zone in places if not zone.startswith("Etc/"))]


def zone_choices() -> list[tuple[str, str]]:
    """Return the choices of a zone field: an empty one, then the zones."""
    return [("", ""), *((zone, zone.replace("_", " ")) for zone in _zones())]


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=REASON_CHARACTERS)


def first_error(form: forms.Form) -> str:
    """Return the first error of a form that has few fields."""
    return str(next(iter(form.errors.values()))[0])
