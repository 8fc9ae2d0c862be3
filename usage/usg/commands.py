"""Runs the subcommands of `python -m usage.usg`; each returns its exit code."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path

from usage.usg import envelope, fingerprints, keyfiles, rows
from usage.usg import header as headers
from usage.usg.emulator.directory import Options, emulate, server_names
from usage.usg.emulator.history import ServerHabits
from usage.usg.emulator.truth import Truth
from usage.usg.header import Header
from usage.usg.keyfiles import Purpose
from usage.usg.limits import DEFAULT_LIMITS
from usage.usg.problems import Severity, as_json, deciding, shown
from usage.usg.reader import Expected, Reading, peek, read
from usage.usg.summary import summarise
from usage.usg.writer import write

# 2 is argparse's own, for a wrong command line.
EXIT = {Severity.ACCEPT: 0, Severity.WARN: 0, Severity.REJECT: 1, Severity.HOLD: 3}
_MAKE = {
    Purpose.SEALING: envelope.new_sealing_pair,
    Purpose.SIGNING: envelope.new_signing_pair,
}


def show(args: argparse.Namespace) -> int:
    data = _bounded(args.file)
    header = peek(data)
    if header is None:
        return _report(args.file, _read(data, header, args), as_lines=False)
    if isinstance(sys.stdout, TextIOWrapper):
        # `write` takes what is printed here, and takes UTF-8 only.
        sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(headers.serialise(header).decode() + "\n")
    if not args.key:
        return 0
    reading = _read(data, header, args)
    if reading.day is None:
        return _report(args.file, reading, as_lines=False)
    for line in rows.lines_of(reading.day):
        sys.stdout.write(line)
    return 0


def check(args: argparse.Namespace) -> int:
    codes = []
    for path in args.files:
        data = _bounded(path)
        reading = _read(data, peek(data), args)
        codes.append(_report(path, reading, as_lines=args.json))
    # A refused file is worse than a held one, whatever the numbers say.
    return max(codes, key=[0, 3, 1].index)


def keys(args: argparse.Namespace) -> int:
    purpose = Purpose(args.purpose)
    pair = _MAKE[purpose]()
    for path in keyfiles.write_pair(args.file, purpose, pair):
        sys.stdout.write(f"{path}\n")
    sys.stdout.write(f"fingerprint {fingerprints.fingerprint(pair.public)}\n")
    return 0


def write_file(args: argparse.Namespace) -> int:
    """Take the header from a JSON file in which key, signer and sessions may lack."""
    given = json.loads(args.header.read_bytes())
    if not isinstance(given, dict):
        message = f"{args.header} does not hold a JSON object"
        raise ValueError(message)  # noqa: TRY004 - the command line reports these
    sealing = keyfiles.read_key(args.seal_to, Purpose.SEALING).public
    signing = keyfiles.read_private(args.sign_with, Purpose.SIGNING)
    defaults = {"sessions": 0, "writer": headers.WRITER, "previous": None}
    filled = {"key": fingerprints.fingerprint(sealing), "signer": signing.public.hex()}
    header, problems = headers.parse(
        json.dumps({**defaults, **given, **filled}).encode()
    )
    if header is None:
        sys.stderr.write("".join(f"{problem.title}\n" for problem in problems))
        return 1
    with args.rows.open("rb") as lines:
        sessions = rows.sessions_from(lines, header.opened_at)
    made = write(
        header, sessions, sealing_public=sealing, signing_private=signing.private
    )
    with args.file.open("xb") as out:
        out.write(made)
    return 0


def emulate_directory(args: argparse.Namespace) -> int:
    names = args.server or server_names(args.servers)
    standby = names[len(names) - args.standby :]
    habits = ServerHabits(
        restarts=args.restarts, crashes=args.crashes, days_off=args.days_off
    )
    args.keys.mkdir(parents=True, exist_ok=True)
    truth = Truth() if args.truth else None
    if args.seal_to:
        sealing = keyfiles.read_key(args.seal_to, Purpose.SEALING).public
    else:
        sealing = _kept(args.keys / "tenant.key", Purpose.SEALING).public
    files = emulate(
        args.directory,
        tenant=args.tenant,
        servers=names,
        from_day=args.from_day,
        to_day=args.to_day,
        users=args.users,
        seed=args.seed,
        sealing_public_key=sealing,
        signing_keys={
            name: _kept(args.keys / f"{name}.key", Purpose.SIGNING).private
            for name in names
        },
        options=Options(
            zone=args.zone,
            habits=habits,
            logins_each=args.logins,
            standby=standby,
            damage=args.damage or (),
        ),
        truth=truth,
    )
    if truth is not None:
        text = json.dumps(truth.as_dict(), indent=1)
        args.truth.write_text(text + "\n", encoding="utf-8")
    for file in files:
        where = file.path or "(not written)"
        sys.stdout.write(f"{file.sha256.hex()}  {where}  {file.damage or 'sound'}\n")
    return 0


def _kept(path: Path, purpose: Purpose) -> envelope.KeyPair:
    """Use the key of an earlier run if there is one."""
    if not path.exists():
        keyfiles.write_pair(path, purpose, _MAKE[purpose]())
    return keyfiles.read_private(path, purpose)


def _bounded(path: Path) -> bytes:
    """Read one byte more than is allowed, so that a larger file shows as one."""
    with path.open("rb") as file:
        return file.read(DEFAULT_LIMITS.file_bytes + 1)


def _read(data: bytes, header: Header | None, args: argparse.Namespace) -> Reading:
    tenant = args.tenant or (header.tenant if header else "")
    signers = [_signer(text) for text in args.signer or ()]
    expected = Expected(
        tenant=tenant,
        received_at=_received_at(args, header),
        opening_key=_opening_key(args.key or []),
        is_trusted=lambda _, signer: not signers or signer in signers,
    )
    return read(data, expected)


def _received_at(args: argparse.Namespace, header: Header | None) -> datetime:
    given: datetime = args.received_at
    return header.closed_at if args.any_time and header else given


def _opening_key(paths: list[Path]) -> Callable[[str], bytes | None]:
    pairs = [keyfiles.read_private(path, Purpose.SEALING) for path in paths]
    return {fingerprints.fingerprint(pair.public): pair.private for pair in pairs}.get


def _signer(text: str) -> bytes:
    path = Path(text)
    if path.exists():
        return keyfiles.read_key(path, Purpose.SIGNING).public
    return bytes.fromhex(text)


def _report(path: Path, reading: Reading, *, as_lines: bool) -> int:
    if as_lines:
        sys.stdout.write(json.dumps(_as_json(path, reading)) + "\n")
        return EXIT[reading.outcome]
    sys.stdout.write(f"{shown(path)}: {reading.outcome}\n")
    for problem in deciding(reading.problems):
        sys.stdout.write(f"  {problem.code} ({problem.where}): {problem.title}\n")
        sys.stdout.write(f"    {problem.advice}\n")
    return EXIT[reading.outcome]


def _as_json(path: Path, reading: Reading) -> dict[str, object]:
    return {
        "file": str(path),
        "sha256": reading.sha256.hex(),
        "size": reading.size,
        "outcome": reading.outcome.value,
        "logins": summarise(reading.day).logins if reading.day else None,
        "problems": [as_json(problem) for problem in reading.problems],
    }
