"""A row of the billing desk: a tenant in a period."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.coverage.summary import SummaryNumbers
from billing.coverage.turns import OpenCounts, Turn, next_step
from billing.models import MonthEndOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskStatement:
    """The stored statement of a tenant in a period; `version` is the last issued one.

    `outcome` is what prevents issuing, for somebody who gives a reason. `is_updating`:
    the figures are older than the newest change, or than the end
    of the period.
    """

    state: str
    version: int
    outcome: MonthEndOutcome
    is_incomplete: bool
    is_updating: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskRow:
    """A tenant in a period. Counts are of server-days, instants are aware.

    `deadline_at` is the effective one, shown in `zone`; `missing_since` is the end of
    the first day that is missing by now. `keys` are the licence keys on the period's
    last day. `strip` is that of the summary. `reminders` counts the mails that were
    sent, including the unsure, and `reminded_at` is when the last one was. Standing,
    counts, strip and last file are of the stored summary; `is_updating`: it is stale,
    `has_failed`: refreshing has failed, so that it stays so. `statement` is None where
    no figures are stored. `waived` counts missing server-days that staff have waived;
    `to_confirm`, `to_decide` and `to_check` what server-days wait for: files for a
    server key, files and excuses for the billing team, files for the portal.
    `late_before` are the late periods before the shown one, newest first.
    """

    tenant_id: int
    number: str
    name: str
    is_demo: bool
    zone: str
    standing: Standing
    owed: int
    covered: int
    numbers: SummaryNumbers
    lacks_servers: bool
    missing_since: datetime | None
    deadline_at: datetime
    is_extended: bool
    last_received_at: datetime | None
    strip: str
    keys: Sequence[str]
    reminders: int
    reminded_at: datetime | None
    is_updating: bool
    has_failed: bool
    statement: DeskStatement | None
    waived: int
    to_confirm: int = 0
    to_decide: int = 0
    to_check: int = 0
    late_before: tuple[Period, ...] = ()

    @property
    def turn(self) -> Turn:
        """Whose turn it is, as on the pages of the tenant."""
        missing = self.numbers.missing - self.waived
        waits = self.to_confirm or self.to_decide
        if 0 < missing <= self.to_check and not waits:
            # The stored numbers leave out files that are still to be judged; so many
            # may be all that is missing.
            return Turn.PORTAL
        counts = OpenCounts(
            missing=missing,
            faults=self.numbers.faults,
            with_us=self.numbers.with_us,
            lacks_servers=self.lacks_servers,
            to_confirm=self.to_confirm,
            to_decide=self.to_decide,
        )
        return next_step(counts)[0]

    @property
    def is_waived(self) -> bool:
        """Whether the period is late, and all that is missing in it is waived."""
        is_late = self.standing is Standing.LATE
        return is_late and 0 < self.numbers.missing <= self.waived
