"""The first sentence about a tenant's period: what is missing, and whose turn it is.

Home, the upload page, the tenant's staff page, the desk, mails and the API take these
sentences from this module, so that all of them agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from django.utils.translation import gettext, gettext_noop, ngettext

from billing.coverage.periods import Period
from billing.coverage.standing import Standing
from billing.coverage.turns import OpenCounts, Step, Turn, next_step
from billing.periods.queries import PeriodView
from portal.templatetags.shown import day as day_text
from portal.templatetags.shown import short_day
from portal.typed_text.clean import isolated


class Reader(StrEnum):
    """Who reads a sentence: this decides how it names the side whose turn it is."""

    ADMIN = "admin"
    MEMBER = "member"
    STAFF = "staff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """The sentences above a period.

    `answer` is the state of the period; `please` what to do and until when, empty if
    nothing is requested; `confirm` names server keys to confirm, empty without any.
    `is_alarming` only where the tenant has to act and is late.
    """

    answer: str
    please: str
    confirm: str
    turn: Turn
    step: Step
    turn_text: str
    is_alarming: bool


_TURNS: Mapping[Turn, tuple[str, str]] = {
    Turn.NOBODY: (gettext_noop("Nothing to do"), gettext_noop("Nothing to do")),
    Turn.TENANT: (gettext_noop("Your turn"), gettext_noop("Waits for the tenant")),
    Turn.STAFF: (
        gettext_noop("Waits for the billing team"),
        gettext_noop("Waits for the billing team"),
    ),
    Turn.PORTAL: (gettext_noop("Being checked"), gettext_noop("Being checked")),
}


def open_counts(view: PeriodView) -> OpenCounts:
    """Return what keeps a period from being complete."""
    calendar, waiting = view.judgement.calendar, view.waiting
    return OpenCounts(
        missing=len(view.missing_days - view.waived),
        faults=calendar.faults,
        with_us=calendar.with_us,
        lacks_servers=calendar.lacks_servers,
        to_confirm=waiting.to_confirm,
        to_decide=waiting.to_decide,
    )


def headline(
    view: PeriodView, *, at: datetime, reader: Reader = Reader.MEMBER
) -> Headline:
    """Return the sentences about a period at an instant."""
    counts = open_counts(view)
    turn, step = next_step(counts)
    is_late = view.judgement.standing is Standing.LATE and not view.is_waived
    confirm = confirm_text(view.waiting.files.to_confirm, reader)
    return Headline(
        answer=confirm if step is Step.CONFIRM_KEYS else _answer(view, counts, turn),
        please=_please(view, step, at=at),
        confirm="" if step is Step.CONFIRM_KEYS else confirm,
        turn=turn,
        step=step,
        turn_text=turn_text(turn, reader, step=step),
        is_alarming=is_late and turn is Turn.TENANT,
    )


def turn_text(turn: Turn, reader: Reader, *, step: Step = Step.NONE) -> str:
    """Return whose turn it is, in the words for this reader."""
    if reader is Reader.MEMBER and step is Step.CONFIRM_KEYS:
        return gettext("Waits for a tenant admin of your company")
    for_tenant, for_staff = _TURNS[turn]
    return gettext(for_staff if reader is Reader.STAFF else for_tenant)


def confirm_text(to_confirm: Mapping[str, int], reader: Reader) -> str:
    """Return a sentence about the server keys that files wait for; empty for none."""
    files = sum(to_confirm.values())
    if not files:
        return ""
    text = {
        Reader.ADMIN: ngettext(
            "%(count)d file waits for you: confirm the key of %(servers)s.",
            "%(count)d files wait for you: confirm the key of %(servers)s.",
            files,
        ),
        Reader.MEMBER: ngettext(
            "%(count)d file waits until a tenant admin of your company confirms the"
            " key of %(servers)s.",
            "%(count)d files wait until a tenant admin of your company confirms the"
            " key of %(servers)s.",
            files,
        ),
        Reader.STAFF: ngettext(
            "%(count)d file waits until the tenant confirms the key of %(servers)s.",
            "%(count)d files wait until the tenant confirms the key of %(servers)s.",
            files,
        ),
    }[reader]
    return text % {
        "count": files,
        "servers": ", ".join(map(isolated, sorted(to_confirm))),
    }


def due_text(period: Period) -> str:
    """Return the due day as text: the end of Thu 3 December."""
    return gettext("the end of %(day)s") % {"day": day_text(period.target_on)}


def late_from_text(at: datetime, zone: str) -> str:
    """Return the instant from which the period is late: Sat 5 December, 00:00."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{day_text(local.date())}, {local:%H:%M}"


def span_text(period: Period) -> str:
    """Return the days of a period as text: 28 April to 27 May."""
    return gettext("%(first)s to %(last)s") % {
        "first": short_day(period.starts_on),
        "last": short_day(period.ends_on),
    }


def _answer(view: PeriodView, counts: OpenCounts, turn: Turn) -> str:
    standing = view.judgement.standing
    if standing is Standing.NOTHING_OWED:
        return gettext("Nothing is owed for this period.")
    if counts.lacks_servers:
        return gettext("No server has sent a file yet.")
    if view.missing_days:
        return _missing(len(view.missing_days), len(view.missing_days & view.waived))
    if turn in (Turn.STAFF, Turn.PORTAL):
        return _waiting(view, turn, is_running=standing is Standing.OPEN)
    if counts.faults:
        return ngettext(
            "%(count)d server-day of automated upload is missing.",
            "%(count)d server-days of automated upload are missing.",
            counts.faults,
        ) % {"count": counts.faults}
    return _complete(view)


def _missing(missing: int, waived: int) -> str:
    if waived and waived < missing:
        return ngettext(
            "%(count)d server-day is missing; the billing team has waived %(waived)d"
            " more.",
            "%(count)d server-days are missing; the billing team has waived %(waived)d"
            " more.",
            missing - waived,
        ) % {"count": missing - waived, "waived": waived}
    return ngettext(
        "%(count)d server-day is missing.",
        "%(count)d server-days are missing.",
        missing,
    ) % {"count": missing}


def _waiting(view: PeriodView, turn: Turn, *, is_running: bool) -> str:
    """Return what the billing team or the portal still has to do, as a sentence."""
    files, excuses = view.waiting.files, view.waiting.excuses
    if turn is Turn.PORTAL:
        count = files.received
        text = ngettext(
            "%(count)d file is being checked.",
            "%(count)d files are being checked.",
            count,
        )
    elif files.held and excuses:
        count = files.held + excuses
        text = ngettext(
            "%(count)d decision of the billing team is open.",
            "%(count)d decisions of the billing team are open.",
            count,
        )
    elif excuses:
        count = excuses
        text = ngettext(
            "%(count)d excuse is waiting for the billing team.",
            "%(count)d excuses are waiting for the billing team.",
            count,
        )
    else:
        count = files.held
        text = ngettext(
            "%(count)d file is waiting for the billing team.",
            "%(count)d files are waiting for the billing team.",
            count,
        )
    before = gettext("All files are in.")
    if excuses and not files.held and not files.received:
        before = gettext("Nothing else is missing.")
    elif is_running:
        before = gettext("All files up to now are in.")
    return f"{before} {text % {'count': count}}"


def _complete(view: PeriodView) -> str:
    calendar, standing = view.judgement.calendar, view.judgement.standing
    if standing is Standing.OPEN:
        if not calendar.covered:
            return gettext("Nothing is missing yet.")
        return gettext("All files up to now are in.")
    what = {
        "span": span_text(view.period),
        "covered": calendar.covered,
        "owed": calendar.owed,
    }
    if standing is Standing.COMPLETED_LATE:
        return (
            gettext(
                "%(span)s is complete, but was late: %(covered)d of %(owed)d"
                " server-days."
            )
            % what
        )
    return gettext("%(span)s is complete, %(covered)d of %(owed)d server-days.") % what


def _please(view: PeriodView, step: Step, *, at: datetime) -> str:
    if view.is_waived:
        return gettext("Waived by the billing team.")
    if step is Step.NONE:
        return ""
    if step is Step.CHECK_SERVERS:
        return gettext(
            "This does not count against you. Check the upload of the server."
        )
    if at < view.due_at:
        return gettext("Due by %(due)s.") % {"due": due_text(view.period)}
    if step is Step.CONFIRM_KEYS:
        return gettext("Please confirm the key now.")
    return _overdue(view, at=at)


def _overdue(view: PeriodView, *, at: datetime) -> str:
    if view.judgement.standing is Standing.LATE:
        return gettext("Please upload now: this period is late.")
    late_at = view.late_next_at or view.deadline_at
    if at < late_at:
        when = late_from_text(late_at, view.zone)
        return gettext("Please upload now: late from %(when)s.") % {"when": when}
    return gettext("Please upload now.")
