from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Listens to what usage announces: a file was accepted.
        from billing import listening  # noqa: F401 - imported for that alone
