"""Registers the system checks of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "portal"

    def ready(self) -> None:
        # Registers the system checks.
        from portal import checks  # noqa: F401 - imported for that alone
