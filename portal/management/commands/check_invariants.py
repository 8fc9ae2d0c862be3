"""Checks everything that must always hold, and reports what does not."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from portal.health import invariants
from portal.health.invariants import CheckCost, ReportedFinding


class Command(BaseCommand):
    help = "Checks what always has to hold; exit code 1 if something does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", default="", help="customer number; else all")
        parser.add_argument(
            "--rows-only", action="store_true", help="open no stored file"
        )
        parser.add_argument(
            "--s3", action="store_true", help="ask S3 for every confirmed file, too"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenants = invariants.tenants_to_check(options["tenant"])
        if options["tenant"] and not tenants:
            message = f"There is no tenant {options['tenant']}."
            raise CommandError(message)
        try:
            told = self._look(tenants, **options)
        except OperationalError as error:
            message = f"The database did not answer; nothing is known: {error}"
            raise CommandError(message, returncode=2) from error
        checked = len(invariants.registered(_reads(**options)))
        if options["json"]:
            found = [_as_json(one) for one in told]
            summary = {"invariants": checked, "tenants": len(tenants)}
            self.stdout.write(json.dumps({**summary, "findings": found}))
        breaches = sum(one.finding.is_breach for one in told)
        if breaches:
            message = f"Found {breaches} times what must never be."
            raise CommandError(message)
        if not options["json"]:
            self.stdout.write(f"{checked} invariants hold in {len(tenants)} tenants.")

    def _look(
        self, tenants: list[tuple[int, str]], **options: Any
    ) -> list[ReportedFinding]:
        """Tell each finding as it is made: on a large installation it takes a while."""
        told = []
        now = timezone.now()
        reads = _reads(**options)
        for one in invariants.findings(tenants=tenants, reads=reads, at=now):
            told.append(one)
            if not options["json"]:
                self.stdout.write(_in_words(one))
        return told


def _reads(**options: Any) -> CheckCost:
    if options["s3"]:
        return CheckCost.BUCKET
    return CheckCost.ROWS if options["rows_only"] else CheckCost.BYTES


def _in_words(told: ReportedFinding) -> str:
    kind = "BROKEN" if told.finding.is_breach else "warning"
    where = f"tenant {told.tenant}: " if told.tenant else ""
    return (
        f"{kind} {told.invariant.name} ({told.invariant.sentence})\n"
        f"  {where}{told.finding.subject} {told.finding.says}."
    )


def _as_json(told: ReportedFinding) -> dict[str, Any]:
    return {
        "invariant": told.invariant.name,
        "sentence": told.invariant.sentence,
        "tenant": told.tenant or None,
        "subject": told.finding.subject,
        "says": told.finding.says,
        "is_breach": told.finding.is_breach,
    }
