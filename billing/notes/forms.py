"""The form of a note."""

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.models.notes import NOTE_CHARACTERS
from portal.forms import LinesField


class NoteForm(forms.Form):
    """The text of a note, of one or more lines."""

    text = LinesField(
        max_length=NOTE_CHARACTERS,
        label=_("Note"),
        help_text=_("The billing staff and auditors read it, the tenant never does."),
        error_messages={"required": _("A note needs a text.")},
        widget=forms.Textarea(attrs={"class": "input", "rows": 3}),
    )
