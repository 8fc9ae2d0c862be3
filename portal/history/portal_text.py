"""The acts of the portal's own entries in audit trails, and labels of their details."""

from collections.abc import Mapping
from functools import partial

from django.utils.translation import gettext_lazy as _

from portal.history.acts import (
    LOOKED_AT,
    OPERATION,
    PEOPLE,
    TENANT,
    ActText,
    CodeText,
    value_text,
)
from portal.models import Role, Scope, StaffRole

_PEOPLE_ACTS = {
    "person-invited": ActText(
        PEOPLE,
        _("Person invited"),
        _("{actor} invited {subject} to the role {role}."),
    ),
    "invitation-sent-again": ActText(
        PEOPLE,
        _("Invitation sent again"),
        _("{actor} sent the invitation of {subject} again."),
    ),
    "invitation-withdrawn": ActText(
        PEOPLE,
        _("Invitation withdrawn"),
        _("{actor} withdrew the invitation of {subject}."),
    ),
    "invitation-accepted": ActText(
        PEOPLE,
        _("Invitation accepted"),
        _("{actor} accepted the invitation to the role {role}."),
    ),
    "member-left": ActText(
        PEOPLE,
        _("Member left"),
        _("{actor} left the company; the role was {role}."),
    ),
    "member-removed": ActText(
        PEOPLE,
        _("Member removed"),
        _("{actor} removed {subject}, who had the role {role}."),
    ),
    "second-factor-required": ActText(
        PEOPLE,
        _("Second factor required"),
        _("{actor} required a second factor of everybody in the company."),
    ),
    "second-factor-optional": ActText(
        PEOPLE,
        _("Second factor no longer required"),
        _("{actor} no longer required a second factor of everybody in the company."),
    ),
    "second-factor-reset": ActText(
        PEOPLE,
        _("Second factors of a person reset"),
        _("{actor} reset the second factors of {subject}."),
    ),
    "staff-role-changed": ActText(
        PEOPLE,
        _("Role of somebody of the billing staff changed"),
        _("{actor} changed the role of {subject} from {was} to {role}."),
    ),
    "account-closed": ActText(
        PEOPLE,
        _("Account closed"),
        _("{actor} closed the account of {subject}."),
    ),
    "address-changed": ActText(
        PEOPLE,
        _("Mail address of a person changed"),
        _("{actor} changed the mail address from {was} to {subject}."),
    ),
    "sessions-ended": ActText(
        PEOPLE,
        _("Sessions of a person ended"),
        _("{actor} ended {sessions} sessions of {subject}."),
    ),
}

ACTS = {
    "tenant-opened": ActText(
        TENANT,
        _("Tenant opened"),
        _("{actor} opened the tenant {name}."),
    ),
    "tenant-zone-changed": ActText(
        TENANT,
        _("Time zone of the tenant changed"),
        _("{actor} changed the time zone of the tenant from {was} to {zone}."),
        staff_only=frozenset({"reason"}),
    ),
    "member-added": ActText(
        PEOPLE,
        _("Member added"),
        _("{actor} added {subject} as a member with the role {role}."),
    ),
    "member-changed": ActText(
        PEOPLE,
        _("Role of a member changed"),
        _("{actor} gave the member {subject} the role {role}."),
    ),
    "token-issued": ActText(
        PEOPLE,
        _("API token created"),
        _("{actor} created the API token {subject}."),
    ),
    "token-revoked": ActText(
        PEOPLE,
        _("API token revoked"),
        _("{actor} revoked the API token {subject}."),
    ),
    "token-replaced": ActText(
        PEOPLE,
        _("API token replaced"),
        _("{actor} replaced the API token {subject}."),
    ),
    **_PEOPLE_ACTS,
    "tenant-looked-at": ActText(
        LOOKED_AT,
        _("Pages of the tenant looked at by billing staff"),
        _("{actor} looked at pages of the tenant, for the first time that day."),
    ),
    "tenants-exported": ActText(
        LOOKED_AT,
        _("List of several tenants downloaded"),
        _("{actor} downloaded a list of several tenants: {subject}."),
        subject_text=partial(value_text, "list"),
    ),
    "mail-stopped": ActText(
        OPERATION,
        _("All mail stopped"),
        _("{actor} stopped all mail. Reason: {subject}"),
    ),
    "mail-goes-on": ActText(
        OPERATION,
        _("Mail resumed"),
        _("{actor} resumed sending mail. Reason: {subject}"),
    ),
    "mail-stamped": ActText(
        OPERATION,
        _("Installation chosen to send mail"),
        _("{actor} chose this installation to send mail."),
    ),
}

LABELS = {
    "account_closed": _("Account closed"),
    "address": _("Mail address"),
    "day": _("Day"),
    "filters": _("Filters"),
    "first_owed_on": _("First owed day"),
    "format": _("Format"),
    "invitation": _("Number of the invitation"),
    "invited_by": _("Invited by"),
    "ip": _("IP address"),
    "is": _("Is"),
    "kind": _("Kind"),
    "key": _("Key"),
    "name": _("Name"),
    "page": _("Page"),
    "period": _("Period"),
    "reason": _("Reason"),
    "role": _("Role"),
    "rows": _("Rows"),
    "scope": _("Permissions"),
    "sessions": _("Sessions"),
    "sha256": _("SHA-256"),
    "token": _("Number of the token"),
    "was": _("Before"),
    "zone": _("Time zone"),
}

VALUES: Mapping[str, CodeText] = {
    "list": {"audit-trail": _("audit trail")}.get,
    "role": {**dict(Role.choices), **dict(StaffRole.choices)}.get,
    "scope": dict(Scope.choices).get,
}
