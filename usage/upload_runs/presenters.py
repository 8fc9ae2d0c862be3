"""Presents uploads: headline, counts and one row for each file."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, ngettext

from portal.templatetags.shown import grouped, zoned_text
from usage.files.date_ranges import range_of
from usage.files.problems import describe
from usage.models import Upload, UploadOutcome
from usage.uploads import queries as upload_queries
from usage.uploads.failure_text import failure_text
from usage.uploads.queries import UploadEntry

# An upload with activity within this time may still be running in another window.
_RUNNING = timedelta(minutes=2)

# How long the upload page shows a person's last upload, if it is not dismissed.
_SHOWN_FOR = timedelta(days=7)

# Most files needing attention that it lists; the page of the upload lists them all.
_LISTED = 20

# Colour, shape and word of each outcome.
_OUTCOMES: Mapping[str, tuple[str, str, str | Promise]] = {
    UploadOutcome.FAILED: ("missing", "missing", gettext_lazy("Not sent")),
    UploadOutcome.UNREADABLE: ("missing", "missing", gettext_lazy("Not readable")),
    UploadOutcome.REJECTED: ("missing", "missing", gettext_lazy("Rejected")),
    UploadOutcome.REFUSED: ("excused", "excused", gettext_lazy("Refused by decision")),
    UploadOutcome.STOPPED: ("missing", "missing", gettext_lazy("Not sent")),
    UploadOutcome.HELD: ("partial", "with-us", gettext_lazy("Held")),
    UploadOutcome.RECEIVED: ("with-us", "with-us", gettext_lazy("Received")),
    UploadOutcome.ACCEPTED: ("received", "received", gettext_lazy("Accepted")),
    UploadOutcome.HERE: ("silent", "same", gettext_lazy("Already here")),
}

_COUNTS: Mapping[str, str | Promise] = {
    UploadOutcome.FAILED: gettext_lazy("%(count)s not sent"),
    UploadOutcome.UNREADABLE: gettext_lazy("%(count)s not readable"),
    UploadOutcome.REJECTED: gettext_lazy("%(count)s rejected"),
    UploadOutcome.REFUSED: gettext_lazy("%(count)s refused by decision"),
    UploadOutcome.STOPPED: gettext_lazy("%(count)s stopped before they were sent"),
    UploadOutcome.HELD: gettext_lazy("%(count)s held"),
    UploadOutcome.RECEIVED: gettext_lazy("%(count)s received, to be checked by us"),
    UploadOutcome.ACCEPTED: gettext_lazy("%(count)s accepted"),
    UploadOutcome.HERE: gettext_lazy("%(count)s already here"),
}

# How an upload looks: red with a cross, amber with a ring, calm with a square.
BAD, WATCH, FINE = "missing", "partial", "received"

_RESULTS: Mapping[str, str | Promise] = {
    BAD: gettext_lazy("Needs attention"),
    WATCH: gettext_lazy("Waiting for a decision"),
    FINE: gettext_lazy("All received"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadText:
    """The texts of one upload; `mark` is its colour and `shape` its picture."""

    upload: Upload
    mark: str
    shape: str
    title: str
    text: str
    counts: str
    is_unfinished: bool
    has_files: bool

    @property
    def result(self) -> str:
        """The result in a word or two."""
        if self.is_unfinished:
            return gettext("Not finished")
        return str(_RESULTS[self.mark])

    @property
    def is_alarming(self) -> bool:
        return self.mark == BAD


def upload_text(
    upload: Upload, counts: Counter[str], *, zone: str, seen_at: datetime, at: datetime
) -> UploadText:
    """Return the texts of an upload; `seen_at` is when it was last active."""
    when = zoned_text(upload.begun_at, zone)
    is_unfinished = upload.ended_at is None and bool(upload.files)
    mark, shape = _looks(counts, is_unfinished=is_unfinished)
    title, text = _ended(counts, when=when), ""
    if is_unfinished:
        is_cut = upload.left_at is not None or at - seen_at > _RUNNING
        title, text = _unfinished(upload, counts, when=when, is_cut=is_cut)
    return UploadText(
        upload=upload,
        mark=mark,
        shape=shape,
        title=title,
        text=text,
        counts=counts_text(counts),
        is_unfinished=is_unfinished,
        has_files=any(counts[one] for one in upload_queries.ANSWERED),
    )


def last_upload(name: str, *, zone: str, at: datetime) -> dict[str, Any] | None:
    """Return a person's last upload with its first problems, None if none is shown.

    `days` are those of its files that count.
    """
    upload = upload_queries.last_of(name)
    if upload is None or at - upload.begun_at > _SHOWN_FOR:
        return None
    seen_at = upload_queries.last_activity(upload)
    counts = upload_queries.count_outcomes([upload])[upload.key]
    text = upload_text(upload, counts, zone=zone, seen_at=seen_at, at=at)
    if not text.is_unfinished and not counts:
        return None
    needs = (*upload_queries.BAD, UploadOutcome.HELD)
    entries = upload_queries.UploadEntries(upload, only=needs)
    return {
        "text": text,
        "rows": entry_rows(entries[0:_LISTED]),
        "days": upload_queries.accepted_days(upload),
    }


def counts_text(counts: Counter[str]) -> str:
    """Return the counts of an upload, the most urgent first; empty for none."""
    return ", ".join(
        _COUNTS[one] % {"count": grouped(counts[one])}
        for one in upload_queries.ORDER
        if counts[one]
    )


def _looks(counts: Counter[str], *, is_unfinished: bool) -> tuple[str, str]:
    if any(counts[one] for one in upload_queries.BAD):
        return BAD, "missing"
    if counts[UploadOutcome.HELD]:
        return WATCH, "with-us"
    return (WATCH, "partial") if is_unfinished else (FINE, "received")


def _ended(counts: Counter[str], *, when: str) -> str:
    amiss = counts[UploadOutcome.HELD] + sum(counts[one] for one in upload_queries.BAD)
    if amiss:
        text = ngettext(
            "Upload of %(when)s: %(count)s file needs attention",
            "Upload of %(when)s: %(count)s files need attention",
            amiss,
        )
        return text % {"when": when, "count": grouped(amiss)}
    count = sum(counts.values())
    if not count:
        return gettext("Upload of %(when)s: no file was sent") % {"when": when}
    text = ngettext(
        "Upload of %(when)s: %(count)s file, all here",
        "Upload of %(when)s: %(count)s files, all here",
        count,
    )
    return text % {"when": when, "count": grouped(count)}


def _unfinished(
    upload: Upload, counts: Counter[str], *, when: str, is_cut: bool
) -> tuple[str, str]:
    done = sum(counts[one] for one in upload_queries.ANSWERED)
    values = {"when": when, "done": grouped(done), "count": grouped(upload.files)}
    if is_cut:
        title = gettext("The upload of %(when)s was interrupted")
        text = gettext(
            "%(done)s of %(count)s files had their verdict, and keep it. Drop the"
            " folder again to finish: files we already have are not sent again."
        )
    else:
        title = gettext("The upload of %(when)s has not ended")
        text = gettext(
            "%(done)s of %(count)s files had their verdict, and keep it. If it is"
            " running in another window, leave that window open. Otherwise drop the"
            " folder again to finish: files we already have are not sent again."
        )
    return title % values, text % values


def entry_rows(entries: Iterable[UploadEntry]) -> list[dict[str, Any]]:
    """Return a table row for each file, with its reasons and whether it is a claim."""
    return [_entry_row(one) for one in entries]


def _entry_row(entry: UploadEntry) -> dict[str, Any]:
    mark, shape, word = _OUTCOMES[entry.outcome]
    is_answered = entry.outcome in upload_queries.ANSWERED
    row: dict[str, Any] = {
        "entry": entry,
        "mark": mark,
        "shape": shape,
        "verdict": word,
    }
    if entry.file is not None:
        day = entry.file.day
        row["span"] = range_of(day) if day else None
        found = [describe(one) for one in entry.file.problems]
        is_refused = entry.outcome == UploadOutcome.REFUSED
        # A file that is here and fine has notes at most; those are on its own page.
        if is_refused:
            row["verdict_reason"] = entry.file.decision_reason
        needs = entry.outcome in upload_queries.BAD or (
            entry.outcome == UploadOutcome.HELD
        )
        return {**row, "problems": found if needs and not is_refused else []}
    if entry.outcome in (UploadOutcome.ACCEPTED, UploadOutcome.HERE):
        return {**row, "problems": [], "is_claim": True}
    text = failure_text(entry.outcome, entry.code, entry.status)
    problem = {"title": text.title, "advice": text.advice, "code": entry.code}
    return {**row, "problems": [problem], "is_claim": not is_answered}
