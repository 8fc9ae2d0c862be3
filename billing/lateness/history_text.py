"""The acts of deadlines and late flags in audit trails."""

from django.utils.translation import gettext_lazy as _

from billing.coverage.periods import Period
from billing.periods.text import month_text
from portal.history.acts import ActGroup, ActText

LATE = ActGroup("late", _("Late-from times and late flags"), 50)


def month_of_code(period: str) -> str | None:
    """Return the text of a period that is a subject; None if it is no period."""
    try:
        return month_text(Period.parse(period))
    except ValueError:
        return None


# Reasons that billing staff give for each other; no page of a tenant shows them.
REASON = frozenset({"reason"})

LATE_ACTS = {
    "deadline-extended": ActText(
        LATE,
        _("Late-from time extended"),
        _("{actor} extended the late-from time of {subject} to {deadline_at}."),
        staff_only=REASON,
        subject_text=month_of_code,
    ),
    "deadline-zone-corrected": ActText(
        LATE,
        _("Time zone of a period corrected"),
        _("{actor} moved {subject} from the time zone {was} to {zone}."),
        staff_only=REASON,
        subject_text=month_of_code,
    ),
    "late-flag-raised": ActText(
        LATE,
        _("Late flag raised"),
        _("{actor} flagged {subject} as late."),
        subject_text=month_of_code,
    ),
    "late-flag-voided": ActText(
        LATE,
        _("Late flag voided"),
        _("{actor} voided the late flag of {subject}."),
        subject_text=month_of_code,
    ),
    "late-flag-stands-again": ActText(
        LATE,
        _("Late flag valid again"),
        _("{actor} made the late flag of {subject} valid again."),
        subject_text=month_of_code,
    ),
    "late-flag-reopened": ActText(
        LATE,
        _("Late flag reopened"),
        _("{actor} reopened the late flag of {subject}: more days are missing."),
        subject_text=month_of_code,
    ),
    "late-flag-completed": ActText(
        LATE,
        _("Late period completed"),
        _("{actor} found {subject} complete, after the late-from time."),
        subject_text=month_of_code,
    ),
    "late-flag-not-complete": ActText(
        LATE,
        _("Late period incomplete again"),
        _("{actor} found {subject} incomplete again."),
        subject_text=month_of_code,
    ),
    "late-days-waived": ActText(
        LATE,
        _("Late days waived"),
        _("{actor} waived late days of {subject}."),
        staff_only=REASON,
        subject_text=month_of_code,
    ),
    "late-decided": ActText(
        LATE,
        _("Consequence of being late decided"),
        _("{actor} decided the consequence of being late in {subject}: {consequence}."),
        staff_only=REASON,
        subject_text=month_of_code,
    ),
    "safety-stop-raised": ActText(
        LATE,
        _("Safety stop raised"),
        _("{actor} stopped the flags of {subject}: {found} tenants would be late."),
        subject_text=month_of_code,
    ),
    "safety-stop-released": ActText(
        LATE,
        _("Safety stop released"),
        _("{actor} released the safety stop of {subject}."),
        subject_text=month_of_code,
    ),
}
