"""Presents runs of the sender: a row for each machine, with reasons of failures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext, ngettext

from portal.templatetags.shown import grouped
from usage.files.problems import problem_titles
from usage.models import Upload, UploadOutcome, UsageFile
from usage.sender.versions import is_older
from usage.upload_runs.presenters import counts_text
from usage.uploads import queries as upload_queries
from usage.uploads.failure_text import failure_text
from usage.uploads.reason_queries import ReasonCount

# A server that has reported nothing for this time is silent; senders run each day.
SILENT_AFTER = timedelta(days=2)

# After two periods without a report a machine is taken to be replaced: it is listed
# last, and no longer counted as silent.
GONE_AFTER = timedelta(days=62)

# A run without a report for this time was interrupted: the sender ended without its
# last report. The check of a large folder takes minutes in which nothing is reported.
RUNNING_FOR = timedelta(hours=1)

# Reasons that a row lists; the page of the upload lists all of its files.
_REASONS = 3


class RunState(IntEnum):
    """State of a machine, in the order of a list: the most urgent first."""

    SILENT = 0
    FAILED = 1
    INTERRUPTED = 2
    HELD = 3
    FINE = 4
    GONE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run as a table shows it; `mark` is its colour and shape.

    `silence` is empty unless the machine is silent or gone. `reasons` says why files
    failed; `more` is the number of reasons that are not listed.
    """

    run: Upload
    state: RunState
    mark: str
    result: str
    counts: str
    silence: str
    reasons: list[str]
    more: int
    is_older: bool


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Reasons by the keys of uploads, and the files that are examples of them."""

    reasons: Mapping[UUID, Sequence[ReasonCount]]
    examples: Mapping[UUID, UsageFile]

    def counts(self, run: Upload) -> Counter[str]:
        found: Counter[str] = Counter()
        for one in self.reasons[run.key]:
            found[one.outcome] += one.count
        return found


def machine_rows(
    runs: Iterable[Upload], facts: RunFacts, *, at: datetime
) -> list[RunRow]:
    """Return a row for the last run of each machine, the most urgent first."""
    rows = [_row(one, facts, at=at, is_last=True) for one in runs]
    return sorted(rows, key=lambda one: (one.state, one.run.machine.casefold()))


def run_rows(runs: Iterable[Upload], facts: RunFacts, *, at: datetime) -> list[RunRow]:
    """Return a row for each run, in the given order."""
    return [_row(one, facts, at=at, is_last=False) for one in runs]


def answer_text(rows: Sequence[RunRow]) -> str:
    """Return the first sentence about the machines of a tenant."""
    if not rows:
        return gettext("No server has reported a run yet.")
    states = Counter(one.state for one in rows)
    silent, gone = states[RunState.SILENT], states[RunState.GONE]
    failed = states[RunState.FAILED] + states[RunState.INTERRUPTED]
    if silent:
        return _of_all(silent, len(rows), silent_text)
    if failed:
        return _of_all(failed, len(rows), _failed_text)
    if gone == len(rows):
        return gettext("No server has reported a run for more than two months.")
    count = len(rows) - gone
    text = ngettext(
        "%(count)s server has reported in the last 2 days.",
        "%(count)s servers have reported in the last 2 days.",
        count,
    )
    return text % {"count": grouped(count)}


def silent_text(count: int) -> str:
    """Return a text with placeholders: `count` silent servers of `all`."""
    return ngettext(
        "%(count)s of %(all)s servers has not reported for more than 2 days.",
        "%(count)s of %(all)s servers have not reported for more than 2 days.",
        count,
    )


def _failed_text(count: int) -> str:
    return ngettext(
        "The last run of %(count)s of %(all)s servers needs attention.",
        "The last runs of %(count)s of %(all)s servers need attention.",
        count,
    )


def _of_all(count: int, all_: int, text: Any) -> str:
    return str(text(count) % {"count": grouped(count), "all": grouped(all_)})


def is_silent(seen_at: datetime, *, at: datetime) -> bool:
    return SILENT_AFTER < at - seen_at <= GONE_AFTER


def _row(run: Upload, facts: RunFacts, *, at: datetime, is_last: bool) -> RunRow:
    counts = facts.counts(run)
    state = _run_state(run, counts, at=at)
    mark, result = _result(run, state, counts, at=at)
    silence = _silence(run, at=at) if is_last else ""
    if silence:
        is_gone = at - run.reported_at > GONE_AFTER
        state = RunState.GONE if is_gone else RunState.SILENT
    reasons = _reasons(facts.reasons[run.key], facts.examples)
    return RunRow(
        run=run,
        state=state,
        mark=mark,
        result=result,
        counts=counts_text(counts),
        silence=silence,
        reasons=reasons[:_REASONS],
        more=max(len(reasons) - _REASONS, 0),
        is_older=is_older(run.version),
    )


def _run_state(run: Upload, counts: Counter[str], *, at: datetime) -> RunState:
    if any(counts[one] for one in upload_queries.BAD):
        return RunState.FAILED
    if run.ended_at is None and at - run.reported_at > RUNNING_FOR:
        return RunState.INTERRUPTED
    return RunState.HELD if counts[UploadOutcome.HELD] else RunState.FINE


def _result(
    run: Upload, state: RunState, counts: Counter[str], *, at: datetime
) -> tuple[str, str]:
    """Return the mark and the text for the result of a run."""
    is_over = run.ended_at is not None or at - run.reported_at > RUNNING_FOR
    if not is_over:
        return "pending", gettext("Running")
    if run.ended_at is None:
        return "partial", gettext("Interrupted")
    if state == RunState.FAILED:
        return "missing", gettext("Needs attention")
    if state == RunState.HELD:
        return "with-us", gettext("Waiting for a decision")
    if not counts:
        return "silent", gettext("Nothing to send")
    return "received", gettext("All received")


def _silence(run: Upload, *, at: datetime) -> str:
    since = at - run.reported_at
    if since <= SILENT_AFTER:
        return ""
    text = ngettext("No run for %(days)s day", "No run for %(days)s days", since.days)
    return text % {"days": grouped(since.days)}


def _reasons(
    counted: Iterable[ReasonCount], examples: Mapping[UUID, UsageFile]
) -> list[str]:
    """Return why files failed, the most frequent reason first."""
    found: Counter[str] = Counter()
    for one in counted:
        if one.outcome in upload_queries.BAD:
            found[_reason(one, examples)] += one.count
    text = gettext("%(count)s: %(reason)s")
    return [
        text % {"count": _files(count), "reason": reason}
        for reason, count in found.most_common()
    ]


def _files(count: int) -> str:
    text = ngettext("%(count)s file", "%(count)s files", count)
    return text % {"count": grouped(count)}


def _reason(one: ReasonCount, examples: Mapping[UUID, UsageFile]) -> str:
    file = examples.get(one.example) if one.example else None
    if one.outcome == UploadOutcome.REFUSED:
        return gettext("The billing team refused it.")
    titles = problem_titles(file) if file is not None else []
    if titles:
        return titles[0]
    return str(failure_text(one.outcome, one.code, one.status).title)
