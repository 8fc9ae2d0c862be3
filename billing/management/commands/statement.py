"""Prints the statement of a tenant and period."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing.coverage.periods import Period
from billing.statements import queries
from portal.errors import Refused, Unavailable, error_document
from portal.management import arguments
from portal.management.tenants import find_tenant

# Seconds to wait for the figures: enough for the largest month.
_SECONDS = 600.0

# The columns of the table: their heads, and the figures of a line.
_COLUMNS = (
    ("named users", "named_users"),
    ("peak", "peak"),
    ("peak at", "peak_at"),
    ("held 30 min", "held_30min"),
    ("logins", "logins"),
    ("seconds used", "used_seconds"),
)


class Command(BaseCommand):
    help = "Prints a statement: the last issued version, or the provisional one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "tenant", type=arguments.line, metavar="TENANT", help="customer number"
        )
        parser.add_argument(
            "period", type=arguments.line, metavar="PERIOD", help="as in 2026-05"
        )
        parser.add_argument(
            "--json", action="store_true", help="print the whole document as JSON"
        )
        parser.add_argument(
            "--statement-version",
            dest="version",
            type=arguments.line,
            default=queries.LATEST,
            metavar="VERSION",
            help="a version number, latest (default) or draft",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        try:
            period = Period.parse(options["period"])
            found = queries.serve(
                tenant.pk,
                period,
                version=options["version"],
                at=timezone.now(),
                seconds=_SECONDS,
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        except (Refused, Unavailable) as problem:
            text = error_document(problem)[1]
            message = f"{text['title']} {text['advice']}"
            raise CommandError(message) from problem
        if options["json"]:
            self.stdout.write(found.document.decode())
        else:
            self._print(found.content())

    def _print(self, statement: dict[str, Any]) -> None:
        about, period = statement["statement"], statement["period"]
        name = about["number"] or about["state"]
        self.stdout.write(f"{statement['tenant']['name']}, {period['name']}: {name}")
        complete = statement["completeness"]
        self.stdout.write(
            f"{complete['owed']} server-days owed, {complete['missing']} missing,"
            f" {complete['with_us']} with the billing team,"
            f" {complete['lost']} lost, {complete['pending']} not over"
        )
        for heading, values in (
            ("keys not classified", statement["catalogue"]["unclassified"]),
            ("files that do not open", statement["files"]["unreadable"]),
        ):
            if values:
                self.stdout.write(f"{heading}: {', '.join(values)}")
        self.stdout.write(_row("line", [head for head, _ in _COLUMNS]))
        for line in ({"id": "total", **statement["totals"]}, *statement["lines"]):
            values = [line.get(field) for _, field in _COLUMNS]
            self.stdout.write(_row(line["id"], values))
        for name, count in statement["doubtful"].items():
            if count:
                self.stdout.write(f"doubtful, {name}: {count}")


def _row(name: str, cells: list[Any]) -> str:
    shown = ("" if cell is None else str(cell) for cell in cells)
    return f"{name:52}" + "".join(f"{cell:>22}" for cell in shown)
