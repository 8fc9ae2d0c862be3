"""Changes that affect all periods of a tenant, each prepared first and then timed.

A change is prepared by a method, which returns what is to be timed: a server's file is
written before, and what a former change has left is used up. New servers stay.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count

from django.db import OperationalError

from billing.coverage.licences import AUTOMATED, MANUAL
from billing.coverage.periods import Period
from billing.models import ExcuseKindChoices, TenantPeriod
from billing.periods import change_zone, deadlines
from billing.requests import excuses, licences
from portal.db import unit_of_work
from portal.models import Tenant
from tests.bench.accepted_rows import ONE_DAY
from tests.bench.large_tenant import ROOM, ZONE, SizedTenant, usual_file, usual_sessions
from tests.bench.sized_files import SizedBody
from tests.builders import Writer
from usage.models import Server
from usage.servers import keys as server_keys

# A zone with the same clock: deadlines stay.
_SAME_CLOCK = "Europe/Vienna"

_BY, _REASON = "bench", "bench"

Send = Callable[[str, SizedBody], int]
Timed = Callable[[], object]


class BusyError(Exception):
    """A page or the API would have answered 503."""


class TenantChanges:
    """The changes of one tenant; `send` uploads with its token, returns the status."""

    def __init__(self, tenant: SizedTenant, send: Send) -> None:
        self._tenant = tenant
        self._send = send
        self._sessions = usual_sessions()
        self._last_day = tenant.next_day + (ROOM - 1) * ONE_DAY
        self._period = Period.containing(self._last_day)
        self._numbers = count(1)
        self._registered: list[Writer] = []
        self._requested: list[int] = []
        # From the other end than files are sent from.
        self._excusable = list(tenant.writers)

    def all(self) -> dict[str, Callable[[], Timed]]:
        """Return the changes; one that uses what another leaves is after it."""
        return {
            "first file of an unknown server": self.send_unknown,
            "registering a server": self.register,
            "its first file": self.send_registered,
            "licences": self.set_licences,
            "zone of later periods": self.change_zone,
            "zone of the running period": self.correct_zone,
            "requesting an excuse": self.request_excuse,
            "approving it": self.approve_excuse,
        }

    def send_unknown(self) -> Timed:
        return self._first_file(self._new_server())

    def register(self) -> Timed:
        writer = self._new_server()

        def run() -> None:
            with unit_of_work.acting_for(self._tenant.id):
                server_keys.register(
                    self._tenant.id,
                    name=writer.name,
                    public=writer.pair.public,
                    by=_BY,
                    at=datetime.now(UTC),
                )
            self._registered.append(writer)

        return _or_busy(run)

    def send_registered(self) -> Timed:
        if not self._registered:
            self.register()()
        return self._first_file(self._registered.pop())

    def set_licences(self) -> Timed:
        with unit_of_work.acting_for(self._tenant.id, reading=True):
            held = licences.changes()[0].keys
        return _or_busy(
            lambda: licences.set_licences(
                self._tenant.id,
                from_on=self._period.starts_on,
                keys=[MANUAL] if AUTOMATED in held else [MANUAL, AUTOMATED],
                by=_BY,
                at=datetime.now(UTC),
            )
        )

    def change_zone(self) -> Timed:
        with unit_of_work.acting_for(self._tenant.id, reading=True):
            zone = _other_zone(Tenant.objects.get().zone)
        return _or_busy(
            lambda: change_zone.change_zone(
                self._tenant.id, zone=zone, by=_BY, at=datetime.now(UTC), reason=_REASON
            )
        )

    def correct_zone(self) -> Timed:
        with unit_of_work.acting_for(self._tenant.id, reading=True):
            opened = TenantPeriod.objects.get(period=str(self._period))
        return _or_busy(
            lambda: deadlines.correct_zone(
                self._tenant.id,
                self._period,
                zone=_other_zone(opened.zone),
                by=_BY,
                at=datetime.now(UTC),
                reason=_REASON,
            )
        )

    def request_excuse(self) -> Timed:
        name = self._excusable.pop().name
        with unit_of_work.acting_for(self._tenant.id, reading=True):
            server_id = Server.objects.get(name=name).pk
        request = excuses.ExcuseRequest(
            server_id=server_id,
            kind=ExcuseKindChoices.DOWN,
            period=self._period,
            reason=_REASON,
            days=frozenset({self._last_day}),
        )

        def run() -> None:
            excuse = excuses.request_excuse(
                self._tenant.id, request=request, by=_BY, at=datetime.now(UTC)
            )
            self._requested.append(excuse.pk)

        return _or_busy(run)

    def approve_excuse(self) -> Timed:
        if not self._requested:
            self.request_excuse()()
        excuse_id = self._requested.pop()
        return _or_busy(
            lambda: excuses.approve(
                self._tenant.id, excuse_id=excuse_id, by=_BY, at=datetime.now(UTC)
            )
        )

    def _new_server(self) -> Writer:
        return self._tenant.new_server(f"NEW{next(self._numbers):03}")

    def _first_file(self, writer: Writer) -> Timed:
        body = usual_file(writer, self._last_day, self._sessions)

        def run() -> None:
            status = self._send(self._tenant.token, body)
            if status == HTTPStatus.SERVICE_UNAVAILABLE:
                raise BusyError
            assert status == HTTPStatus.CREATED, status

        return run


def _other_zone(zone: str) -> str:
    return _SAME_CLOCK if zone == ZONE else ZONE


def _or_busy(run: Callable[[], object]) -> Timed:
    def timed() -> None:
        try:
            run()
        except OperationalError as error:
            raise BusyError from error

    return timed
