"""Forms of API tokens: a new one, and the overlap of a replaced one."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from portal.accounts import networks, tokens
from portal.accounts.tokens import TokenTerms
from portal.forms import LineField, LinesField
from portal.models import NETWORKS_AT_MOST, Scope

# Characters of all ranges as they are typed: each with its length and a line break,
# and room for spaces.
_NETWORKS_TYPED = NETWORKS_AT_MOST * 64


class TokenForm(forms.Form):
    """A new API token; each form makes at most one."""

    name = LineField(
        max_length=100,
        label=_("Name"),
        help_text=_("Where it is used, such as the name of a server or a program."),
    )
    scope = forms.ChoiceField(
        label=_("Permissions"),
        choices=[
            (Scope.UPLOAD.value, _("Read and upload: for a sender")),
            (Scope.READ.value, _("Read only: for reports and monitoring")),
        ],
    )
    server = forms.ChoiceField(
        required=False,
        label=_("Server"),
        help_text=_(
            "A token for one server can send the files of that server only, and read"
            " nothing else."
        ),
    )
    networks = LinesField(
        required=False,
        max_length=_NETWORKS_TYPED,
        label=_("Network ranges"),
        help_text=_(
            "One per line, such as 192.0.2.0/24 or 2001:db8::/48. Leave it empty to"
            " allow any address."
        ),
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.LASTS_AT_MOST.days,
        initial=tokens.LASTS.days,
        label=_("Days until it expires"),
        help_text=_("At most 365. Tenant admins get a mail 14 days before."),
    )
    form_key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, servers: Iterable[str]) -> None:
        super().__init__(data, initial={"form_key": uuid4()})
        field = self.fields["server"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the types
        field.choices = [("", _("all servers")), *((one, one) for one in servers)]

    def clean_networks(self) -> list[str]:
        """Return the ranges as they are stored."""
        typed = self.cleaned_data["networks"].replace(",", "\n").split()
        try:
            return networks.read_networks(typed)
        except networks.TooManyNetworksError as error:
            message = _("At most %(limit)d ranges.")
            raise ValidationError(
                message, params={"limit": NETWORKS_AT_MOST}
            ) from error
        except networks.NetworkTooLargeError as error:
            message = _("%(text)s is too large a range to be a limit.")
            raise ValidationError(message, params={"text": error.text}) from error
        except networks.NetworkError as error:
            message = _("%(text)s is not an address or a range such as 192.0.2.0/24.")
            raise ValidationError(message, params={"text": error.text}) from error

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("server") and cleaned.get("scope") == Scope.READ:
            message = _("A token that only reads cannot be limited to one server.")
            self.add_error("server", message)
        return cleaned

    def terms(self, *, user_id: int | None) -> TokenTerms:
        """Return the limits of the token, once the form is valid."""
        given = self.cleaned_data
        return TokenTerms(
            lasts=timedelta(days=given["days"]),
            server=given["server"],
            networks=given["networks"],
            user_id=user_id,
            form_key=given["form_key"],
        )


class ReplaceForm(forms.Form):
    """For how many days a replaced token still works."""

    days = forms.IntegerField(
        min_value=1,
        max_value=tokens.OVERLAP_DAYS_AT_MOST,
        initial=tokens.OVERLAP_DAYS,
        label=_("Days for which the old token still works"),
        help_text=_("From 1 to 14: time to save the new token on each server."),
    )
