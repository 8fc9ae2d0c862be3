"""Trusts a server's signing key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.errors import Refused
from portal.management import arguments
from portal.management.tenants import find_tenant
from usage.servers import keys as server_keys


class Command(BaseCommand):
    help = "Trusts a server's key and settles the files that were held for it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", type=arguments.line, help="customer number")
        parser.add_argument("server", type=arguments.exact, help="name of the server")
        parser.add_argument(
            "fingerprint",
            type=arguments.exact,
            help="of the key, as the server shows it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = find_tenant(options["tenant"])
        try:
            server_keys.confirm_key(
                tenant.pk,
                server=options["server"],
                key=options["fingerprint"],
                by="command line",
                at=timezone.now(),
            )
        except Refused as error:
            message = f"{tenant.number} has no such server or key."
            raise CommandError(message) from error
        self.stdout.write(f"{options['server']}: trusted; its held files are settled.")
