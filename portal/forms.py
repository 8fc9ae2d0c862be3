"""Form parts that several apps use: fields of typed text, and time zone choices."""

from collections.abc import Callable
from functools import cache
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal import zones
from portal.approvals import REASON_CHARACTERS
from portal.typed_text import clean


@cache
def _zones() -> list[str]:
    """List the zones of places; the others are old names and bare offsets."""
    places = {zone for zone in zones.names() if "/" in zone}
    return ["UTC", *sorted(zone for zone in places if not zone.startswith("Etc/"))]


def zone_choices() -> list[tuple[str, str]]:
    """Return the choices of a zone field: an empty one, then the zones."""
    return [("", ""), *((zone, zone.replace("_", " ")) for zone in _zones())]


class LineField(forms.CharField):
    """Text of one line, cleaned before its length is checked."""

    cleaned_by: Callable[[str], str] = staticmethod(clean.one_line)

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return super().to_python(value)
        return super().to_python(self.cleaned_by(str(value)))


class LinesField(LineField):
    """Text that keeps its line breaks."""

    cleaned_by = staticmethod(clean.paragraphs)


class ReasonField(LineField):
    """Why something is requested or decided; lists and mails show it in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            **{"max_length": REASON_CHARACTERS, "label": _("Reason"), **options}
        )


class MailAddressField(LineField, forms.EmailField):
    """A mail address as it is stored and compared."""

    cleaned_by = staticmethod(clean.mail_address)


class ExactField(forms.CharField):
    """A value that is looked up or parsed exactly as given, and never stored as typed.

    Names inside usage files follow the rules of the format, not those of `typed_text`.
    """


class ReasonForm(forms.Form):
    reason = ReasonField()


def first_error(form: forms.Form) -> str:
    """Return the first error of a form that has few fields."""
    return str(next(iter(form.errors.values()))[0])
