"""Registers checks, links and acts of the portal; closes VAR to other users."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from portal.stack import folder


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        try:
            folder.close_to_others(settings.VAR)
        except folder.ExposedError as error:
            raise ImproperlyConfigured(str(error)) from error
        # Registers the system checks, and what happens when somebody signs in.
        from portal import (
            checks,  # noqa: F401 - imported for that alone
            error_text,
        )
        from portal.accounts import error_text as account_error_text
        from portal.accounts import (
            receivers,  # noqa: F401 - the same
            token_error_text,
        )
        from portal.history import acts, portal_text
        from portal.history.navigation import LINKS, TILE
        from portal.pages import staff_navigation, tiles
        from portal.people import error_text as people_error_text
        from portal.people import mails as people_mails
        from portal.second_factor import error_text as factor_error_text
        from portal.security_pages import navigation as security_navigation

        for texts in (
            *(account_error_text, token_error_text),
            *(people_error_text, factor_error_text),
        ):
            error_text.register(texts.TEXTS)
        people_mails.register_kinds()
        acts.register(
            portal_text.ACTS, labels=portal_text.LABELS, values=portal_text.VALUES
        )
        staff_navigation.register(*LINKS, *security_navigation.STAFF_LINKS)
        tiles.register(TILE)
