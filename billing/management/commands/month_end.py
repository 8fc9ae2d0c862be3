"""Computes, and with --issue issues, the statements of a period for all tenants."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.coverage.periods import Period
from billing.models import MonthEndOutcome
from billing.statements import month_end
from billing.statements.month_end import RunProgress, RunRequest
from portal.approvals import optional
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.management import arguments


class Command(BaseCommand):
    help = "Computes the statements of a period for all tenants, or issues them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "period", type=arguments.line, metavar="PERIOD", help="as in 2026-05"
        )
        parser.add_argument(
            "--issue",
            action="store_true",
            help="issue complete statements; later versions only with --reason",
        )
        parser.add_argument(
            "--reason",
            type=arguments.reason,
            default="",
            metavar="TEXT",
            help="printed on the statements that are issued",
        )
        parser.add_argument(
            "--close-incomplete",
            action="store_true",
            help="also issue incomplete statements; needs --reason",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            wanted = RunRequest(
                period=Period.parse(options["period"]),
                is_issuing=options["issue"],
                with_incomplete=options["close_incomplete"],
                reason=optional(options["reason"]),
                by=f"{getpass.getuser()} (command line)",
                at=timezone.now(),
            )
            run = month_end.start(wanted, wakes=False)
        except ValueError as error:
            raise CommandError(str(error)) from error
        except Refused as problem:
            text = error_document(problem)[1]
            message = f"{text['title']} {text['advice']}"
            raise CommandError(message) from problem
        while month_end.work(now=timezone.now, has_time=lambda: True):
            pass
        with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
            found = month_end.progress(run)
        self._print(found)
        if found.waiting or found.failed:
            left = found.waiting + found.failed
            message = (
                f"Not done: {left} of {found.tenants} tenants; the log has the reasons."
                " Workers continue with the tenants that wait."
            )
            raise CommandError(message)

    def _print(self, found: RunProgress) -> None:
        self.stdout.write(f"{found.done} of {found.tenants} tenants")
        for outcome in MonthEndOutcome:
            count = found.outcomes.get(outcome, 0)
            if count:
                self.stdout.write(f"{count:>8}  {outcome.label}")
