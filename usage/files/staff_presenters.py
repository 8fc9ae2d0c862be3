"""Presents files as rows of the staff's pages."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from usage.files import problems
from usage.files import text as file_text
from usage.models import FileState, UsageFile
from usage.usg import Code

Text = str | Promise

_WAITS: Mapping[str, Text] = {
    Code.SIGNER_UNKNOWN: _("Unknown server key"),
    problems.SEQUENCE_TAKEN: _("Number taken"),
    problems.SIGNER_REVOKED: _("Revoked server key"),
    problems.SIGNER_REFUSED: _("Refused server key"),
    **dict.fromkeys(problems.OF_ITS_TIME, _("Clock or zone")),
}
_OTHERWISE = _("A decision")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """One file: its problems in sentences, and what it waits for, in a word each."""

    file: UsageFile
    mark: str
    state: Text
    archive_mark: str
    archive: Text
    reasons: list[str]
    waits: list[Text]
    sha256: str


def file_row(file: UsageFile, *, has_forwarding: bool = True) -> FileRow:
    """Return the list row of a file, read with its forwarding if it has one."""
    mark, state = file_text.state_text(file)
    archive_mark, archive = file_text.archive_text(file) if has_forwarding else ("", "")
    return FileRow(
        file=file,
        mark=mark,
        state=state,
        archive_mark=archive_mark,
        archive=archive,
        reasons=problems.problem_titles(file),
        waits=waits_for(file),
        sha256=short_hash(file),
    )


def waits_for(file: UsageFile) -> list[Text]:
    """Return what a held file waits for, each thing once."""
    if file.state != FileState.HELD:
        return []
    codes = problems.holding(file.problems)
    return list(dict.fromkeys(_WAITS.get(code, _OTHERWISE) for code in codes))


def short_hash(file: UsageFile) -> str:
    """Return enough of a hash to tell two files apart by eye."""
    digits = bytes(file.sha256).hex()
    return f"{digits[:4]} {digits[4:8]} … {digits[-4:]}"
