"""Writes a usage directory as the usage subsystem of PureConnect servers would.

The same seed gives the same plaintexts; the sealed bytes differ each time, because
sealing draws a new key for each file.
"""

import hashlib
import os
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from usage.usg.columns import Sessions
from usage.usg.emulator.cutting import rows_of
from usage.usg.emulator.damage import BESIDE, DAMAGES, Original
from usage.usg.emulator.history import FileSpan, ServerHabits, ServerHistory
from usage.usg.emulator.logins import LoginTable, joined, shift_logins
from usage.usg.emulator.people import People, staff_of
from usage.usg.emulator.roles import LICENCE_SETS
from usage.usg.emulator.truth import Truth
from usage.usg.header import Header

ZONE = "America/Indiana/Indianapolis"
# Series are derived, so that the same seed names the same installation.
_SERIES = uuid.UUID("b6b1ad0e-6ad7-4f0c-9a2b-6f5a3c1d7e42")


@dataclass(frozen=True, slots=True)
class SeriesTail:
    """Where a series stands: its last number and that file's SHA-256."""

    series: uuid.UUID
    sequence: int
    previous: bytes | None


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an emulation; all have defaults.

    `logins_each` is the mean number of logins of a person at work on a day.
    `licence_sets` are listed from most to least common; a person always holds the same.
    `standby` servers run but nobody logs in there. `damage` names kinds of damage,
    each of which befalls one file. `tails` continue a series, by server.
    """

    zone: str = ZONE
    habits: ServerHabits = field(default_factory=ServerHabits)
    logins_each: float = 4.0
    licence_sets: Sequence[Sequence[str]] = LICENCE_SETS
    standby: Collection[str] = ()
    damage: Sequence[str] = ()
    tails: Mapping[str, SeriesTail] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmulationPlan:
    """Parameters of an emulation; `signing` maps each server to its private key."""

    tenant: str
    signing: Mapping[str, bytes]
    sealing_public: bytes
    from_day: date
    to_day: date
    users: int
    seed: int
    options: Options = Options()

    def series(self, server: str) -> uuid.UUID:
        return uuid.uuid5(_SERIES, f"{self.tenant}/{server}/{self.seed}")

    def history(self, server: str) -> ServerHistory:
        zone = ZoneInfo(self.options.zone)
        return ServerHistory(server, zone, self.seed, self.options.habits)

    def crowd(self, server: str) -> People:
        """Share the people out over the servers that are not standing by."""
        standby = self.options.standby
        busy = [name for name in self.signing if name not in standby]
        count, each = len(busy), self.options.logins_each
        if server not in busy:
            return People((), each, self.options.licence_sets)
        people = range(busy.index(server), self.users, count)
        # A few people of the server before also log in at this one.
        before = range((busy.index(server) - 1) % count, self.users, count)
        candidates = before if count > 1 else ()
        return People(people, each, self.options.licence_sets, candidates)


@dataclass(frozen=True, slots=True)
class EmulatedFile:
    """One file as it should be; `path` is None, or holds other bytes, by `damage`."""

    path: Path | None
    header: Header
    sha256: bytes
    damage: str | None = None

    @property
    def server(self) -> str:
        return self.header.server

    @property
    def day(self) -> date:
        return self.header.day

    @property
    def sequence(self) -> int:
        return self.header.sequence


def server_names(count: int) -> list[str]:
    return [f"IC{number:02}" for number in range(1, count + 1)]


def file_name(header: Header) -> str:
    return f"{header.server}_{header.day}_{header.sequence:04}.usg"


def tails_of(written: Sequence[EmulatedFile]) -> dict[str, SeriesTail]:
    """Return the `Options.tails` with which a later run goes on after this one."""
    return {
        file.server: SeriesTail(file.header.series, file.sequence, file.sha256)
        for file in written
    }


def emulate(  # noqa: PLR0913 - one call, by keyword, from commands and scripts
    directory: Path,
    *,
    tenant: str,
    servers: int | Sequence[str],
    from_day: date,
    to_day: date,
    users: int,
    seed: int,
    sealing_public_key: bytes,
    signing_keys: Mapping[str, bytes],
    options: Options = Options(),
    truth: Truth | None = None,
) -> list[EmulatedFile]:
    """Write the files of these days, both included, into a directory that may exist.

    Keys are raw; `signing_keys` holds the private key of every server. Raises KeyError
    for a server without one. `truth` collects the files and their rows.
    """
    names = server_names(servers) if isinstance(servers, int) else servers
    plan = EmulationPlan(
        tenant=tenant,
        signing={name: signing_keys[name] for name in names},
        sealing_public=sealing_public_key,
        from_day=from_day,
        to_day=to_day,
        users=users,
        seed=seed,
        options=options,
    )
    return write_plan(directory, plan, truth)


def contents(plan: EmulationPlan, server: str) -> Iterator[tuple[FileSpan, Sessions]]:
    """Yield the true history of one server: each file's span and rows, in order."""
    history, crowd = plan.history(server), plan.crowd(server)
    staff = staff_of(plan.seed, crowd)

    @lru_cache(maxsize=2)
    def begun_on(day: date) -> LoginTable:
        return shift_logins(day, history, staff)

    for span in history.spans(plan.from_day, plan.to_day):
        # Nobody can log in to a server before its first file.
        first = span.day - timedelta(days=1)
        if server not in plan.options.tails:
            first = max(first, plan.from_day)
        watched = list(history.spans(first, span.day))
        # No login lasts beyond the day after that of its shift.
        logins = joined(begun_on(span.day - timedelta(days=1)), begun_on(span.day))
        yield span, rows_of(span, watched, logins, crowd.licence_sets)


def write_plan(
    directory: Path, plan: EmulationPlan, truth: Truth | None = None
) -> list[EmulatedFile]:
    directory.mkdir(parents=True, exist_ok=True)
    written: list[EmulatedFile] = []
    victims = _victims(plan)
    for server in plan.signing:
        for original in _chain(plan, server):
            damage = victims.get((server, original.header.sequence))
            for file in _put(directory, original, damage):
                written.append(file)
                if truth is not None:
                    name = file.path.name if file.path else file_name(file.header)
                    truth.add(name, file.header, original.sessions, file.damage)
    return written


def _chain(plan: EmulationPlan, server: str) -> Iterator[Original]:
    """Write a server's sound files one after the other, each naming the one before."""
    history = plan.history(server)
    tail = plan.options.tails.get(server, SeriesTail(plan.series(server), 0, None))
    for span, sessions in contents(plan, server):
        header = Header(
            tenant=plan.tenant,
            server=server,
            series=tail.series,
            sequence=tail.sequence + 1,
            previous=tail.previous,
            day=span.day,
            zone=plan.options.zone,
            opened_at=span.opened_at,
            closed_at=span.closed_at,
            opened_offset=history.offset(span.opened_at),
            closed_offset=history.offset(span.closed_at),
            closed_by=span.closed_by,
        )
        sound = Original(
            b"", header, sessions, plan.sealing_public, plan.signing[server]
        )
        data = sound.rewritten(header)
        yield replace(sound, data=data)
        tail = SeriesTail(tail.series, header.sequence, hashlib.sha256(data).digest())


def _put(
    directory: Path, original: Original, damage: str | None
) -> Iterator[EmulatedFile]:
    header, data = original.header, original.data
    path = directory / file_name(header)
    digest = hashlib.sha256(data).digest()
    changed = data if damage is None else DAMAGES[damage](original)
    if damage in BESIDE and changed is not None:
        beside = path.with_stem(f"{path.stem}_restored")
        _write(beside, changed, header)
        yield EmulatedFile(beside, header, hashlib.sha256(changed).digest(), damage)
        changed, damage = data, None
    if changed is None:
        yield EmulatedFile(None, header, digest, damage)
    else:
        _write(path, changed, header)
        yield EmulatedFile(path, header, digest, damage)


def _write(path: Path, data: bytes, header: Header) -> None:
    """Write a file with the time at which a server would have closed it.

    The sender does not send files that have just changed.
    """
    path.write_bytes(data)
    closed = header.closed_at.timestamp()
    os.utime(path, (closed, closed))


def _victims(plan: EmulationPlan) -> dict[tuple[str, int], str]:
    """Choose a file for each kind of damage, no file twice while there are enough."""
    files = []
    for server in plan.signing:
        tail = plan.options.tails.get(server)
        number = tail.sequence if tail else 0
        for _ in plan.history(server).spans(plan.from_day, plan.to_day):
            number += 1
            files.append((server, number))
    dice = np.random.default_rng([plan.seed, len(files)])
    order = dice.permutation(len(files)).tolist()
    return {
        files[index]: kind
        for index, kind in zip(order, plan.options.damage, strict=False)
    }
