"""The sender as a program in one file, which needs only Python.

`usage.sender.package` builds the file, with the address of the portal in it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from io import TextIOWrapper

from usage.usg.client.access_check import DOCUMENTED, AccessTarget
from usage.usg.client.commands import (
    add_access_options,
    add_fingerprint_options,
    add_send_options,
)
from usage.usg.client.exit_codes import EPILOG
from usage.usg.client.run_log import failure_text


def main(
    argv: Sequence[str] | None = None,
    *,
    to: str = "",
    target: AccessTarget = DOCUMENTED,
) -> int:
    """Run a subcommand; `to` is the portal, `target` the names for access checks."""
    parser = argparse.ArgumentParser(
        "usage-sender",
        description="Sends usage files to the portal.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # `--token` must not abbreviate `--token-file`: its value would be printed.
    add = partial(commands.add_parser, allow_abbrev=False)
    add_send_options(add("send", help="deliver a usage directory"), to=to)
    add_access_options(add("verify-access", help="check access to S3"), to, target)
    add_fingerprint_options(
        add("fingerprints", help="list the servers that signed files, and their keys")
    )
    return run(parser, argv)


def run(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run the subcommand that the command line names, and return its exit code.

    Its arguments include `now`, the time in seconds since 1970, `clock`, which returns
    the time, and `token`, the value of the environment variable USG_TOKEN.
    """
    args = parser.parse_args(argv)
    args.now = datetime.now(UTC).timestamp()
    args.clock = lambda: datetime.now(UTC)
    args.token = os.environ.get("USG_TOKEN", "")
    if isinstance(sys.stdout, TextIOWrapper):
        # A name that the locale cannot encode must not end a run.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int = args.run(args)
    except (OSError, ValueError, OverflowError) as error:
        sys.stderr.write(f"{failure_text(error)}\n")
        return 1
    return code
