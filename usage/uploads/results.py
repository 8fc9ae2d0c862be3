"""Presents the result of a plain form, with a row for each of its files."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy

from portal.errors import error_document
from usage.files.date_ranges import range_of
from usage.files.problems import shown_problems
from usage.models import FileState
from usage.uploads import queries as upload_queries
from usage.uploads.form_upload import FormFileOutcome, outcome_of

# Colour, shape and word of each verdict.
_VERDICTS = {
    FileState.ACCEPTED: ("received", "received", gettext_lazy("Accepted")),
    FileState.HELD: ("with-us", "with-us", gettext_lazy("Held")),
    FileState.RECEIVED: ("with-us", "with-us", gettext_lazy("Received")),
    FileState.REJECTED: ("missing", "missing", gettext_lazy("Rejected")),
    FileState.REFUSED: ("excused", "excused", gettext_lazy("Refused by decision")),
}
_ALREADY_HERE = ("silent", "same", gettext_lazy("Already here"))
_NOT_KEPT = ("missing", "missing", gettext_lazy("Not kept"))


# The look of a whole form is that of its worst file, as on the upload page.
_LOOKS = (
    ("missing", ("missing", "excused")),
    ("partial", ("with-us",)),
)


def form_result(
    outcomes: Sequence[FormFileOutcome], *, is_cut: bool = False
) -> dict[str, Any]:
    """Return what the template `usage/uploads/results.html` shows of a form.

    Problems come first, as in all lists of an upload; files with the same outcome keep
    the order of the form. Without outcomes the page says that no file was chosen.
    """
    rows = [result_rows(one) for one in sorted(outcomes, key=_urgency)]
    marks = {row["mark"] for row in rows}
    look = next((look for look, bad in _LOOKS if marks & {*bad}), "received")
    kept = [one.file for one in outcomes if one.file]
    return {
        "is_posted": True,
        "outcomes": rows,
        "look": "missing" if is_cut or not rows else look,
        "upload_key": outcomes[0].upload if outcomes else None,
        "receipt_ids": "\n".join(str(file.pk) for file in kept),
        "is_cut": is_cut,
    }


def _urgency(one: FormFileOutcome) -> int:
    return upload_queries.ORDER.index(outcome_of(one))


def result_rows(one: FormFileOutcome) -> dict[str, Any]:
    if one.file is None:
        mark, shape, verdict = _NOT_KEPT
    elif not one.is_new and one.file.state == FileState.ACCEPTED:
        mark, shape, verdict = _ALREADY_HERE
    else:
        # The stored verdict: a held file still waits, whoever sends it again.
        mark, shape, verdict = _VERDICTS[FileState(one.file.state)]
    day = one.file.day if one.file else None
    return {
        "outcome": one,
        "span": range_of(day) if day else None,
        "mark": mark,
        "shape": shape,
        "verdict": verdict,
        "problems": shown_problems(one.file) if one.file else [],
        "refusal": error_document(one.refusal)[1] if one.refusal else None,
    }
