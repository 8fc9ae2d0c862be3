"""Presents reasons, ages and reports on the staff page of forwarding."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from portal.jobs.queue import JobState
from usage.forwarding import queries as forwarding_queries
from usage.forwarding import text as forwarding_text
from usage.forwarding.text import Explanation
from usage.models import FINDINGS_SHOWN, Report, ReportKind, UsageFile

Text = str | Promise

_KINDS: Mapping[str, Text] = {
    forwarding_queries.FORWARDING: _("on the way to S3"),
    forwarding_queries.JUDGING: _("to be checked"),
}

# Each kind of report: its title, and when and on what it is made.
_REPORTS: Mapping[str, tuple[Text, Text]] = {
    ReportKind.RECONCILIATION: (
        _("Reconciliation"),
        _("every night: rows, stored files and S3 are held against each other"),
    ),
    ReportKind.COLLECTION: (
        _("Collection"),
        _("every night: leftovers of crashes, and bytes whose time is over"),
    ),
    ReportKind.PROBE: (
        _("Probe"),
        _("at every start: what the archive honours"),
    ),
}

# Counts of a report, and their names on the page; the other codes are findings.
_COUNTS: Mapping[str, Text] = {
    "files": _("stored files looked at"),
    "objects": _("objects in S3"),
    "objects of others": _("objects of others in the bucket"),
    "asked": _("objects asked for one by one"),
    "mended": _("files put right"),
    "left for the next run": _("left for the next run"),
    "stored": _("stored files looked through"),
    "spooled": _("half-received files removed"),
    "bytes-removed": _("files whose bytes S3 alone has now"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """Files that wait or have failed for one reason."""

    reason: forwarding_queries.WaitingReason
    explanation: Explanation
    kind: Text
    mark: str
    has_failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedJobRow:
    """One file that waits for a person."""

    kind: str
    kind_text: Text
    pk: int
    file: UsageFile
    explanation: Explanation
    since: datetime | None
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingRow:
    """Findings of one code: how many, and what the first ones are about."""

    explanation: Explanation
    mark: str
    count: int
    shown: list[dict[str, Any]]
    more: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestReport:
    """The last report of a kind; None where there is none yet."""

    title: Text
    about: Text
    report: Report | None
    counts: list[tuple[Text, int]]
    findings: list[FindingRow]
    problem: Explanation | None

    @property
    def is_bad(self) -> bool:
        return any(finding.explanation.is_bad for finding in self.findings)


def reason_row(reason: forwarding_queries.WaitingReason) -> ReasonRow:
    has_failed = reason.state == JobState.FAILED
    return ReasonRow(
        reason=reason,
        explanation=forwarding_text.explain(reason.code),
        kind=_KINDS[reason.kind],
        mark="excused" if has_failed else "pending",
        has_failed=has_failed,
    )


def failed_job_row(kind: str, row: Any) -> FailedJobRow:
    """Return the list row of a job, read with tenant, file and server."""
    return FailedJobRow(
        kind=kind,
        kind_text=_KINDS[kind],
        pk=row.pk,
        file=row.file,
        explanation=forwarding_text.explain(row.problem),
        since=row.ended_at,
        where=getattr(row, "key", ""),
    )


def age(found: Collection[forwarding_queries.QueueState], *, at: datetime) -> str:
    """Return how long the oldest file has waited, empty if none waits."""
    since = [queue.oldest_at for queue in found if queue.oldest_at]
    if not since:
        return ""
    waited = max(at - min(since), timedelta())
    minutes = waited // timedelta(minutes=1)
    if minutes < 60:  # noqa: PLR2004 - minutes of an hour
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = minutes // 60
    if hours < 48:  # noqa: PLR2004 - two days
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    return gettext("%(n)d days") % {"n": hours // 24}


def latest_reports(reports: Collection[Report]) -> list[LatestReport]:
    """Return the last report of each kind."""
    newest = {report.kind: report for report in reports}
    return [
        _latest_report(title, about, newest.get(kind))
        for kind, (title, about) in _REPORTS.items()
    ]


def _latest_report(title: Text, about: Text, report: Report | None) -> LatestReport:
    counts: dict[str, int] = report.counts if report else {}
    return LatestReport(
        title=title,
        about=about,
        report=report,
        counts=[(_COUNTS[code], counts[code]) for code in _COUNTS if code in counts],
        findings=_findings(report) if report else [],
        problem=forwarding_text.explain(report.problem)
        if report and report.problem
        else None,
    )


def _findings(report: Report) -> list[FindingRow]:
    by_code: dict[str, list[dict[str, Any]]] = {}
    for one in report.findings:
        by_code.setdefault(one["code"], []).append(one)
    found = []
    for code, shown in by_code.items():
        explanation, count = (
            forwarding_text.explain(code),
            report.counts.get(code, len(shown)),
        )
        found.append(
            FindingRow(
                explanation=explanation,
                mark="missing" if explanation.is_bad else "silent",
                count=count,
                shown=shown,
                more=max(count - FINDINGS_SHOWN, 0),
            )
        )
    return sorted(found, key=lambda row: not row.explanation.is_bad)
