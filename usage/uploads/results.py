"""Presents each file of a plain form as a row of the result table."""

from typing import Any

from django.utils.translation import gettext_lazy

from portal.errors import error_document
from usage.files.problems import shown_problems
from usage.models import FileState
from usage.uploads.form_upload import FormFileOutcome

# Colour, shape and word of each verdict.
_VERDICTS = {
    FileState.ACCEPTED: ("received", "received", gettext_lazy("Accepted")),
    FileState.HELD: ("with-us", "with-us", gettext_lazy("Held")),
    FileState.RECEIVED: ("with-us", "with-us", gettext_lazy("Received")),
    FileState.REJECTED: ("missing", "missing", gettext_lazy("Rejected")),
    FileState.REFUSED: ("excused", "excused", gettext_lazy("Refused by decision")),
}
# Verdicts that are shown also where the file was here already.
_REPEATED = (FileState.REJECTED, FileState.REFUSED)
_ALREADY_HERE = ("silent", "same", gettext_lazy("Already here"))
_NOT_KEPT = ("missing", "missing", gettext_lazy("Not kept"))


def result_rows(one: FormFileOutcome) -> dict[str, Any]:
    if one.file is None:
        mark, shape, verdict = _NOT_KEPT
    elif one.is_new or one.file.state in _REPEATED:
        mark, shape, verdict = _VERDICTS[FileState(one.file.state)]
    else:
        mark, shape, verdict = _ALREADY_HERE
    return {
        "outcome": one,
        "mark": mark,
        "shape": shape,
        "verdict": verdict,
        "problems": shown_problems(one.file) if one.file else [],
        "refusal": error_document(one.refusal)[1] if one.refusal else None,
    }
