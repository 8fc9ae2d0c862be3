"""Texts for what prevents a statement from being shown or issued, by code."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "statement-waits": error(
        503,
        gettext_noop("The figures of this period cannot be computed at the moment."),
        gettext_noop(
            "Files that the archive alone has cannot be read now. Nothing is lost; try"
            " again later."
        ),
    ),
    "statement-computing": error(
        503,
        gettext_noop("The figures of this period are being computed."),
        gettext_noop("Try again in a minute: what is done by then is kept."),
    ),
    "statement-running": error(
        409,
        gettext_noop("The period is not over."),
        gettext_noop("A statement can be issued once all days of the period are over."),
    ),
    "statement-unclassified": error(
        409,
        gettext_noop("Files of this period contain unknown licence keys."),
        gettext_noop("Classify the keys in the catalogue; then issue the statement."),
    ),
    "statement-unreadable": error(
        409,
        gettext_noop("Files of this period do not open any more."),
        gettext_noop(
            "The statement names them. Have them uploaded again, or restore them, and"
            " then issue the statement."
        ),
    ),
    "statement-incomplete": error(
        409,
        gettext_noop("The period is not complete."),
        gettext_noop(
            "Wait for the missing files, or close the period as it is and give the"
            " reason."
        ),
    ),
    "statement-unchanged": error(
        409,
        gettext_noop("The last version has these figures already."),
        gettext_noop("There is nothing to issue."),
    ),
    "statement-needs-reason": error(
        409,
        gettext_noop("This needs a reason."),
        gettext_noop("Say why the statement is issued; the reason is printed on it."),
    ),
    "statement-empty": error(
        409,
        gettext_noop("Nothing is owed in this period, and nothing was used."),
        gettext_noop("No statement is needed."),
    ),
    "statement-changed": error(
        409,
        gettext_noop("The figures have changed since you loaded the page."),
        gettext_noop("Load the page again, and look at the figures before you issue."),
    ),
    "evidence-gone": error(
        409,
        gettext_noop("Files that this version rests on are counted otherwise now."),
        gettext_noop(
            "The evidence of this version cannot be made any more. Download that of"
            " the draft."
        ),
    ),
    "licence-key-invalid": error(
        422,
        gettext_noop("This is no licence key."),
        gettext_noop("A key has 1 to 128 characters, and no control characters."),
    ),
    "nothing-changes": error(
        409,
        gettext_noop("The catalogue says so already."),
        gettext_noop("Nothing was changed."),
    ),
}
