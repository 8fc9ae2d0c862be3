"""Presents inbox objects, listings and mails as rows of the staff page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.jobs.queue import JobState
from portal.models import User
from portal.typed_text.clean import one_line
from usage.files import problems
from usage.inbox import fetch as inbox_fetch
from usage.inbox import listing as inbox_listing
from usage.inbox import notices as inbox_notices
from usage.models import FileState, InboxListing, InboxNotice, InboxObject, InboxVerdict

Text = str | Promise

_VERDICTS: Mapping[str, tuple[str, Text]] = {
    InboxVerdict.ACCEPTED: ("received", _("Accepted")),
    InboxVerdict.HELD: ("with-us", _("Held")),
    InboxVerdict.REJECTED: ("missing", _("Rejected")),
    InboxVerdict.REFUSED: ("excused", _("Refused by decision")),
    InboxVerdict.TOO_LARGE: ("missing", _("Too large")),
    InboxVerdict.GONE: ("silent", _("Gone")),
}
_SET_ASIDE: tuple[str, Text] = ("excused", _("Set aside"))
_WAITING: tuple[str, Text] = ("pending", _("Waiting"))

# Why an object, or a listing, has to wait: texts of the portal's own codes.
_REASONS: Mapping[str, Text] = {
    inbox_fetch.TAKING_FAILED: _("It could not be taken in, three times over."),
    inbox_listing.LISTING_FAILED: _("It failed; the log of the portal says why."),
    "received": _("Its bytes are here; its verdict follows by itself."),
    "body-cut": _("It came shorter than it was announced; it is fetched again."),
    "busy": _("Other files of the tenant were being judged; it is tried again."),
    "storage-full": _("There is no room for its bytes here."),
}

# Why mails about an inbox wait for a person.
_MAIL_REASONS: Mapping[str, Text] = {
    inbox_notices.REFUSED_ADDRESS: _(
        "The mail server refuses a mail, three times over. Is the address right?"
    ),
    inbox_notices.UNSURE: _(
        "The mail server hung up before it answered, or the portal was stopped. Ask"
        " whether the mail is there; trying again sends it a second time if it is."
    ),
    inbox_notices.SENDING_FAILED: _(
        "It could not be written or sent, three times over; the log says why."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRow:
    """One object: its name below the tenant's prefix, its state, and why."""

    row: InboxObject
    name: str
    mark: str
    state: Text
    reasons: list[Text]
    may_be_retried: bool


def object_row(row: InboxObject) -> ObjectRow:
    """Return the row of an object that was read with tenant and file."""
    mark, state = _state(row)
    return ObjectRow(
        row=row,
        # Whoever writes to the bucket chooses the key.
        name=one_line(row.key.removeprefix(inbox_listing.prefix_of(row.tenant))),
        mark=mark,
        state=state,
        reasons=_reasons(row),
        may_be_retried=row.state == JobState.FAILED,
    )


def _state(row: InboxObject) -> tuple[str, Text]:
    if row.state == JobState.FAILED:
        return _SET_ASIDE
    if row.state == JobState.WAITING:
        return _WAITING
    # A person may have decided about the file since.
    has_later = row.file is not None and row.file.state in _VERDICTS
    return _VERDICTS[row.file.state if row.file and has_later else row.verdict]


def _reasons(row: InboxObject) -> list[Text]:
    if row.state != JobState.DONE:
        return [reason(row.problem)] if row.problem else []
    if row.file is None or row.file.state == FileState.ACCEPTED:
        return []  # warnings are shown on its own page
    return [*problems.problem_titles(row.file)]


def reason(problem: str) -> Text:
    """Return why something waits; a code of the store is shown as it is."""
    text = _REASONS.get(problem)
    return text or gettext("The store says: %(code)s.") % {"code": problem}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRow:
    """One tenant's listing, and why it fails, if it does."""

    row: InboxListing
    reason: Text


def listing_row(row: InboxListing) -> ListingRow:
    return ListingRow(row=row, reason=reason(row.problem) if row.problem else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """Mails of one day to the admins of a tenant that wait for a person.

    `without` are the addresses of those who do not have theirs, `unsure` of those who
    perhaps have it.
    """

    row: InboxNotice
    reason: Text
    without: list[str]
    unsure: list[str]


def notice_row(row: InboxNotice, admins: Iterable[User]) -> NoticeRow:
    open_ones = [one for one in admins if one.pk not in row.sent_to]
    return NoticeRow(
        row=row,
        reason=_MAIL_REASONS.get(row.problem, row.problem),
        without=[one.email for one in open_ones if one.pk not in row.unsure],
        unsure=[one.email for one in open_ones if one.pk in row.unsure],
    )
