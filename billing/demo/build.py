"""Builds the demo data: three tenants with real files, made by the product's code.

What cannot be read back later (passwords, tokens, batches of files) is written to
`demo.json` before it is used, so an interrupted run continues where it stopped.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from billing.coverage import licences
from billing.coverage.periods import Period
from billing.demo import personas, send, state
from billing.demo import statements as demo_statements
from billing.demo.personas import Persona
from billing.demo.statements import DemoMonths
from billing.periods.open_periods import open_until, record_licences
from portal.db import unit_of_work
from portal.models import Membership, Tenant, User
from portal.tenants import create
from usage import tenant_keys
from usage.models import SealingKey
from usage.servers import keys as server_keys
from usage.usg import KeyPair, new_signing_pair, sealing_pair
from usage.usg.emulator.directory import EmulatedFile, Options, emulate
from usage.usg.keyfiles import Purpose, read_private, write_pair

BY = "demo"

_PERIODS = 3  # with data: the running one and the two before it

Log = Callable[[str], None]


class Demo:
    """The demo data of one installation, below one folder."""

    def __init__(self, folder: Path, *, at: datetime, log: Log) -> None:
        self._folder = folder
        self._at = at
        self._log = log
        self._state = state.load(folder)

    def make(self) -> None:
        """Create the parts of the demo data that do not exist yet."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for persona in personas.PERSONAS:
            tenant = self._open(persona)
            self._register_servers(persona, tenant)
            self._issue_token(tenant)
            months = self._months(persona)
            if months is not None:
                demo_statements.excuse_lost_day(tenant, months)
            self._write_directory(persona)
            self._send(persona, tenant)
        self._add_people()

    def make_statements(self) -> None:
        """Issue the past statements of the demo, and compute all current ones."""
        for persona in personas.PERSONAS:
            with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
                tenant = Tenant.objects.get(number=persona.number)
            months = self._months(persona)
            if months is not None:
                send_lost = partial(self._send_lost, persona, tenant)
                demo_statements.issue_past(tenant, months, send_lost=send_lost)
            demo_statements.compute_current(tenant, at=self._at)
            self._log(f"{persona.number}: statements computed")

    @property
    def is_begun(self) -> bool:
        """Whether this or an earlier run has created some of the demo data."""
        return bool(self._state.tokens)

    @property
    def has_history(self) -> bool:
        """Whether the history was made, which happens once; see `demo.history`."""
        return self._state.is_told

    def mark_history_made(self) -> None:
        self._state.is_told = True
        state.save(self._state, self._folder)

    def as_json(self, address: str) -> dict[str, Any]:
        """Return the data that a script needs to use the demo; paths are absolute."""
        return {
            "address": address,
            "users": [
                {
                    "email": email,
                    "password": self._state.passwords.get(email, ""),
                    "role": str(role),
                    "tenants": list(numbers),
                }
                for email, _, role, numbers in personas.PEOPLE
            ],
            "tenants": [self._tenant_json(persona) for persona in personas.PERSONAS],
        }

    def _tenant_json(self, persona: Persona) -> dict[str, Any]:
        folder = self._keys(persona)
        return {
            "number": persona.number,
            "name": persona.name,
            "zone": persona.zone,
            "token": self._state.tokens.get(persona.number, ""),
            "usage_directory": str(self._usage(persona)),
            "servers": [
                {"name": name, "signing_key_file": str(folder / f"{name}.key")}
                for name in persona.server_names
            ],
            "sealing_key_file": str(folder / "sealing.key.pub"),
            "opening_key_file": str(folder / "sealing.key"),
        }

    def _open(self, persona: Persona) -> Tenant:
        with unit_of_work.acting_for(unit_of_work.STAFF):
            tenant = Tenant.objects.filter(number=persona.number).first()
            if tenant is None:
                self._log(f"opening tenant {persona.number}, {persona.name}")
                tenant = create.open_tenant(
                    number=persona.number,
                    name=persona.name,
                    zone=persona.zone,
                    first_owed_on=self._periods(persona)[0].starts_on,
                    by=BY,
                    at=self._at,
                    is_demo=True,
                )
                record_licences(
                    tenant.pk,
                    from_on=tenant.first_owed_on,
                    licence_keys=[licences.MANUAL],
                    by=BY,
                    at=self._at,
                )
                open_until(tenant, today=self._at.date(), at=self._at)
                tenant_keys.make_sealing_key(tenant.pk, by=BY, at=self._at)
        return tenant

    def _register_servers(self, persona: Persona, tenant: Tenant) -> None:
        folder = self._keys(persona)
        folder.mkdir(parents=True, exist_ok=True)
        with unit_of_work.acting_for(unit_of_work.STAFF):
            fingerprint = SealingKey.objects.get(tenant=tenant).fingerprint
            private = tenant_keys.opening_key(tenant.pk, fingerprint)
        if private is None:
            message = "A key that was just read is gone."
            raise RuntimeError(message)
        _write_once(
            folder / "sealing.key", Purpose.SEALING, lambda: sealing_pair(private)
        )
        for name in persona.server_names:
            path = folder / f"{name}.key"
            _write_once(path, Purpose.SIGNING, new_signing_pair)
            public = read_private(path, Purpose.SIGNING).public
            # As old as the tenant: an unknown server cannot make it late.
            begun_at = datetime.combine(tenant.first_owed_on, time(), tzinfo=UTC)
            with unit_of_work.acting_for(tenant.pk):
                server_keys.register(
                    tenant.pk, name=name, public=public, by=BY, at=begun_at
                )

    def _issue_token(self, tenant: Tenant) -> None:
        if tenant.number in self._state.tokens:
            return
        with unit_of_work.acting_for(tenant.pk):
            self._state.tokens[tenant.number] = send.issue_token(tenant, by=BY)
            state.save(self._state, self._folder)

    def _write_directory(self, persona: Persona) -> None:
        """Have the emulator write the tenant's usage directory, once."""
        if persona.number in self._state.to_send:
            return
        periods = self._periods(persona)
        today = self._at.astimezone(ZoneInfo(persona.zone)).date()
        self._log(f"{persona.number}: writing the usage directory")
        folder = self._keys(persona)
        # Files of an interrupted run belong to no chain any more.
        for left in self._usage(persona).glob("*.usg"):
            left.unlink()
        written = emulate(
            self._usage(persona),
            tenant=persona.number,
            servers=persona.server_names,
            from_day=periods[0].starts_on,
            to_day=today - timedelta(days=1),
            users=persona.users,
            seed=persona.seed,
            sealing_public_key=read_private(
                folder / "sealing.key", Purpose.SEALING
            ).public,
            signing_keys={
                name: read_private(folder / f"{name}.key", Purpose.SIGNING).private
                for name in persona.server_names
            },
            options=Options(zone=persona.zone, habits=personas.habits(periods)),
        )
        self._state.to_send[persona.number] = [
            [file.path.name, self._sent_at(file, persona).isoformat()]
            for file in written
            if file.path
            and persona.is_sent(file, today)
            and not self._is_lost(persona, file.server, file.day)
        ]
        state.save(self._state, self._folder)

    def _sent_at(self, file: EmulatedFile, persona: Persona) -> datetime:
        """Return when a customer would have sent it: on the 2nd of a month, by day."""
        period = Period.containing(file.day)
        monthly = datetime.combine(
            period.target_on - timedelta(days=1),
            time(10),
            ZoneInfo(persona.zone),
        ).astimezone(UTC)
        return min(monthly, self._at)

    def _send(self, persona: Persona, tenant: Tenant) -> None:
        directory, token = self._usage(persona), self._state.tokens[persona.number]
        left = [
            (directory / name, datetime.fromisoformat(sent_at))
            for name, sent_at in self._state.to_send[persona.number]
            if (directory / name).exists()
        ]
        for count, (path, sent_at) in enumerate(left, start=1):
            send.send_file(path, tenant, token=token, at=sent_at)
            if count % 50 == 0 or count == len(left):
                self._log(f"{persona.number}: {count} of {len(left)} files sent")

    def _months(self, persona: Persona) -> DemoMonths | None:
        """Return the past periods of a tenant that has a lost day; None without one."""
        past = tuple(self._periods(persona)[:-1])
        if persona.lost_server in persona.server_names and len(past) > 1:
            return DemoMonths(persona, past, self._at)
        return None

    def _is_lost(self, persona: Persona, server: str, day: date) -> bool:
        months = self._months(persona)
        if months is None or server != persona.lost_server:
            return False
        return day == personas.lost_day(months.past[0])

    def _send_lost(self, persona: Persona, tenant: Tenant, at: datetime) -> bool:
        found = sorted(self._usage(persona).glob(f"{persona.lost_server}_*"))
        lost = partial(self._is_lost, persona, persona.lost_server)
        paths = [path for path in found if lost(send.day_in_name(path))]
        for path in paths:
            token = self._state.tokens[persona.number]
            send.send_file(path, tenant, token=token, at=at)
        return bool(paths)

    def _add_people(self) -> None:
        for email, name, role, numbers in personas.PEOPLE:
            password = self._state.passwords.get(email)
            if password is None:
                password = secrets.token_urlsafe(16)
                self._state.passwords[email] = password
                state.save(self._state, self._folder)
            with unit_of_work.acting_for(unit_of_work.STAFF):
                user = User.objects.filter(email=email).first()
                if user is None:
                    user = create.add_person(
                        email=email,
                        name=name,
                        password=password,
                        staff_role="" if numbers else str(role),
                        is_demo=True,
                        at=self._at,
                    )
                for tenant in Tenant.objects.filter(number__in=numbers):
                    if not Membership.objects.filter(tenant=tenant, user=user).exists():
                        create.add_member(
                            tenant.pk, user=user, role=str(role), by=BY, at=self._at
                        )

    def _periods(self, persona: Persona) -> list[Period]:
        """Return the periods with data, oldest first; the last one is running."""
        today = self._at.astimezone(ZoneInfo(persona.zone)).date()
        found = [Period.containing(today)]
        while len(found) < _PERIODS:
            found.insert(0, found[0].previous())
        return found

    def _usage(self, persona: Persona) -> Path:
        return self._folder / persona.number / "usage"

    def _keys(self, persona: Persona) -> Path:
        return self._folder / persona.number / "keys"


def _write_once(path: Path, purpose: Purpose, make: Callable[[], KeyPair]) -> None:
    if not path.exists():
        write_pair(path, purpose, make())
