"""Registers what usage adds to the portal: tiles, metrics, invariants, receivers."""

from django.apps import AppConfig


class UsageConfig(AppConfig):
    name = "usage"

    def ready(self) -> None:
        from portal import error_text
        from portal.health import invariants, metrics, readiness
        from portal.history import acts
        from portal.pages import staff_navigation, tiles
        from usage import (
            checks,  # noqa: F401 - registers its system check
            history_text,
            receivers,  # noqa: F401 - connects its receivers
        )
        from usage.maintenance import metrics as file_metrics
        from usage.maintenance.invariants import INVARIANTS
        from usage.navigation import LINKS
        from usage.servers import error_text as key_error_text
        from usage.tiles import TILES

        error_text.register(key_error_text.TEXTS)
        invariants.register(*INVARIANTS)
        readiness.register(*file_metrics.PARTS)
        metrics.register(file_metrics.unjudged_files_metric)
        metrics.register(file_metrics.file_metrics, keep_for=metrics.RARELY)

        acts.register(
            history_text.ACTS, labels=history_text.LABELS, values=history_text.VALUES
        )
        staff_navigation.register(*LINKS)
        for tile in TILES:
            tiles.register(tile)
