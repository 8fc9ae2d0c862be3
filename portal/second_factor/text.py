"""Sentences about codes, passkeys and factors, in the reader's language."""

from datetime import datetime

from django.utils.translation import gettext, gettext_lazy, ngettext

REASONS = {
    "code-wrong": gettext_lazy(
        "This code is not right. Type the 6 digits that your authenticator app shows"
        " now, or a recovery code of 12 digits that you have not used yet."
    ),
    "code-used": gettext_lazy(
        "This code was used already. Wait until your authenticator app shows the next"
        " one, or use another recovery code."
    ),
    "too-many-tries": gettext_lazy(
        "There were 5 wrong tries within 15 minutes. Wait 15 minutes, then try again. A"
        " passkey works at once."
    ),
    "password-wrong": gettext_lazy("This is not your current password."),
    "set-up-old": gettext_lazy(
        "This page was open for too long. Add the new key below to your authenticator"
        " app, and type its code."
    ),
    "passkey-refused": gettext_lazy(
        "This passkey was not accepted. It may be of another account or portal, or the"
        " page was open for too long. Try again."
    ),
}


def refusal_text(reason: str, minutes: int) -> str:
    """Return the sentence for a code or password that was not accepted."""
    if reason != "clock-off":
        return str(REASONS[reason])
    fast = ngettext(
        "This code is not valid now: the clock of your phone is about %(minutes)d"
        " minute fast.",
        "This code is not valid now: the clock of your phone is about %(minutes)d"
        " minutes fast.",
        abs(minutes),
    )
    slow = ngettext(
        "This code is not valid now: the clock of your phone is about %(minutes)d"
        " minute slow.",
        "This code is not valid now: the clock of your phone is about %(minutes)d"
        " minutes slow.",
        abs(minutes),
    )
    text = fast if minutes > 0 else slow
    advice = gettext("Let the phone set its time automatically, and use the next code.")
    return f"{text % {'minutes': abs(minutes)}} {advice}"


def wait_text(until: datetime) -> str:
    """Return until when somebody has to wait after a reset; staff have no zone."""
    return gettext(
        "A colleague has reset your second factor. You can set up a new one from"
        " %(at)s UTC on. If you did not request this, tell the other billing staff."
    ) % {"at": until.strftime("%d %B %Y, %H:%M")}
