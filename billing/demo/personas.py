"""Defines the demo data: invented tenants, their servers and their people."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from billing.coverage.periods import Period
from portal.models import Role, StaffRole
from usage.usg.emulator.directory import EmulatedFile
from usage.usg.emulator.history import ServerHabits


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A demo tenant; `is_sent` selects the files that were sent by now.

    The files of `lost_server` of one day (`lost_day`) are believed lost at first; empty
    if there is no such server.
    """

    number: str
    name: str
    zone: str
    server_names: tuple[str, ...]
    users: int
    seed: int
    is_sent: Callable[[EmulatedFile, date], bool]
    lost_server: str = ""


_WEDNESDAY = 2


def _all_but_the_newest(file: EmulatedFile, today: date) -> bool:
    """Select the past periods whole, and the running one but for its newest days."""
    starts_on = Period.containing(today).starts_on
    return file.day < max(starts_on, today - timedelta(days=3))


def _with_gaps(file: EmulatedFile, today: date) -> bool:
    """Select the oldest period whole; later ones lack a server's week and some days."""
    running = Period.containing(today)
    last = running.previous()
    if file.day < last.starts_on:
        return True
    if file.day in running:
        return file.server.endswith("1") and file.day.day % 5 != 0
    if file.server.endswith("2"):
        return not last.ends_on - timedelta(days=6) <= file.day
    return file.day.day not in (5, 6, 7)


def _nothing(_file: EmulatedFile, _today: date) -> bool:
    return False


def habits(periods: Sequence[Period]) -> ServerHabits:
    """Keep all servers on at the first and last days of periods, and on the lost day.

    Each period then ends with a file closed by midnight, so that it is complete without
    a later file.
    """
    edges = [day for period in periods for day in (period.starts_on, period.ends_on)]
    return ServerHabits(on=[*edges, lost_day(periods[0])])


def lost_day(period: Period) -> date:
    """Return the third Wednesday of a period, a usual working day."""
    wednesdays = [day for day in period.days() if day.weekday() == _WEDNESDAY]
    return wednesdays[2]


PERSONAS = (
    Persona(
        number="100417",
        name="Quellmark Versicherungen AG (demo)",
        zone="Europe/Zurich",
        server_names=("ZRH-IC1", "ZRH-IC2", "GVA-IC1"),
        users=420,
        seed=11,
        lost_server="GVA-IC1",
        is_sent=_all_but_the_newest,
    ),
    Persona(
        number="100582",
        name="Prairie Lantern Telecare (demo)",
        zone="America/Chicago",
        server_names=("CHI-IC1", "CHI-IC2"),
        users=150,
        seed=12,
        is_sent=_with_gaps,
    ),
    Persona(
        number="100733",
        name="Saffron Ferry Lines (demo)",
        zone="Asia/Kolkata",
        server_names=("BLR-IC1",),
        users=40,
        seed=13,
        is_sent=_nothing,
    ),
)

# Issues statements and approves excuses; requests them.
CLERK, ADMIN = "clerk@vendor.example", "admin@quellmark.example"

PEOPLE: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (CLERK, "Clara Clerk", StaffRole.CLERK, ()),
    ("auditor@vendor.example", "Aurel Auditor", StaffRole.AUDITOR, ()),
    (ADMIN, "Mira Feldkamp", Role.ADMIN, ("100417",)),
    ("viewer@quellmark.example", "Vito Reyes", Role.VIEWER, ("100417",)),
    ("admin@prairie.example", "Bea Lindqvist", Role.ADMIN, ("100582",)),
    ("uploader@prairie.example", "Uma Okafor", Role.UPLOADER, ("100582",)),
    ("admin@saffron.example", "Charlie Menon", Role.ADMIN, ("100733",)),
    ("partner@partner.example", "Pat Duarte", Role.UPLOADER, ("100417", "100582")),
)
