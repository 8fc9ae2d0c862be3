"""`python -m usage.usg`: usage files by hand."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path

from usage.usg import commands
from usage.usg.client.commands import (
    add_access_options,
    add_fingerprint_options,
    add_send_options,
)
from usage.usg.client.exit_codes import EPILOG
from usage.usg.client.stand_alone import run
from usage.usg.emulator.damage import DAMAGES
from usage.usg.emulator.directory import ZONE
from usage.usg.keyfiles import Purpose
from usage.usg.zones import find_zone


def parser() -> argparse.ArgumentParser:
    main_parser = argparse.ArgumentParser(
        "usage.usg", description=__doc__, epilog=EPILOG, allow_abbrev=False
    )
    subparsers = main_parser.add_subparsers(required=True, metavar="COMMAND")
    # `--token` must not abbreviate `--token-file`: its value would be printed.
    add = partial(subparsers.add_parser, allow_abbrev=False)
    show = add("show", help="print the header and, with a key, the sessions")
    show.add_argument("file", type=Path)
    # The clock and the servers are beside the point when a person looks into a file.
    show.set_defaults(run=commands.show, any_time=True, signer=None)
    check = add("check", help="say what is wrong with files")
    check.add_argument("files", type=Path, nargs="+", metavar="FILE")
    check.add_argument("--signer", action="append", help="trusted: key file or hex")
    check.add_argument("--any-time", action="store_true", help="as if just closed")
    check.add_argument("--json", action="store_true", help="one JSON object a file")
    check.set_defaults(run=commands.check)
    for reading in (show, check):
        _reading_options(reading)
    keys = add("keys", help="make a key pair: FILE and FILE.pub")
    keys.add_argument("purpose", choices=[purpose.value for purpose in Purpose])
    keys.add_argument("file", type=Path)
    keys.set_defaults(run=commands.keys)
    _write_options(add("write", help="seal a day from JSON lines"))
    _emulate_options(add("emulate", help="write a usage directory"))
    add_send_options(add("send", help="deliver a usage directory to a portal"))
    add_access_options(add("verify-access", help="check access to S3"))
    add_fingerprint_options(
        add("fingerprints", help="list the servers that signed files, and their keys")
    )
    return main_parser


def _reading_options(reading: argparse.ArgumentParser) -> None:
    reading.add_argument("--key", type=Path, action="append", help="sealing key file")
    reading.add_argument("--tenant", help="expected; the file's own if not given")
    now = datetime.now(UTC)
    reading.add_argument("--received-at", type=_instant, default=now)


def _write_options(write: argparse.ArgumentParser) -> None:
    write.add_argument("file", type=Path)
    write.add_argument("--header", type=Path, required=True, help="JSON object")
    write.add_argument("--rows", type=Path, required=True, help="JSON lines")
    write.add_argument("--seal-to", type=Path, required=True)
    write.add_argument("--sign-with", type=Path, required=True)
    write.set_defaults(run=commands.write_file)


def _emulate_options(emulate: argparse.ArgumentParser) -> None:
    emulate.add_argument("directory", type=Path)
    emulate.add_argument("--keys", type=Path, required=True, help="folder of key files")
    emulate.add_argument(
        "--seal-to", type=Path, metavar="FILE", help="a tenant's public sealing key"
    )
    emulate.add_argument(
        "--from", type=date.fromisoformat, required=True, dest="from_day"
    )
    emulate.add_argument("--to", type=date.fromisoformat, required=True, dest="to_day")
    emulate.add_argument("--tenant", default="C-1001")
    emulate.add_argument("--servers", type=int, default=2)
    emulate.add_argument("--server", action="append", help="name; instead of --servers")
    emulate.add_argument("--standby", type=int, default=0, help="how many are idle")
    emulate.add_argument("--users", type=int, default=500)
    emulate.add_argument(
        "--logins", type=float, default=4.0, help="mean of a user at work on a day"
    )
    emulate.add_argument("--seed", type=int, default=1)
    emulate.add_argument("--zone", type=_zone, default=ZONE)
    emulate.add_argument("--restarts", type=float, default=0.06)
    emulate.add_argument("--crashes", type=float, default=0.02)
    emulate.add_argument("--days-off", type=float, default=0.03)
    emulate.add_argument("--damage", action="append", choices=list(DAMAGES))
    emulate.add_argument(
        "--truth", type=Path, metavar="FILE", help="write what was generated, as JSON"
    )
    emulate.set_defaults(run=commands.emulate_directory)


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        message = "an instant needs its zone, as in 2026-05-08T00:00:00Z"
        raise argparse.ArgumentTypeError(message)
    return instant


def _zone(name: str) -> str:
    if find_zone(name) is None:
        message = f"there is no time zone {name!r}"
        raise argparse.ArgumentTypeError(message)
    return name


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
