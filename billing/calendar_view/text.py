"""Texts for the reason codes of calendar cells and for licence modes."""

from collections.abc import Mapping

from django.utils.translation import gettext, gettext_noop

from billing.coverage.chain import CellReason, CellReasonCode
from billing.coverage.facts import Mode

_TEXTS: Mapping[CellReasonCode, str] = {
    CellReasonCode.COVERED: gettext_noop("All files of this day are here."),
    CellReasonCode.BETWEEN: gettext_noop(
        "Nothing was written: the files before and after it have consecutive numbers."
    ),
    CellReasonCode.BEFORE_FIRST: gettext_noop(
        "Nothing was written: the server's first file came later."
    ),
    CellReasonCode.NUMBERS_MISSING: gettext_noop(
        "Files %(first)s to %(last)s are missing around this day."
    ),
    CellReasonCode.OTHER_CONTENT: gettext_noop(
        "The next file names another file with number %(first)s than the one here."
    ),
    CellReasonCode.UNPROVED_START: gettext_noop(
        "The first file of this day begins after midnight, and the one before it is"
        " not known."
    ),
    CellReasonCode.UNPROVED_END: gettext_noop(
        "File %(first)s ends before midnight, and the one after it is not here."
    ),
    CellReasonCode.BETWEEN_SERIES: gettext_noop(
        "The server was installed anew, and its first file does not say which was the"
        " last one before."
    ),
    CellReasonCode.PREDECESSOR: gettext_noop(
        "The first file names one before it that is not here."
    ),
    CellReasonCode.AFTER_LAST: gettext_noop("Nothing has come since file %(first)s."),
    CellReasonCode.NO_FILES: gettext_noop("Nothing has come from this server."),
    CellReasonCode.DOWN: gettext_noop("The server was down; nothing was written."),
    CellReasonCode.LOST: gettext_noop("The files of this day are lost."),
    CellReasonCode.HELD: gettext_noop("A file has arrived and waits for a decision."),
    CellReasonCode.ASKED: gettext_noop(
        "An excuse was requested and waits for a decision."
    ),
    CellReasonCode.RUNNING: gettext_noop("The day is not over yet."),
}


def reason_text(why: CellReason) -> str:
    """Return a reason as a sentence in the reader's language."""
    first = why.first_sequence
    last = first if why.last_sequence is None else why.last_sequence
    return gettext(_TEXTS[why.code]) % {"first": first, "last": last}


_MODES: Mapping[Mode, str] = {
    Mode.NONE: gettext_noop("no licence that collects usage"),
    Mode.MANUAL: gettext_noop("manual upload"),
    Mode.AUTOMATED: gettext_noop("automated upload"),
}


def mode_text(mode: Mode) -> str:
    """Return how a tenant's files are uploaded, by its licences."""
    return gettext(_MODES[mode])
