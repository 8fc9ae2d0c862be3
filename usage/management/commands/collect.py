"""Removes orphaned bytes and those past their retention."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from usage.forwarding import text as forwarding_text
from usage.maintenance import orphans

# As many as fit into memory by far; what is left goes with the next run.
_ALL = 1_000_000


class Command(BaseCommand):
    help = (
        "Sets stored files apart that no row answers for, and removes bytes whose time"
        " is over; as each night."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all",
            action="store_true",
            help="set leftovers apart also where there are many; look at them first",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        report = orphans.remove_orphans(
            now=timezone.now,
            most=_ALL if options["all"] else orphans.MOST,
        )
        for line in forwarding_text.report_lines(report):
            self.stdout.write(line)
