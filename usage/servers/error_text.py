"""Texts of the refusals about keys of servers and tenants, by code."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop

from portal.error_text import ErrorText, error

TEXTS: Mapping[str, ErrorText] = {
    "key-revoked": error(
        409,
        gettext_noop("This key of the server is revoked. Nothing was changed."),
        gettext_noop(
            "A revoked key can never be confirmed again. Give the server a new key,"
            " and register that one."
        ),
    ),
    "key-refused": error(
        409,
        gettext_noop("This key of the server was refused. Nothing was changed."),
        gettext_noop(
            "A refused key can never be confirmed. Give the server a new key, and"
            " register that one."
        ),
    ),
    "revocation-ahead": error(
        422,
        gettext_noop("A key cannot be revoked from a time in the future."),
        gettext_noop("Nothing was changed. Choose now or an earlier time."),
    ),
    "sealing-key-needed": error(
        409,
        gettext_noop("This is the last sealing key in use. Nothing was changed."),
        gettext_noop("Issue a new sealing key first, then retire this one."),
    ),
}
