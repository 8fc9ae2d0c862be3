from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import (
            asked,  # noqa: F401 - tables of their own
            late_flag,  # noqa: F401 - the same
            listening,  # noqa: F401 - listens to what usage announces
            mail_rows,  # noqa: F401 - tables of their own
            reminder_row,  # noqa: F401 - a table of its own
        )
        from billing.home import PEOPLE_TILE, UPLOAD_TILE
        from billing.invariants import INVARIANTS
        from billing.spans import spans as find_spans
        from portal.health import invariants
        from portal.pages import tiles
        from usage.files import date_ranges

        invariants.register(*INVARIANTS)

        tiles.register(UPLOAD_TILE)
        tiles.register(PEOPLE_TILE)
        date_ranges.register(find_spans)
