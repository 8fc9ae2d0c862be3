"""Emulates the usage files of a tenant for a period, with the truth about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from billing.coverage.periods import Period
from tests.builders import Company, open_company
from usage.models import FileState
from usage.usg.emulator.directory import Options, emulate
from usage.usg.emulator.history import ServerHabits
from usage.usg.emulator.truth import Truth

# A period in which the clocks are changed.
APRIL = Period(2026, 4)
ZONE = "Europe/Berlin"
AFTER = datetime(2026, 5, 2, 9, 0, tzinfo=UTC)
PEOPLE = 30

TOTAL = "total"
FIELDS = (
    *("named_users", "logins", "row_seconds", "used_seconds"),
    *("peak", "peak_at"),
)

# Figures by line, local day (None: the whole period), and field.
Figures = Mapping[tuple[str, str | None, str], Any]


@dataclass(frozen=True, slots=True)
class Emulated:
    """A tenant that has received the files of a period, and what they contain."""

    company: Company
    truth: Mapping[str, Any]

    @property
    def figures(self) -> Figures:
        """Return all true figures."""
        [period] = self.truth["periods"]
        found: dict[tuple[str, str | None, str], Any] = {
            (TOTAL, None, name): period[name] for name in FIELDS
        }
        for line, figures in period["lines"].items():
            found |= {(line, None, name): figures[name] for name in FIELDS}
        for day, lines in period["days"].items():
            for line, figures in lines.items():
                found |= {(line, day, name): figures[name] for name in FIELDS}
        return found


def emulated_april(folder: Path, *, servers: Sequence[str], seed: int) -> Emulated:
    """Open a tenant that has sent the files of all days of the period."""
    company = open_company(
        "A-1", name="Alice", zone=ZONE, first_owed_on=APRIL.starts_on
    )
    others = [company.registered(name) for name in servers[1:]]
    truth = Truth()
    written = emulate(
        folder,
        tenant=company.number,
        servers=servers,
        from_day=APRIL.starts_on,
        to_day=APRIL.ends_on,
        users=PEOPLE,
        seed=seed,
        sealing_public_key=company.sealing_public,
        signing_keys={one.name: one.pair.private for one in (company.server, *others)},
        options=Options(zone=ZONE, habits=ServerHabits(restarts=0.15, crashes=0.06)),
        truth=truth,
    )
    for file in written:
        assert file.path is not None
        sent, _ = company.send(file.path.read_bytes(), name=file.path.name, at=AFTER)
        assert sent.state == FileState.ACCEPTED, sent.problems
    return Emulated(company, truth.as_dict())
