"""Creates the demo tenants, or prints how to sign in to them."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from billing.demo import history as demo_history
from billing.demo.build import Demo
from portal.management.one_at_a_time import holding_file


class Command(BaseCommand):
    help = "Makes the demo data, as far as it is not there, and says how to use it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="print what a script needs, as JSON"
        )
        parser.add_argument(
            "--sign-ins",
            action="store_true",
            help="make nothing; print the address, the sign-ins and a first step",
        )

        parser.add_argument(
            "--silent", action="store_true", help="make it, and print no sign-ins"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.VAR).resolve() / "demo"
        folder.mkdir(parents=True, exist_ok=True)
        # Two at once would open each tenant twice, and the one that fails may be the
        # first start of the whole portal.
        with holding_file(folder / "lock", on_wait=self._log_waiting):
            self._run(folder, options)

    def _run(self, folder: Path, options: dict[str, Any]) -> None:
        now = timezone.now()
        demo = Demo(folder, at=now, log=self._log)
        # Scripts request JSON again and again: an existing demo is only read then.
        makes_past = not (options["json"] and demo.is_begun)
        if not options["sign_ins"]:
            demo.make()
            if makes_past and not demo.has_history:
                demo_history.make(at=now)
                demo.make_statements()
                demo.mark_history_made()
        found = demo.as_json(settings.PORTAL_ADDRESS)
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
        elif not options["silent"]:
            self._print_sign_ins(found)

    def _log_waiting(self) -> None:
        self._log("another process makes the demo data: waiting until it is done")

    def _log(self, line: str) -> None:
        # Progress is for people: scripts read the standard output.
        self.stderr.write(line)

    def _print_sign_ins(self, found: dict[str, Any]) -> None:
        write = self.stdout.write
        write(f"\n  Usage portal with DEMO DATA: {found['address']}\n")
        write("  Sign in as")
        for user in found["users"]:
            numbers = ", ".join(user["tenants"]) or "all tenants"
            who = f"{user['email']:26} {user['password']:18}"
            write(f"    {who} {user['role']}, {numbers}")
        write("\n  Usage files that are not sent yet lie in")
        for tenant in found["tenants"]:
            write(
                f"    {tenant['usage_directory']}   {tenant['number']} {tenant['name']}"
            )
        write(
            "\n  First: send one of these folders as README.md shows; tokens are in"
            "\n    manage.py demo --json"
            f"\n  API documentation: {found['address']}/api/v1/docs\n"
        )
