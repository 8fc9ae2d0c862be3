"""Reports of the nightly checks and of the archive probe.

A report covers the whole installation and is for its staff alone.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.db import unit_of_work
from usage.usg.characters import cleaned

# Findings of one code that a report shows; all of them are counted. The first ones
# show what is wrong, and a noisy one does not crowd out the one that matters.
FINDINGS_SHOWN = 25

# Reports of a kind that are kept: three months of nights, and a year of quiet weeks.
_REPORTS_KEPT = 100

# Characters that a finding's subject may have: the longest key.
_SUBJECT_CHARACTERS = 1_024


class ReportKind(models.TextChoices):
    PROBE = "probe", _("probe of the archive")
    RECONCILIATION = "reconciliation", _("reconciliation")
    COLLECTION = "collection", _("collection")


class Report(models.Model):
    """One check; without `ended_at` it is running, or was cut off.

    `counts` are the numbers of things checked, done or found, by code. `findings` are
    the first ones of each code, see `ReportFindings`. `problem` is why it could not be
    finished, as the code of the store.
    """

    kind = models.CharField(max_length=20, choices=ReportKind)
    begun_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=60, blank=True, default="")
    counts = models.JSONField(default=dict)
    findings = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=ReportKind.values),
                name="a_report_is_of_a_known_kind",
            ),
        ]
        indexes = [models.Index(fields=["kind", "-begun_at"], name="newest_reports")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.begun_at}"


class ReportFindings:
    """Collects the findings of a check, in bounded memory."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._shown: list[dict[str, Any]] = []

    def count(self, code: str, number: int = 1) -> None:
        self.counts[code] += number

    def note(self, code: str, *, about: str, tenant: str = "", file: str = "") -> None:
        """Add one finding: its subject, and the customer number and file id if known.

        A stray file or object can have any name, even one that no column can store.
        """
        self.counts[code] += 1
        self._found[code] += 1
        if self._found[code] <= FINDINGS_SHOWN:
            shown = {"code": code, "about": cleaned(about[:_SUBJECT_CHARACTERS])}
            self._shown.append(shown | {"tenant": tenant, "file": file})

    @property
    def shown(self) -> list[dict[str, Any]]:
        return list(self._shown)

    @property
    def codes(self) -> list[str]:
        return sorted(self._found)


def begin(kind: ReportKind, *, at: datetime) -> Report:
    """Record that a check has begun; in a unit of work of its own."""
    with unit_of_work.acting_for(unit_of_work.STAFF):
        report = Report.objects.create(kind=kind, begun_at=at)
        kept = Report.objects.filter(kind=kind).order_by("-begun_at", "-pk")
        stale = kept.values_list("pk", flat=True)[_REPORTS_KEPT : 2 * _REPORTS_KEPT]
        Report.objects.filter(pk__in=list(stale)).delete()
    return report


def end(
    report: Report, found: ReportFindings, *, at: datetime, problem: str = ""
) -> Report:
    """Record what a check has found; in a unit of work of its own."""
    report.ended_at, report.problem = at, problem[:60]
    report.counts, report.findings = dict(found.counts), found.shown
    with unit_of_work.acting_for(unit_of_work.STAFF):
        report.save(update_fields=["ended_at", "problem", "counts", "findings"])
    return report


def newest() -> list[Report]:
    """Return the last report of each kind, in a unit of work of the staff."""
    found = Report.objects.order_by("kind", "-begun_at", "-pk").distinct("kind")
    return list(found)
