"""Refreshes the stale summaries of billing periods now, or all summaries."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.models import MarkRank, SummaryMark
from billing.periods import marks, refresh
from billing.periods.marks import ALL_PERIODS
from portal.db import unit_of_work
from portal.management import arguments
from portal.management.tenants import find_tenant
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
            type=arguments.line,
            metavar="NUMBER",
            help="only this tenant's",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        only = find_tenant(options["tenant"]).pk if options["tenant"] else None
        if options["anew"]:
            self._mark(only)
        marked = self._marked(only)
        is_done = refresh.refresh_all(seconds=_SECONDS, only=only, with_failed=True)
        if not is_done:
            left = self._marked(only)
            message = f"{left} tenants still have stale summaries; see the log."
            raise CommandError(message)
        self.stdout.write(f"Tenants refreshed: {marked}. All summaries are up to date.")

    def _marked(self, only: int | None) -> int:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            rows = SummaryMark.objects.all()
            if only is not None:
                rows = rows.filter(tenant=only)
            return rows.values("tenant").distinct().count()

    def _mark(self, only: int | None) -> None:
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            wanted = Tenant.objects.order_by("pk")
            if only is not None:
                wanted = wanted.filter(pk=only)
            tenants = list(wanted.values_list("pk", flat=True))
        now = timezone.now()
        for tenant_id in tenants:
            with unit_of_work.acting_for(tenant_id, holding=True):
                marks.mark(tenant_id, ALL_PERIODS, at=now, rank=MarkRank.WIDE)
