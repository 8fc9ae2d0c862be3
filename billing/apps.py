from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        # Listens to what usage announces: a file was accepted.
        from billing import listening  # noqa: F401 - imported for that alone
        from billing.home import UPLOAD_TILE
        from billing.invariants import INVARIANTS
        from billing.spans import spans as find_spans
        from portal import invariants, tiles
        from usage import spans

        invariants.register(*INVARIANTS)

        tiles.register(UPLOAD_TILE)
        spans.register(find_spans)
