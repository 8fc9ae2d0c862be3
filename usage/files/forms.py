"""Filter form of a list of files."""

from collections.abc import Iterable

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.errors import Refused
from portal.forms import ExactField, LineField
from usage.files.date_ranges import DateRange
from usage.files.queries import FileFilter
from usage.models import FileState, How
from usage.usg.header import SERVER_CHARACTERS

_SENDER_CHARACTERS = 200


class FileFilterForm(forms.Form):
    """Filter of a list of files; an empty field filters nothing."""

    period = LineField(required=False, max_length=20)
    server = ExactField(required=False, max_length=SERVER_CHARACTERS)
    state = forms.ChoiceField(
        required=False, choices=[("", _("All verdicts")), *FileState.choices]
    )
    who = ExactField(required=False, max_length=_SENDER_CHARACTERS)
    how = forms.ChoiceField(required=False, choices=[("", _("All ways")), *How.choices])
    page = forms.IntegerField(required=False, min_value=1)

    def wanted(self, spans: Iterable[DateRange]) -> FileFilter:
        """Return the filter.

        Raises:
            Refused: a value that no page of ours offers.

        """
        if not self.is_valid():
            raise Refused("input-invalid", detail=", ".join(self.errors))
        chosen = self.cleaned_data
        span = next((one for one in spans if one.name == chosen["period"]), None)
        if chosen["period"] and span is None:
            raise Refused("period-invalid")
        return FileFilter(
            state=chosen["state"] or None,
            server=chosen["server"] or None,
            how=chosen["how"] or None,
            sent_by=chosen["who"] or None,
            first_day=span.first_day if span else None,
            last_day=span.last_day if span else None,
        )

    @property
    def is_narrowed(self) -> bool:
        return any(self.data.get(name) for name in self.fields if name != "page")
