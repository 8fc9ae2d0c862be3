"""Maps the problem codes of second factors to status, title and advice."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "factor-waits": error(
        403,
        gettext_noop("You cannot set up a second factor yet."),
        gettext_noop(
            "A colleague has reset yours. You can set up a new one 24 hours after the"
            " reset."
        ),
    ),
    "factor-exists": error(
        409,
        gettext_noop("Your account has this second factor already."),
        gettext_noop("Remove the authenticator app first if you want another one."),
    ),
    "factor-missing": error(
        409,
        gettext_noop("Your account has no second factor."),
        gettext_noop("Set up an authenticator app or a passkey first."),
    ),
    "last-factor": error(
        409,
        gettext_noop("Your account needs a second factor, and this is the last one."),
        gettext_noop("Nothing was removed. Add another one first."),
    ),
    "too-many-passkeys": error(
        409,
        gettext_noop("An account has at most %(limit)d passkeys."),
        gettext_noop("Remove one that you no longer use."),
    ),
}
