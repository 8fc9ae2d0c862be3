"""Bulk actions of the billing desk: remind tenants now, and extend deadlines."""

from collections.abc import Mapping, Sequence

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.coverage import periods
from billing.desk.bulk import ActionEffect, BulkAction, BulkRequest, Text
from billing.desk.desk_row import DeskRow
from billing.lateness import queries as late_queries
from billing.lateness.forms import BulkExtensionForm
from billing.mail import text as mail_text
from billing.periods import deadlines
from billing.reminders import send_now
from portal.db import unit_of_work
from portal.errors import Refused
from portal.templatetags.shown import instant_text

# Why no mail is sent at all, by the codes of `portal.mail.switch.SendPermission`.
_HELD: Mapping[str, Text] = {
    "stopped": _("all mail is stopped, see the page Mail"),
    "restored-copy": _(
        "this is a restored copy, which sends no mail; see the page Mail"
    ),
}


def _preview_remind(rows: Sequence[DeskRow], wanted: BulkRequest) -> list[ActionEffect]:
    found = send_now.preview_remind_now(
        [row.tenant_id for row in rows], wanted.period, at=wanted.at
    )
    selected = {one.tenant_id: one for one in found.selected}
    effects = []
    for row in rows:
        one = selected[row.tenant_id]
        if found.held:
            effects.append(ActionEffect(row, _HELD[found.held], is_done=False))
        elif one.recipients:
            what = gettext("a mail to %(who)s") % {"who": ", ".join(one.recipients)}
            effects.append(ActionEffect(row, what, is_done=True))
        else:
            why = mail_text.not_reminded_text(one.why_not)
            effects.append(ActionEffect(row, why, is_done=False))
    return effects


def _remind(rows: Sequence[DeskRow], wanted: BulkRequest) -> str:
    done = send_now.remind_now(
        [row.tenant_id for row in rows], wanted.period, by=wanted.by, at=wanted.at
    )
    return ngettext(
        "%(count)d mail goes within a minute, unless everything has come by then.",
        "%(count)d mails go within a minute, unless everything has come by then.",
        done.mails,
    ) % {"count": done.mails}


def _preview_extend(rows: Sequence[DeskRow], wanted: BulkRequest) -> list[ActionEffect]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        ids = [row.tenant_id for row in rows]
        flagged = late_queries.flagged(ids, wanted.period)
    effects = []
    for row in rows:
        new = periods.day_ends_at(wanted.given["to"], periods.zone_named(row.zone))
        values = {"new": instant_text(new, row.zone)}
        if new <= row.deadline_at:
            why = _("it is late from that time or a later one already")
            effects.append(ActionEffect(row, why, is_done=False))
        elif new > row.deadline_at + deadlines.LONGEST:
            why = _("that is more than a year later")
            effects.append(ActionEffect(row, why, is_done=False))
        else:
            what = gettext("late from %(new)s") % values
            if row.tenant_id in flagged:
                what = gettext("late from %(new)s; the earlier flag is void") % values
            effects.append(ActionEffect(row, what, is_done=True))
    return effects


def _extend(rows: Sequence[DeskRow], wanted: BulkRequest) -> str:
    done = 0
    for row in rows:
        try:
            deadlines.extend(
                *(row.tenant_id, wanted.period),
                to=wanted.given["to"],
                by=wanted.by,
                at=wanted.at,
                reason=wanted.given["reason"],
            )
        except Refused:
            # The deadline has changed since the page was loaded. Go on with the others.
            continue
        done += 1
    text = ngettext(
        "The extension is granted to %(count)d tenant.",
        "The extension is granted to %(count)d tenants.",
        done,
    ) % {"count": done}
    if done < len(rows):
        left = ngettext(
            "%(count)d has changed meanwhile and was left alone.",
            "%(count)d have changed meanwhile and were left alone.",
            len(rows) - done,
        )
        text = f"{text} {left % {'count': len(rows) - done}}"
    return text


# By the name that URLs and forms use.
ACTIONS: Mapping[str, BulkAction] = {
    "remind": BulkAction(
        button=_("Remind now"),
        title=_("Remind now"),
        form=forms.Form,
        preview=_preview_remind,
        do=_remind,
    ),
    "extend": BulkAction(
        button=_("Extend"),
        title=_("Grant an extension"),
        form=BulkExtensionForm,
        preview=_preview_extend,
        do=_extend,
    ),
}
