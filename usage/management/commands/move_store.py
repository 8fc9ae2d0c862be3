"""Moves stored files from the fallback store to the current one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from usage.maintenance import move_store


class Command(BaseCommand):
    help = (
        "Moves every stored file from the store of USAGE_STORE_FALLBACK to that of"
        " USAGE_STORE, while the portal runs. Run it until nothing is left."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--to",
            choices=["folder", "s3"],
            required=True,
            help="the store that files move to: that of USAGE_STORE",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["to"] != settings.USAGE_STORE:
            message = (
                f"USAGE_STORE is {settings.USAGE_STORE}: new files would still be"
                f" stored there. First set USAGE_STORE={options['to']} in all"
                " processes, and the other store as USAGE_STORE_FALLBACK"
                " (docs/scaling.md)."
            )
            raise CommandError(message)
        try:
            report = move_store.move_files(now=timezone.now)
        except move_store.NotMovingError as error:
            message = (
                "USAGE_STORE_FALLBACK is not set: it names the store to move from."
            )
            raise CommandError(message) from error
        except OSError as error:
            message = f"The files could not be listed: {error}"
            raise CommandError(message) from error
        self._write(report)

    def _write(self, report: move_store.MoveReport) -> None:
        for outcome, number in sorted(report.counts.items()):
            self.stdout.write(f"{number} {outcome}")
        for name, what in report.notes:
            self.stderr.write(f"{name}: {what}")
        if report.stopped_by is not None:
            message = (
                f"Stopped because a store fails: {report.stopped_by}. Run it again."
            )
            raise CommandError(message)
        if report.left:
            message = f"{report.left} files are left. Run it again."
            raise CommandError(message)
        self.stdout.write("0 files are left.")
