"""Refreshes the stale summaries of billing periods now, or all summaries."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.models import MarkRank, SummaryMark
from billing.periods import marks, refresh
from billing.periods.marks import ALL_PERIODS
from portal.db import unit_of_work
from portal.models import Tenant

# A day: as long as it takes.
_SECONDS = 86_400.0


class Command(BaseCommand):
    help = "Refreshes all stale summaries now; the refresher does so within seconds."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--anew", action="store_true", help="mark all summaries as stale first"
        )
        parser.add_argument(
            "--tenant",
            metavar="NUMBER",
            help="with --anew: only this tenant's summaries",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["anew"]:
            self._mark(options["tenant"])
        elif options["tenant"]:
            message = "--tenant requires --anew"
            raise CommandError(message)
        is_done = refresh.refresh_all(seconds=_SECONDS, with_failed=True)
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            left = SummaryMark.objects.values("tenant").distinct().count()
        if not is_done:
            message = f"{left} tenants still have stale summaries; see the log."
            raise CommandError(message)
        self.stdout.write("All summaries are up to date.")

    def _mark(self, number: str | None) -> None:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            wanted = Tenant.objects.order_by("pk")
            if number is not None:
                wanted = wanted.filter(number=number)
            tenants = list(wanted.values_list("pk", flat=True))
        if number is not None and not tenants:
            message = f"There is no tenant {number}."
            raise CommandError(message)
        now = timezone.now()
        for tenant_id in tenants:
            with unit_of_work.acting_for(tenant_id, holding=True):
                marks.mark(tenant_id, ALL_PERIODS, at=now, rank=MarkRank.WIDE)
