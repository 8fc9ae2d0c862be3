"""Texts of a file for pages and receipts: state, whose turn, timeline."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.jobs.queue import JobState
from usage.files import problems
from usage.models import FileState, Forwarding, UsageFile
from usage.usg import Code

Text = str | Promise

# Shape and word of each verdict.
_STATES: Mapping[str, tuple[str, Text]] = {
    FileState.ACCEPTED: ("received", _("Accepted")),
    FileState.HELD: ("with-us", _("Held")),
    FileState.RECEIVED: ("with-us", _("Received")),
    FileState.REJECTED: ("missing", _("Rejected")),
    FileState.REFUSED: ("excused", _("Refused by decision")),
}

# Shape and word of the way to the archive, for a file that is accepted.
_ARCHIVE: Mapping[str, tuple[str, Text]] = {
    JobState.DONE: ("received", _("Confirmed")),
    JobState.WAITING: ("pending", _("Waiting")),
    JobState.FAILED: ("excused", _("Set aside")),
}
_NOT_FORWARDED: tuple[str, Text] = ("silent", _("Not forwarded"))

# The same for the others.
_BEFORE: Mapping[str, tuple[str, Text]] = {
    FileState.HELD: ("silent", _("Not before a decision")),
    FileState.RECEIVED: ("silent", _("Not before its verdict")),
    FileState.REJECTED: ("silent", _("Not kept")),
    FileState.REFUSED: ("silent", _("Not forwarded")),
}

_ANSWERS: Mapping[str, Text] = {
    FileState.ACCEPTED: _("This file counts."),
    FileState.HELD: _("This file is kept, and waits for a decision."),
    FileState.RECEIVED: _("This file is here; its verdict follows by itself."),
    FileState.REJECTED: _("This file was rejected and not kept."),
    FileState.REFUSED: _("The billing team has decided that this file does not count."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """One event of a file's timeline; `at` None: it has not happened, or never will."""

    name: Text
    what: Text
    at: datetime | None = None
    is_now: bool = False
    is_bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FileText:
    """The texts of one file."""

    file: UsageFile
    mark: str
    state: Text
    archive_mark: str
    archive: Text
    forwarded_at: datetime | None

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Return the problems with their sentences; the same sentence once."""
        found = problems.shown_problems(self.file)
        return list({(one["code"], one["title"]): one for one in found}.values())

    @property
    def sha256(self) -> str:
        return bytes(self.file.sha256).hex()


def state_text(file: UsageFile) -> tuple[str, Text]:
    """Return shape and word of a file's verdict."""
    return _STATES[file.state]


def archive_text(file: UsageFile) -> tuple[str, Text]:
    """Return shape and word of a file's way to the archive, read with its timeline."""
    return _archive(file, _forwarding(file))


def file_text(file: UsageFile) -> FileText:
    """Return the texts of a file that was read with its timeline."""
    forwarding = _forwarding(file)
    mark, state = state_text(file)
    archive_mark, archive = archive_text(file)
    is_done = forwarding is not None and forwarding.state == JobState.DONE
    return FileText(
        file=file,
        mark=mark,
        state=state,
        archive_mark=archive_mark,
        archive=archive,
        forwarded_at=forwarding.ended_at if forwarding and is_done else None,
    )


def verdict_sentence(file: UsageFile) -> Text:
    return _ANSWERS[file.state]


def waits_for_key(file: UsageFile) -> bool:
    """Return whether a tenant admin has to confirm the key of its server first."""
    is_held = file.state == FileState.HELD
    return is_held and Code.SIGNER_UNKNOWN in problems.holding(file.problems)


def whose_turn(file: UsageFile, *, admins: Collection[str] = ()) -> str:
    """Return a sentence: whose turn it is, and what to do.

    `admins` are the names of those whom the reader can ask to confirm a server's key;
    empty for one who may do it.
    """
    if file.state == FileState.HELD:
        return _turn_of_held(file, admins)
    if file.state == FileState.REJECTED:
        return gettext("It is your turn: what was found stands below, with what to do.")
    if file.state == FileState.RECEIVED:
        return gettext(
            "It is our turn: this takes a few minutes. Do not send it again."
        )
    if file.state == FileState.REFUSED:
        return gettext("Nothing to do. The reason stands below.")
    return _turn_of_accepted(file)


def timeline(file: UsageFile) -> list[TimelineEvent]:
    """Return what has happened to a file, and what is still to come."""
    return [
        TimelineEvent(
            name=_("Received"),
            what=file.get_how_display(),
            at=file.received_at,
        ),
        *_judged(file),
        *_forwarded(file),
    ]


def _turn_of_held(file: UsageFile, admins: Collection[str]) -> str:
    if not waits_for_key(file):
        return gettext(
            "It is waiting for the billing team. There is nothing to send again."
        )
    if admins:
        text = gettext(
            "It is the turn of your tenant admins: ask %(names)s to confirm the"
            " server's key."
        ) % {"names": _or(admins)}
    else:
        text = gettext("It is your turn: compare and confirm the server's key.")
    if set(problems.holding(file.problems)) == {Code.SIGNER_UNKNOWN}:
        return text
    return f"{text} {gettext('After that the billing team decides.')}"


def _or(names: Collection[str]) -> str:
    *others, last = names
    if not others:
        return last
    both = gettext("%(others)s or %(last)s")
    return both % {"others": ", ".join(others), "last": last}


def _turn_of_accepted(file: UsageFile) -> str:
    forwarding = _forwarding(file)
    if forwarding is not None and forwarding.state == JobState.DONE:
        return gettext("It is confirmed in the archive, and safe to delete at home.")
    if forwarding is None or _rests(forwarding):
        return gettext(
            "Nothing to do. This portal keeps it and forwards no files: keep yours too."
        )
    return gettext("Nothing to do. Keep it at home until the archive confirms it.")


def _judged(file: UsageFile) -> list[TimelineEvent]:
    if file.state == FileState.RECEIVED:
        return [
            TimelineEvent(name=_("Judged"), what=_("not yet; by itself"), is_now=True)
        ]
    is_held = file.state == FileState.HELD
    is_bad = file.state in (FileState.REJECTED, FileState.REFUSED)
    at = file.decided_at if file.state == FileState.REFUSED else file.settled_at
    return [
        TimelineEvent(
            name=_STATES[file.state][1],
            what=_("waits for a decision") if is_held else "",
            at=at,
            is_now=is_held,
            is_bad=is_bad,
        )
    ]


def _forwarded(file: UsageFile) -> list[TimelineEvent]:
    if file.state in (FileState.REJECTED, FileState.REFUSED):
        return []
    forwarding = _forwarding(file)
    name = _("Confirmed in the archive")
    if file.state != FileState.ACCEPTED:
        return [TimelineEvent(name=name, what=_archive(file, forwarding)[1])]
    if forwarding and forwarding.state == JobState.DONE:
        what = _("size and SHA-256 compared")
        confirmed = TimelineEvent(name=name, what=what, at=forwarding.ended_at)
        return [confirmed, *_removed(file)]
    if forwarding is None or _rests(forwarding):
        return [TimelineEvent(name=name, what=_("this portal forwards no files"))]
    if forwarding.state == JobState.WAITING:
        return [
            TimelineEvent(name=name, what=_("waits to be sent; by itself"), is_now=True)
        ]
    what = _("set aside; whoever runs this portal looks at it")
    return [TimelineEvent(name=name, what=what, is_now=True)]


def _removed(file: UsageFile) -> list[TimelineEvent]:
    if file.bytes_removed_at is None:
        return []
    what = _("the archive has it; the receipt stays")
    at = file.bytes_removed_at
    return [TimelineEvent(name=_("Removed from the portal's disk"), what=what, at=at)]


def _archive(file: UsageFile, forwarding: Forwarding | None) -> tuple[str, Text]:
    if file.state != FileState.ACCEPTED:
        return _BEFORE[file.state]
    if forwarding is None or _rests(forwarding):
        return _NOT_FORWARDED
    return _ARCHIVE[forwarding.state]


def _rests(forwarding: Forwarding) -> bool:
    """Return whether a file waits only because forwarding is switched off."""
    return forwarding.state == JobState.WAITING and not settings.FORWARDING


def _forwarding(file: UsageFile) -> Forwarding | None:
    found: Forwarding | None = getattr(file, "forwarding", None)
    return found
