"""Maps the problem codes of accounts to status, title and advice."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "second-factor-needed": error(
        403,
        gettext_noop("Your account needs a second factor."),
        gettext_noop("Sign in on the pages of the portal, and set it up there."),
    ),
    "sign-in-not-fresh": error(
        403,
        gettext_noop("This needs a sign-in within the last 10 minutes."),
        gettext_noop("Confirm your identity on the pages of the portal."),
    ),
    "people-only": error(
        403,
        gettext_noop("A token may not do this."),
        gettext_noop("Sign in to the portal, and do it on its page."),
    ),
    "account-closed": error(
        403,
        gettext_noop("This account is closed."),
        gettext_noop(
            "It cannot be reopened. A tenant admin of your company can invite another"
            " mail address."
        ),
    ),
}
