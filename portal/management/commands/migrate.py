"""Runs migrations as the owner of the tables."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands.migrate import Command as DjangoMigrate

from portal.management.one_at_a_time import holding_database

# The number of this command's advisory lock; no other lock may use it.
MIGRATING = 0x6D696772


class Command(DjangoMigrate):
    """Django's command, as the tables' owner: the application may not change tables."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        def report_waiting() -> None:
            self.stderr.write("Another process migrates this database: waiting.")

        with holding_database(options["database"], MIGRATING, on_wait=report_waiting):
            super().handle(*args, **options)
