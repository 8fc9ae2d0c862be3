"""Forms about people: invitations, the account of an invited person, the profile."""

from typing import Any

from allauth.account import forms as theirs
from django import forms
from django.utils.translation import gettext_lazy as _

from portal.forms import LineField, MailAddressField, zone_choices
from portal.models import Role, StaffRole, User
from portal.people.invite import InvitedPerson

# Of what a person does the address is stored in 200 characters, with additions.
_ADDRESS = 180
_NAME = 200


class _InviteForm(forms.Form):
    address = MailAddressField(max_length=_ADDRESS, label=_("Mail address"))
    name = LineField(
        max_length=_NAME,
        required=False,
        label=_("Name"),
        help_text=_(
            "The mail greets the person by this name. They can choose another one."
        ),
    )

    def invited(self) -> InvitedPerson:
        return InvitedPerson(
            address=self.cleaned_data["address"],
            role=self.cleaned_data["role"],
            name=self.cleaned_data["name"],
        )


class InviteMemberForm(_InviteForm):
    """Somebody to invite to a tenant."""

    role = forms.ChoiceField(
        choices=Role,
        initial=Role.VIEWER,
        label=_("Role"),
        help_text=_(
            "Viewers see everything of this company, uploaders send files as well,"
            " tenant admins also confirm server keys and manage people."
        ),
    )


class InviteAdminForm(_InviteForm):
    """A tenant admin to invite; the role is not a choice of the billing staff."""

    def invited(self) -> InvitedPerson:
        return InvitedPerson(
            address=self.cleaned_data["address"],
            role=Role.ADMIN,
            name=self.cleaned_data["name"],
        )


class InviteStaffForm(_InviteForm):
    """Somebody to invite to the billing staff."""

    role = forms.ChoiceField(
        choices=StaffRole,
        initial=StaffRole.AUDITOR,
        label=_("Role"),
        help_text=_(
            "An auditor sees all tenants; a billing clerk also decides for them."
        ),
    )


class RoleForm(forms.Form):
    """Another role of a member."""

    role = forms.ChoiceField(choices=Role, label=_("Role"))


class StaffRoleForm(forms.Form):
    """Another role of somebody of the billing staff."""

    role = forms.ChoiceField(choices=StaffRole, label=_("Role"))


class AccountForm(theirs.SetPasswordForm):
    """The name and the password of an invited person who has no account yet.

    The rules of passwords compare with name and address, so the form has a person who
    is not stored.
    """

    name = LineField(max_length=_NAME, label=_("Your name"))

    def __init__(self, data: Any, *, address: str, name: str) -> None:
        person = User(email=address, name=name)
        super().__init__(data=data, user=person, initial={"name": name})
        typed = self.data.get("name")
        if typed:
            person.name = str(typed)[:_NAME]


class ProfileForm(forms.Form):
    """The name and the time zone of a person."""

    name = LineField(max_length=_NAME, label=_("Name"))
    zone = forms.ChoiceField(
        choices=zone_choices,
        required=False,
        label=_("Your time zone"),
        help_text=_(
            "Pages show the current time in this zone too, not only in that of the"
            " company."
        ),
    )


class NewAddressForm(forms.Form):
    address = MailAddressField(max_length=_ADDRESS, label=_("New mail address"))
