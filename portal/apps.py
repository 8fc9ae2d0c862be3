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
        from portal import checks  # noqa: F401 - imported for that alone
        from portal.accounts import receivers  # noqa: F401 - the same
        from portal.accounts.error_text import TEXTS
        from portal.error_text import register

        register(TEXTS)
        from portal.history import acts, portal_text
        from portal.history.navigation import LINKS, TILE
        from portal.pages import staff_navigation, tiles

        acts.register(
            portal_text.ACTS, labels=portal_text.LABELS, values=portal_text.VALUES
        )
        staff_navigation.register(*LINKS)
        tiles.register(TILE)
        from portal.accounts import token_error_text

        register(token_error_text.TEXTS)
