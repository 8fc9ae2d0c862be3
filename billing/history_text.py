"""The acts of billing in audit trails: lateness, excuses, statements, mails, notes."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from billing.lateness.history_text import LATE_ACTS, month_of_code
from billing.models import Consequence, ExcuseKindChoices, VoidReason
from portal.history.acts import (
    LOOKED_AT,
    OPERATION,
    PEOPLE,
    TENANT,
    ActGroup,
    ActText,
    CodeText,
)

REQUESTS = ActGroup("requests", _("Excuses and licences"), 60)
STATEMENTS = ActGroup("statements", _("Billing data"), 70)
NOTES = ActGroup("notes", _("Notes of the billing staff"), 75)


_REQUEST_ACTS = {
    "excuse-asked": ActText(
        REQUESTS,
        _("Excuse requested"),
        _("{actor} requested an excuse for server {subject}."),
    ),
    "excuse-approved": ActText(
        REQUESTS,
        _("Excuse approved"),
        _("{actor} approved an excuse for server {subject}."),
    ),
    "excuse-refused": ActText(
        REQUESTS,
        _("Excuse refused"),
        _("{actor} refused an excuse for server {subject}."),
    ),
    "excuse-withdrawn": ActText(
        REQUESTS,
        _("Request for an excuse withdrawn"),
        _("{actor} withdrew the request for an excuse for server {subject}."),
    ),
    "excuse-answered": ActText(
        REQUESTS,
        _("Excuse no longer needed"),
        _("{actor} closed an excuse for server {subject}: its days are covered."),
    ),
    "excuse-reopened": ActText(
        REQUESTS,
        _("Excuse needed again"),
        _("{actor} reopened an excuse for server {subject}."),
    ),
    "licences-recorded": ActText(
        REQUESTS,
        _("Licence keys recorded"),
        _("{actor} recorded the licence keys {subject} from {from_on} on."),
    ),
    "licences-asked": ActText(
        REQUESTS,
        _("Licence keys requested"),
        _("{actor} requested the licence keys {subject} from {from_on} on."),
    ),
    "licences-approved": ActText(
        REQUESTS,
        _("Request for licence keys approved"),
        _("{actor} approved the licence keys {subject} from {from_on} on."),
    ),
    "licences-refused": ActText(
        REQUESTS,
        _("Request for licence keys refused"),
        _("{actor} refused the licence keys {subject} from {from_on} on."),
    ),
    "licences-withdrawn": ActText(
        REQUESTS,
        _("Request for licence keys withdrawn"),
        _("{actor} withdrew the request for the licence keys {subject}."),
    ),
}

_STATEMENT_ACTS = {
    "statement-issued": ActText(
        STATEMENTS, _("Statement issued"), _("{actor} issued the statement {subject}.")
    ),
    "month-end-started": ActText(
        STATEMENTS,
        _("Month end started"),
        _("{actor} started the month end of {subject}."),
        subject_text=month_of_code,
    ),
    "keys-classified": ActText(
        STATEMENTS,
        _("Licence keys classified"),
        _("{actor} classified licence keys: {subject}."),
    ),
    "evidence-downloaded": ActText(
        LOOKED_AT,
        _("Evidence downloaded"),
        _("{actor} downloaded the evidence of the statement {subject}."),
    ),
    "users-listed": ActText(
        LOOKED_AT,
        _("Counted users listed by name"),
        _("{actor} listed by name who was counted on {day} in {subject}."),
    ),
}

_MAIL_ACTS = {
    "reminders-chosen": ActText(
        PEOPLE,
        _("Reminders chosen"),
        _("{actor} chose whether {subject} gets reminders: {wanted}."),
    ),
    "statement-mails-chosen": ActText(
        PEOPLE,
        _("Mails about statements chosen"),
        _("{actor} chose whether {subject} gets mails about statements: {wanted}."),
    ),
    "late-contact-chosen": ActText(
        PEOPLE,
        _("Contact for late mails chosen"),
        _("{actor} chose {subject} as the contact for late mails."),
    ),
    "late-contact-confirmed": ActText(
        PEOPLE,
        _("Contact for late mails confirmed"),
        _("{actor} confirmed the mail address as the contact for late mails."),
    ),
    "late-contact-removed": ActText(
        PEOPLE,
        _("Contact for late mails removed"),
        _("{actor} removed the contact for late mails."),
    ),
    "escalation-chosen": ActText(
        PEOPLE,
        _("Contact for late mails changed"),
        _("{actor} changed the contact for late mails to {subject}."),
    ),
    "calendar-address-made": ActText(
        PEOPLE, _("Calendar link created"), _("{actor} created a calendar link.")
    ),
    "calendar-address-removed": ActText(
        PEOPLE,
        _("Calendar link removed"),
        _("{actor} removed the calendar link of {subject}."),
    ),
    "mail-sent-again": ActText(
        OPERATION,
        _("Mail sent again"),
        _("{actor} had a mail sent to {subject} again."),
    ),
    "mail-arrived": ActText(
        OPERATION,
        _("Mail marked as arrived"),
        _("{actor} marked a mail to {subject} as arrived."),
    ),
    "reminded-now": ActText(
        OPERATION,
        _("Tenants reminded at once"),
        _("{actor} had tenants reminded of {subject}."),
        subject_text=month_of_code,
    ),
}

_STAFF_ACTS = {
    "set-up-handed-over": ActText(
        TENANT,
        _("Server set-up downloaded"),
        _("{actor} downloaded a server set-up with the new API token {subject}."),
    ),
    "note-written": ActText(
        NOTES, _("Note written"), _("{actor} wrote a note about tenant {subject}.")
    ),
    "note-corrected": ActText(
        NOTES,
        _("Note corrected"),
        _("{actor} corrected a note about tenant {subject}."),
    ),
    "note-withdrawn": ActText(
        NOTES, _("Note withdrawn"), _("{actor} withdrew a note about tenant {subject}.")
    ),
}

ACTS = {**LATE_ACTS, **_REQUEST_ACTS, **_STATEMENT_ACTS, **_MAIL_ACTS, **_STAFF_ACTS}

LABELS = {
    "consequence": _("Consequence"),
    "days": _("Days"),
    "deadline_at": _("Late from"),
    "deadline_was": _("Late from, before"),
    "excuse": _("Number of the request"),
    "figures_sha256": _("SHA-256 of the figures"),
    "first": _("First"),
    "first_sequence": _("First file number"),
    "from_on": _("From"),
    "is_issuing": _("Issues statements"),
    "lacking": _("Server-days and files that are missing"),
    "last": _("Last"),
    "last_sequence": _("Last file number"),
    "late": _("Late server-days"),
    "left": _("Days not waived"),
    "line": _("Line"),
    "mails": _("Mails"),
    "note": _("Number of the note"),
    "series": _("Series"),
    "state": _("State"),
    "subject": _("Subject"),
    "tenants": _("Tenants"),
    "text": _("Text"),
    "usual": _("Usual number"),
    "valid_from": _("Valid from"),
    "version": _("Version"),
    "wanted": _("Wanted"),
    "why": _("Reason"),
    "with_incomplete": _("With incomplete periods"),
}

VALUES: Mapping[str, CodeText] = {
    "period": month_of_code,
    "consequence": dict(Consequence.choices).get,
    "kind": dict(ExcuseKindChoices.choices).get,
    "list": {"standings": _("billing desk"), "late-flags": _("late flags")}.get,
    "was": dict(Consequence.choices).get,
    "why": dict(VoidReason.choices).get,
}
