"""Texts of refusals about statements, by code: title, and what to do next."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "day-gone": error(
        409,
        gettext_noop("A file of this version no longer counts."),
        gettext_noop(
            "So what each file contributed, and who was counted, cannot be shown. The"
            " figures of this version do not change."
        ),
    ),
    "day-unreadable": error(
        409,
        gettext_noop("A usage file of this day does not open."),
        gettext_noop(
            "So what each file contributed, and who was counted, cannot be shown. The"
            " billing team looks after the file."
        ),
    ),
    "statement-waits": error(
        503,
        gettext_noop("The figures of this period cannot be computed at the moment."),
        gettext_noop(
            "Some files are stored in the archive only, which cannot be reached now."
            " Nothing is lost; try again later."
        ),
    ),
    "statement-computing": error(
        503,
        gettext_noop("The figures of this period are being computed."),
        gettext_noop("Try again in a minute. Days already computed are kept."),
    ),
    "statement-running": error(
        409,
        gettext_noop("The period is not over yet."),
        gettext_noop("A statement can be issued once all days of the period are over."),
    ),
    "statement-unclassified": error(
        409,
        gettext_noop("Files of this period contain unknown licence keys."),
        gettext_noop("Classify the keys in the catalogue, then issue the statement."),
    ),
    "statement-unreadable": error(
        409,
        gettext_noop("Some files of this period no longer open."),
        gettext_noop(
            "The statement lists them. Ask the tenant to upload them again, or"
            " restore them, then issue the statement."
        ),
    ),
    "statement-incomplete": error(
        409,
        gettext_noop("The period is not complete."),
        gettext_noop(
            "Wait for the missing files, or close the incomplete period and give a"
            " reason."
        ),
    ),
    "statement-unchanged": error(
        409,
        gettext_noop("The last version already has these figures."),
        gettext_noop("There is nothing to issue."),
    ),
    "statement-needs-reason": error(
        409,
        gettext_noop("A later version or an incomplete period needs a reason."),
        gettext_noop("Enter the reason; it is printed on the statement."),
    ),
    "statement-empty": error(
        409,
        gettext_noop("No usage files are owed for this period, and none was received."),
        gettext_noop("No statement is needed."),
    ),
    "statement-changed": error(
        409,
        gettext_noop("The figures have changed since you loaded the page."),
        gettext_noop("Reload the page and check the figures before you issue them."),
    ),
    "evidence-gone": error(
        409,
        gettext_noop("The evidence of this version is no longer available."),
        gettext_noop(
            "Some of its files no longer count, or count for another day. Download the"
            " evidence of the draft instead."
        ),
    ),
    "licence-key-invalid": error(
        422,
        gettext_noop("This is not a licence key."),
        gettext_noop("A key has 1 to 128 characters and no control characters."),
    ),
    "nothing-changes": error(
        409,
        gettext_noop("The catalogue already has this classification."),
        gettext_noop("Nothing was changed."),
    ),
}
