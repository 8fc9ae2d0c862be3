"""Texts of the refusals of API tokens."""

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: dict[str, ErrorText] = {
    "token-unknown": error(
        401,
        gettext_noop("This API token is not valid."),
        gettext_noop(
            "It may be mistyped or cut off. A tenant admin can create a new one on the"
            " page Automation."
        ),
    ),
    "token-expired": error(
        401,
        gettext_noop("This API token has expired."),
        gettext_noop(
            "A tenant admin can create a new one on the page Automation; save it in"
            " the file of the old one."
        ),
    ),
    "token-revoked": error(
        401,
        gettext_noop("This API token was revoked."),
        gettext_noop(
            "A tenant admin can create a new one on the page Automation; save it in"
            " the file of the old one."
        ),
    ),
    "token-network": error(
        403,
        gettext_noop("This API token may not be used from %(address)s."),
        gettext_noop(
            "Nothing was done. If the address is right, a tenant admin can create a"
            " token for it on the page Automation."
        ),
    ),
    "token-server": error(
        403,
        gettext_noop("This API token is for the files of another server."),
        gettext_noop(
            "Nothing was kept. Send the file with the token of its own server."
        ),
    ),
    "token-ended": error(
        409,
        gettext_noop("This token has ended or was replaced already."),
        gettext_noop("Nothing was changed. The page Automation lists all tokens."),
    ),
    "token-made-already": error(
        409,
        gettext_noop("This form has created its token already."),
        gettext_noop(
            "The token was shown once and is not shown again. If it is lost, revoke it"
            " and create another one."
        ),
    ),
    "too-many-requests": error(
        429,
        gettext_noop("There were too many requests in a short time."),
        gettext_noop("Nothing was done. Try again in %(seconds)d seconds."),
    ),
}
