"""Form of a receipt download: file ids and format."""

from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.errors import Refused
from portal.forms import ExactField
from usage.receipts.rows import RECEIPT_AT_MOST


class ReceiptForm(forms.Form):
    """Of which files a receipt is wanted: ids, one a line; and in which form."""

    ids = ExactField()
    format = forms.ChoiceField(
        choices=[("csv", "CSV"), ("xlsx", "XLSX"), ("pdf", "PDF")]
    )

    def clean_ids(self) -> set[UUID]:
        words = self.cleaned_data["ids"].split(None, RECEIPT_AT_MOST)
        if len(words) > RECEIPT_AT_MOST:
            raise ValidationError(_("Too many files."))
        try:
            return {UUID(word) for word in words}
        except ValueError as error:
            raise ValidationError(_("This is not the id of a file.")) from error

    def wanted(self) -> tuple[set[UUID], str]:
        """Return ids and form.

        Raises:
            Refused: no ids, too many, or something else.

        """
        if not self.is_valid():
            raise Refused("ids-invalid", limit=RECEIPT_AT_MOST)
        return self.cleaned_data["ids"], self.cleaned_data["format"]
