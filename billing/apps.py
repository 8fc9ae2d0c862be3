from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import (
            asked,  # noqa: F401 - tables of their own
            late_flag,  # noqa: F401 - the same
            listening,  # noqa: F401 - listens to what usage announces
        )
        from billing.home import UPLOAD_TILE
        from billing.invariants import INVARIANTS
        from billing.spans import spans as find_spans
        from portal import invariants, tiles
        from usage import spans

        invariants.register(*INVARIANTS)

        tiles.register(UPLOAD_TILE)
        spans.register(find_spans)
