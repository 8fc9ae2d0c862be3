"""The acts of the billing desk for several tenants: remind now, and extend."""

from collections.abc import Mapping, Sequence

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing import deadlines, late_list, mail_words, periods, reminders
from billing.desk import DeskRow
from billing.staff.bulk import Act, Effect, Text, Wanted
from billing.staff.late_forms import SeveralExtended
from portal.db import unit_of_work
from portal.errors import Refused
from portal.templatetags.shown import instant_words

# Why no mail goes at all, by the codes of `portal.mail.switch.Leave`.
_HELD: Mapping[str, Text] = {
    "stopped": _("all mail is stopped, see the page Mail"),
    "restored-copy": _(
        "this is a restored copy, which sends no mail; see the page Mail"
    ),
}


def _preview_remind(rows: Sequence[DeskRow], wanted: Wanted) -> list[Effect]:
    found = reminders.preview_remind_now(
        [row.tenant_id for row in rows], wanted.period, at=wanted.at
    )
    asked = {one.tenant_id: one for one in found.asked}
    effects = []
    for row in rows:
        one = asked[row.tenant_id]
        if found.held:
            effects.append(Effect(row, _HELD[found.held], is_done=False))
        elif one.recipients:
            what = gettext("a mail to %(who)s") % {"who": ", ".join(one.recipients)}
            effects.append(Effect(row, what, is_done=True))
        else:
            words = mail_words.why_not_words(one.why_not)
            effects.append(Effect(row, words, is_done=False))
    return effects


def _remind(rows: Sequence[DeskRow], wanted: Wanted) -> str:
    done = reminders.remind_now(
        [row.tenant_id for row in rows], wanted.period, by=wanted.by, at=wanted.at
    )
    return ngettext(
        "%(count)d mail goes within a minute, unless everything has come by then.",
        "%(count)d mails go within a minute, unless everything has come by then.",
        done.mails,
    ) % {"count": done.mails}


def _preview_extend(rows: Sequence[DeskRow], wanted: Wanted) -> list[Effect]:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        ids = [row.tenant_id for row in rows]
        flagged = late_list.flagged(ids, wanted.period)
    effects = []
    for row in rows:
        new = periods.day_ends_at(wanted.given["to"], periods.zone_named(row.zone))
        words = {"new": instant_words(new, row.zone)}
        if new <= row.deadline_at:
            why = _("its deadline is not earlier than that")
            effects.append(Effect(row, why, is_done=False))
        elif new > row.deadline_at + deadlines.LONGEST:
            why = _("that is more than a year later")
            effects.append(Effect(row, why, is_done=False))
        else:
            what = gettext("late from %(new)s") % words
            if row.tenant_id in flagged:
                what = gettext("late from %(new)s; the earlier flag is void") % words
            effects.append(Effect(row, what, is_done=True))
    return effects


def _extend(rows: Sequence[DeskRow], wanted: Wanted) -> str:
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
            # It has changed since the page was asked for. The others go on.
            continue
        done += 1
    said = ngettext(
        "The deadline of %(count)d tenant is extended.",
        "The deadline of %(count)d tenants is extended.",
        done,
    ) % {"count": done}
    if done < len(rows):
        left = ngettext(
            "%(count)d has changed meanwhile and was left alone.",
            "%(count)d have changed meanwhile and were left alone.",
            len(rows) - done,
        )
        said = f"{said} {left % {'count': len(rows) - done}}"
    return said


# By the name that addresses and forms use.
ACTS: Mapping[str, Act] = {
    "remind": Act(
        button=_("Remind now"),
        title=_("Remind now"),
        form=forms.Form,
        preview=_preview_remind,
        do=_remind,
    ),
    "extend": Act(
        button=_("Extend"),
        title=_("Extend the deadline"),
        form=SeveralExtended,
        preview=_preview_extend,
        do=_extend,
    ),
}
