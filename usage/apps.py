from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        from portal.health import invariants, metrics, readiness
        from portal.pages import tiles
        from usage import (
            checks,  # noqa: F401 - registers its system check
            inbox_rows,  # noqa: F401 - tables of their own
            inbox_taking,  # noqa: F401 - listens to what usage itself announces
            report,  # noqa: F401 - a table of its own
            server_request,  # noqa: F401 - the same
            watching,
        )
        from usage.home import TILES
        from usage.invariants import INVARIANTS

        invariants.register(*INVARIANTS)
        readiness.register(*watching.PARTS)
        metrics.register(watching.now_received)
        metrics.register(watching.counted, keep_for=metrics.RARELY)

        for tile in TILES:
            tiles.register(tile)
