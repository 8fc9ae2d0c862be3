"""Checks whether this machine can reach the S3 location of the automated upload."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.management import arguments
from usage.connectivity.own_check import check_own_access
from usage.usg.client import access_text, proxy
from usage.usg.client.commands import seconds


class Command(BaseCommand):
    help = (
        "Tries to reach the S3 location of the automated upload from this machine, and"
        " reports what blocks the connection. Exit code 1: not all names of the bucket"
        " answer as expected."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--proxy",
            type=arguments.exact,
            metavar="URL",
            default="",
            help="an HTTP proxy; else HTTPS_PROXY and NO_PROXY name one",
        )
        parser.add_argument(
            "--seconds", type=seconds, default=20.0, help="time limit of the check"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            way = proxy.parse(options["proxy"]) if options["proxy"] else None
            report = check_own_access(seconds=options["seconds"], proxy=way)
        except (OSError, ValueError) as error:
            raise CommandError(str(error), returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(access_text.as_json(report), indent=1))
        else:
            for line in access_text.lines_of(report):
                self.stdout.write(line)
        if not report.works:
            sys.exit(1)
