"""Runs all pending jobs without a broker or workers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.jobs import drain, shutdown

# Seconds between two rounds: without a broker no wake-up arrives.
_SECONDS = 5.0


class Command(BaseCommand):
    help = "Does all work that waits, without Celery and its broker."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--loop",
            nargs="?",
            type=float,
            const=_SECONDS,
            metavar="SECONDS",
            help=f"go on, looking every {_SECONDS:g} seconds, until TERM",
        )
        parser.add_argument(
            "--all", action="store_true", help="also what is done once a day or so"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        shutdown.handle_signals()
        tasks = drain.scheduled_tasks(at=timezone.now())
        wanted = [task for task in tasks if options["all"] or not task.is_rare]
        is_well, left = drain.drain(wanted, now=timezone.now)
        if options["loop"] is not None:
            self._loop(tasks, options["loop"])
        else:
            self._print_result(left, is_well=is_well)

    def _loop(self, tasks: list[drain.ScheduledTask], seconds: float) -> None:
        """Run the due tasks in a loop; one that fails is logged and tried again."""
        while not shutdown.wait(seconds):
            due = [task for task in tasks if task.is_due()]
            drain.run_tasks(due, at=timezone.now())

    def _print_result(self, left: dict[str, int], *, is_well: bool) -> None:
        for kind, rows in left.items():
            if rows:
                self.stdout.write(f"{kind}: {rows} could not be done now.")
        if not is_well:
            message = "Some of it failed; the log says what."
            raise CommandError(message)
        if not any(left.values()):
            self.stdout.write("Nothing is due any more.")
