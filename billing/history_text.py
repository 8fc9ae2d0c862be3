"""The acts of billing in audit trails: lateness, excuses, statements, mails, notes."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from billing.coverage.periods import Period
from billing.models import Consequence, ExcuseKindChoices, VoidReason
from billing.periods.text import month_text
from portal.history.acts import (
    LOOKED_AT,
    OPERATION,
    PEOPLE,
    TENANT,
    ActGroup,
    ActText,
    CodeText,
)

LATE = ActGroup("late", _("Deadlines and late flags"), 50)
REQUESTS = ActGroup("requests", _("Excuses and licences"), 60)
STATEMENTS = ActGroup("statements", _("Billing data"), 70)
NOTES = ActGroup("notes", _("Notes of the billing staff"), 75)


def _month(period: str) -> str | None:
    try:
        return month_text(Period.parse(period))
    except ValueError:
        return None


# Reasons that billing staff give for each other; no page of a tenant shows them.
_REASON = frozenset({"reason"})

_LATE_ACTS = {
    "deadline-extended": ActText(
        LATE,
        _("Deadline extended"),
        _("{actor} extended the deadline of {subject} to {deadline_at}."),
        staff_only=_REASON,
        subject_text=_month,
    ),
    "deadline-zone-corrected": ActText(
        LATE,
        _("Time zone of a deadline corrected"),
        _("{actor} moved {subject} from the time zone {was} to {zone}."),
        staff_only=_REASON,
        subject_text=_month,
    ),
    "late-flag-raised": ActText(
        LATE,
        _("Late flag raised"),
        _("{actor} flagged {subject} as late."),
        subject_text=_month,
    ),
    "late-flag-voided": ActText(
        LATE,
        _("Late flag voided"),
        _("{actor} voided the late flag of {subject}."),
        subject_text=_month,
    ),
    "late-flag-stands-again": ActText(
        LATE,
        _("Late flag valid again"),
        _("{actor} made the late flag of {subject} valid again."),
        subject_text=_month,
    ),
    "late-flag-reopened": ActText(
        LATE,
        _("Late flag reopened"),
        _("{actor} reopened the late flag of {subject}: more days are missing."),
        subject_text=_month,
    ),
    "late-flag-completed": ActText(
        LATE,
        _("Late period completed"),
        _("{actor} found {subject} complete, after its deadline."),
        subject_text=_month,
    ),
    "late-flag-not-complete": ActText(
        LATE,
        _("Late period incomplete again"),
        _("{actor} found {subject} incomplete again."),
        subject_text=_month,
    ),
    "late-days-waived": ActText(
        LATE,
        _("Late days waived"),
        _("{actor} waived late days of {subject}."),
        staff_only=_REASON,
        subject_text=_month,
    ),
    "late-decided": ActText(
        LATE,
        _("Consequence of being late decided"),
        _("{actor} decided the consequence of being late in {subject}: {consequence}."),
        staff_only=_REASON,
        subject_text=_month,
    ),
    "safety-stop-raised": ActText(
        LATE,
        _("Safety stop raised"),
        _("{actor} stopped the flags of {subject}: {found} tenants would be late."),
        subject_text=_month,
    ),
    "safety-stop-released": ActText(
        LATE,
        _("Safety stop released"),
        _("{actor} released the safety stop of {subject}."),
        subject_text=_month,
    ),
}

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
        subject_text=_month,
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
    "escalation-chosen": ActText(
        PEOPLE,
        _("Late contact changed"),
        _("{actor} changed the late contact to {subject}."),
    ),
    "calendar-address-made": ActText(
        PEOPLE, _("Calendar link created"), _("{actor} created a calendar link.")
    ),
    "calendar-address-removed": ActText(
        PEOPLE, _("Calendar link removed"), _("{actor} removed a calendar link.")
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
        subject_text=_month,
    ),
}

_STAFF_ACTS = {
    "set-up-handed-over": ActText(
        TENANT,
        _("Set-up file downloaded"),
        _("{actor} downloaded a set-up file with the new API token {subject}."),
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

ACTS = {**_LATE_ACTS, **_REQUEST_ACTS, **_STATEMENT_ACTS, **_MAIL_ACTS, **_STAFF_ACTS}

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
    "period": _month,
    "consequence": dict(Consequence.choices).get,
    "kind": dict(ExcuseKindChoices.choices).get,
    "list": {"standings": _("billing desk"), "late-flags": _("late flags")}.get,
    "was": dict(Consequence.choices).get,
    "why": dict(VoidReason.choices).get,
}
