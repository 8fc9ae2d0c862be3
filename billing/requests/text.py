"""Texts that explain licence keys, and the mode that the held keys result in."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.calendar_view.text import mode_text
from billing.coverage.facts import Mode
from billing.coverage.licences import (
    AUTOMATED,
    KEYS,
    MANUAL,
    VIRTUAL_CLOUD,
    HeldLicences,
)
from portal.templatetags.shown import full_day

# What each key does, as forms and the table of keys show it.
KEY_TEXTS: Mapping[str, str | Promise] = {
    MANUAL: _(
        "Manual upload: a person uploads the usage files each month. This key prevents"
        " automated upload and overrides the other keys."
    ),
    AUTOMATED: _("Automated upload: the servers upload by themselves, every day."),
    VIRTUAL_CLOUD: _("Automated upload only. This key exists since 2020 R2."),
}

_ANSWERS: Mapping[Mode, str | Promise] = {
    Mode.MANUAL: _("Manual upload since %(day)s."),
    Mode.AUTOMATED: _("Automated upload since %(day)s."),
    Mode.NONE: _("No usage data has been collected since %(day)s."),
}

_CONSEQUENCES: Mapping[Mode, str | Promise] = {
    Mode.MANUAL: _(
        "The key %(key)s decides this. A person uploads the usage files of each"
        " period. If days are still missing at the time that the portal shows as"
        " “late from”, the company is late."
    ),
    Mode.AUTOMATED: _(
        "The key %(key)s decides this. The servers upload their usage files every day."
        " A missing day is a fault to look into; it does not make the company late."
    ),
    Mode.NONE: _(
        "None of the keys below is held. Servers collect no usage data, and no usage"
        " files are owed."
    ),
}


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One licence key; `since` is None if it is not held."""

    key: str
    text: str
    since: date | None
    is_deciding: bool
    is_overruled: bool


@dataclass(frozen=True, slots=True)
class LicencesText:
    """Texts about the licences of a tenant.

    `answer` names the mode, `consequence` the key that decides and what follows,
    `conflicts` keys that contradict each other, `later` a recorded change of the mode.
    """

    mode: Mode
    answer: str
    consequence: str
    conflicts: list[str]
    later: str
    keys: list[KeyRow]


def licences_text(held: HeldLicences) -> LicencesText:
    """Return the texts for the licences that a tenant holds."""
    answer = gettext("No usage data is collected.")
    if held.mode_since is not None:
        answer = _ANSWERS[held.mode] % {"day": full_day(held.mode_since)}
    return LicencesText(
        mode=held.mode,
        answer=answer,
        consequence=_CONSEQUENCES[held.mode] % {"key": held.deciding},
        conflicts=[_conflict(one) for one in held.overruled],
        later=_later(held),
        keys=[_key_row(one, held) for one in KEYS],
    )


def _conflict(overruled: str) -> str:
    values = {"manual": MANUAL, "key": overruled}
    if overruled == VIRTUAL_CLOUD:
        text = gettext(
            "%(key)s allows automated upload only, but %(manual)s is held too. The"
            " portal treats this as manual upload."
        )
    else:
        text = gettext(
            "%(key)s and %(manual)s are both held. %(manual)s prevents automated"
            " upload, and decides."
        )
    return text % values


def _later(held: HeldLicences) -> str:
    if held.later is None:
        return ""
    day, mode = held.later
    values = {"day": full_day(day), "mode": mode_text(mode)}
    return gettext("From %(day)s: %(mode)s.") % values


def _key_row(key: str, held: HeldLicences) -> KeyRow:
    return KeyRow(
        key=key,
        text=str(KEY_TEXTS[key]),
        since=held.key_since.get(key),
        is_deciding=key == held.deciding,
        is_overruled=key in held.overruled,
    )
