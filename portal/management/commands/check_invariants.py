"""Checks all invariants, and prints every breach and warning."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError
from django.utils import timezone

from portal.health import invariants
from portal.health.invariants import CheckCost, ReportedFinding
from portal.management import arguments


class Command(BaseCommand):
    help = "Checks what always has to hold; exit code 1 if something does not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--tenant", type=arguments.line, help="customer number; else all"
        )
        parser.add_argument(
            "--rows-only", action="store_true", help="open no stored file"
        )
        parser.add_argument(
            "--s3", action="store_true", help="ask S3 for every confirmed file, too"
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        wanted = options["tenant"] or ""
        tenants = invariants.tenants_to_check(wanted)
        if wanted and not tenants:
            message = f"There is no tenant {wanted}."
            raise CommandError(message)
        try:
            reported = self._report(tenants, **options)
        except OperationalError as error:
            message = f"The database did not answer; nothing is known: {error}"
            raise CommandError(message, returncode=2) from error
        checked = len(invariants.registered(_reads(**options)))
        if options["json"]:
            found = [_as_json(one) for one in reported]
            summary = {"invariants": checked, "tenants": len(tenants)}
            self.stdout.write(json.dumps({**summary, "findings": found}))
        breaches = sum(one.finding.is_breach for one in reported)
        if breaches:
            message = f"Found {breaches} times what must never be."
            raise CommandError(message)
        if not options["json"]:
            self.stdout.write(f"{checked} invariants hold in {len(tenants)} tenants.")

    def _report(
        self, tenants: list[tuple[int, str]], **options: Any
    ) -> list[ReportedFinding]:
        """Print each finding as it is made: a large installation takes a while."""
        reported = []
        now = timezone.now()
        reads = _reads(**options)
        for one in invariants.findings(tenants=tenants, reads=reads, at=now):
            reported.append(one)
            if not options["json"]:
                self.stdout.write(_as_text(one))
        return reported


def _reads(**options: Any) -> CheckCost:
    if options["s3"]:
        return CheckCost.BUCKET
    return CheckCost.ROWS if options["rows_only"] else CheckCost.BYTES


def _as_text(reported: ReportedFinding) -> str:
    kind = "BROKEN" if reported.finding.is_breach else "warning"
    where = f"tenant {reported.tenant}: " if reported.tenant else ""
    return (
        f"{kind} {reported.invariant.name} ({reported.invariant.sentence})\n"
        f"  {where}{reported.finding.subject} {reported.finding.text}."
    )


def _as_json(reported: ReportedFinding) -> dict[str, Any]:
    return {
        "invariant": reported.invariant.name,
        "sentence": reported.invariant.sentence,
        "tenant": reported.tenant or None,
        "subject": reported.finding.subject,
        "says": reported.finding.text,
        "is_breach": reported.finding.is_breach,
    }
