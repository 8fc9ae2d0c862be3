"""Puts a usage directory into a tenant's S3 inbox, as servers do."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.management import arguments
from portal.management.tenants import find_tenant
from usage.inbox import deliver as inbox_deliver
from usage.inbox import listing as inbox_listing
from usage.storage.s3_client import BucketError


class Command(BaseCommand):
    help = (
        "Uploads the usage files of a directory to a tenant's S3 inbox, as a server"
        " does it by itself; what lies there already stays, and nothing is deleted."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path, metavar="DIR")
        parser.add_argument(
            "--tenant", type=arguments.line, required=True, help="customer number"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not inbox_listing.is_on():
            message = "There is no inbox: S3_INBOX_BUCKET is not set."
            raise CommandError(message)
        tenant = find_tenant(options["tenant"])
        new = old = 0
        try:
            for one in inbox_deliver.deliver(options["directory"], tenant):
                self.stdout.write(
                    f"{one.path.name}: {'uploaded' if one.is_new else 'there already'}"
                )
                new, old = new + one.is_new, old + (not one.is_new)
        except BucketError as error:
            message = f"The S3 server refuses: {error.code}"
            raise CommandError(message) from error
        except OSError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{new} uploaded, {old} there already")
