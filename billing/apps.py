"""App configuration of billing: registers tiles, links, metrics, invariants."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import (
            history_text,
            receivers,  # noqa: F401 - connects its receivers
        )
        from billing.invariants import INVARIANTS
        from billing.mail import contacts
        from billing.mail import receivers as mail_receivers  # noqa: F401 - the same
        from billing.navigation import LINKS
        from billing.periods import metrics as period_metrics
        from billing.statements import error_text as statement_error_text
        from billing.statements import invariants as statement_invariants
        from billing.statements import metrics as statement_metrics
        from billing.tiles import TILES
        from portal import error_text
        from portal.health import invariants, metrics, readiness
        from portal.history import acts
        from portal.pages import staff_navigation, tiles

        error_text.register(statement_error_text.TEXTS)
        invariants.register(*INVARIANTS, *statement_invariants.INVARIANTS)
        readiness.register(*period_metrics.PARTS)
        metrics.register(period_metrics.summary_metrics)
        metrics.register(statement_metrics.statement_metrics)

        acts.register(
            history_text.ACTS, labels=history_text.LABELS, values=history_text.VALUES
        )
        contacts.register_kind()
        staff_navigation.register(*LINKS)
        for tile in TILES:
            tiles.register(tile)
        self._register_with_usage()

    def _register_with_usage(self) -> None:
        from billing.date_ranges import period_of, period_ranges
        from billing.mail import receipts as mail_receipts
        from billing.periods import completed
        from usage.files import date_ranges
        from usage.receipts import by_mail
        from usage.upload_runs import completed_periods

        date_ranges.register(period_ranges, period_of)
        by_mail.register(mail_receipts.mail_receipt)
        completed_periods.register(completed.completed_texts)
