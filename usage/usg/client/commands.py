"""The subcommands that connect to a portal or to S3; each returns its exit code."""

import argparse
import json
import socket
import ssl
import sys
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from usage.usg.client import access_check, access_text, proxy
from usage.usg.client import signers as file_signers
from usage.usg.client.access_check import (
    BUCKET,
    DOCUMENTED,
    AccessReport,
    AccessTarget,
    Names,
    Ways,
)
from usage.usg.client.access_probe import ProbeLimits
from usage.usg.client.exit_codes import ExitCode
from usage.usg.client.http import LOOPBACK, NotDeliveredError, Portal
from usage.usg.client.proxy import Proxy
from usage.usg.client.run_log import RunLog, failure_text, to_stdout
from usage.usg.client.send import send

LONGEST_CHECK = 3600.0


def seconds(text: str) -> float:
    """Read the time limit of an access check."""
    found = float(text)
    if not 0 < found <= LONGEST_CHECK:
        message = f"it is more than 0 and at most {LONGEST_CHECK:g}"
        raise argparse.ArgumentTypeError(message)
    return found


def _port(text: str) -> int:
    if not 0 < int(text) < 1 << 16:
        message = "it is from 1 to 65535"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def add_send_options(send: argparse.ArgumentParser, *, to: str = "") -> None:
    """Declare the options of `send`; `to` is the default of `--to`, if there is one."""
    send.add_argument("directory", type=Path)
    send.add_argument(
        "--to", required=not to, default=to, metavar="URL", help="the portal's address"
    )
    send.add_argument(
        "--token-file", type=Path, help="holds the API token; else USG_TOKEN does"
    )
    send.add_argument(
        "--proxy",
        metavar="URL",
        help="an HTTP proxy to the portal; else HTTPS_PROXY and NO_PROXY name one",
    )
    send.add_argument(
        "--delete-safe",
        action="store_true",
        help="delete files that are confirmed in S3, and nothing else",
    )
    send.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="also append each line to this file; FILE.1 has the older lines",
    )
    _add_machine(send)
    send.set_defaults(run=send_directory)


def add_access_options(
    access: argparse.ArgumentParser, to: str = "", target: AccessTarget = DOCUMENTED
) -> None:
    """Declare the options of `verify-access`.

    Without `--to`, but with a token, the result is reported to the portal `to`. The
    names of `target` are tried unless a bucket or a region is given.
    """
    access.add_argument("--bucket", default="", help="name of the bucket")
    access.add_argument("--region", default="", help="region of the bucket")
    access.add_argument("--port", type=_port, default=target.port)
    access.add_argument(
        "--authorities",
        metavar="FILE",
        help="PEM file of the authorities to trust; else those of this machine",
    )
    access.add_argument(
        "--seconds", type=seconds, default=20.0, help="time limit of the check"
    )
    access.add_argument(
        "--proxy",
        metavar="URL",
        help="an HTTP proxy; else HTTPS_PROXY and NO_PROXY name one",
    )
    access.add_argument("--json", action="store_true", help="print one JSON object")
    access.add_argument(
        "--to", default="", metavar="URL", help="the portal to report the result to"
    )
    access.add_argument(
        "--token-file", type=Path, help="holds the API token; else USG_TOKEN does"
    )
    _add_machine(access)
    access.set_defaults(run=verify_access, portal=to, names=target.names)


def _add_machine(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--machine",
        default=socket.gethostname(),
        help="name of this server in reports; else the host name",
    )


def add_fingerprint_options(fingerprints: argparse.ArgumentParser) -> None:
    """Declare the options of `fingerprints`."""
    fingerprints.add_argument("directory", type=Path)
    fingerprints.set_defaults(run=list_fingerprints)


def list_fingerprints(args: argparse.Namespace) -> int:
    """Print the servers that signed files of a directory, with their keys.

    Return 1 if a file cannot be read, or if there is none.
    """
    found = file_signers.find_signers(args.directory)
    for (server, fingerprint), count in sorted(found.files.items()):
        files = "1 file" if count == 1 else f"{count} files"
        to_stdout(f"{server}  {fingerprint}  {files}")
    for line in found.unreadable:
        to_stdout(line)
    if not found.files:
        to_stdout("this directory has no usage files with a key")
    return 1 if found.unreadable or not found.files else 0


def send_directory(args: argparse.Namespace) -> int:
    """Send a directory, with the token from a file or the environment.

    A token on the command line could be seen by other users. `args.now` is the time in
    seconds since 1970, `args.clock` returns the time for lines of the log.
    """
    portal = Portal(args.to, _token(args), _proxy_for(args))
    return send(
        portal,
        args.directory,
        now=args.now,
        report=RunLog(args.log, args.clock),
        delete=args.delete_safe,
        machine=args.machine,
    )


def verify_access(args: argparse.Namespace) -> int:
    """Check access, print the report, and report to the portal if there is one.

    Return 0 only if every name of the bucket answers `AccessDenied`. An invalid
    command line is reported before anything is tried.
    """
    names: Names = args.names
    if args.bucket or args.region:
        region = args.region or names.region
        names = access_check.names_of(args.bucket or BUCKET, region)
    try:
        given = _way_to(names, args)
        portal = _portal_to_report_to(args)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{failure_text(error)}\n")
        return ExitCode.WRONG_COMMAND_LINE
    limits = ProbeLimits(args.port, args.seconds, args.authorities)
    report = access_check.check_access(names, limits, given)
    if args.json:
        sys.stdout.write(json.dumps(access_text.as_json(report), indent=1) + "\n")
    else:
        for line in access_text.lines_of(report):
            to_stdout(line)
    code = 0 if report.works else 1
    if portal is None or _report_access(portal, args.machine, report):
        return code
    return ExitCode.UNDELIVERED


def _way_to(names: Names, args: argparse.Namespace) -> Ways:
    """Return the proxy for each name; raise for arguments that cannot be used."""
    for name in (*names.bucket, *names.service):
        name.encode("idna")
    ssl.create_default_context(cafile=args.authorities)
    given = proxy.parse(args.proxy) if args.proxy else None
    return access_check.ways_to(names, given)


def _portal_to_report_to(args: argparse.Namespace) -> Portal | None:
    if not args.to and _token(args):
        args.to = args.portal
    return Portal(args.to, _token(args), _proxy_for(args)) if args.to else None


def _report_access(portal: Portal, machine: str, report: AccessReport) -> bool:
    """Report to the portal, and to standard error; return whether it is stored."""
    document = access_text.as_json(report)
    sent = {"machine": machine, "names": document["names"]}
    try:
        answer = portal.send_json("POST", "/api/v1/access-checks", sent)
    except NotDeliveredError as error:
        sys.stderr.write(f"not reported: {error}\n")
        return False
    is_stored = answer.status == HTTPStatus.OK and "conclusion" in answer.document
    line = (
        f"reported to {portal.address}"
        if is_stored
        else f"not reported: {answer.reason}"
    )
    sys.stderr.write(f"{line}\n")
    return is_stored


def _token(args: argparse.Namespace) -> str:
    if args.token_file is None:
        return str(args.token.strip())
    data: bytes = args.token_file.read_bytes()
    # Windows begins text files with a byte order mark; PowerShell writes UTF-16.
    is_wide = data.startswith((BOM_UTF16_LE, BOM_UTF16_BE))
    return data.decode("utf-16" if is_wide else "utf-8-sig").strip()


def _proxy_for(args: argparse.Namespace) -> Proxy | None:
    """Return the proxy of the command line or the environment; none on this machine."""
    if args.proxy:
        return proxy.parse(args.proxy)
    host = urlsplit(args.to).hostname or ""
    return None if host in LOOPBACK else proxy.from_environment(host)
