"""Texts for why a file of an upload did not reach the portal, by code.

The upload page renders the same texts while it runs, and reports the codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.error_text import TEXTS


@dataclass(frozen=True, slots=True)
class FailureText:
    """What happened, and what to do; {status} is the status of the response."""

    title: str | Promise
    advice: str | Promise


FAILURES: Mapping[str, FailureText] = {
    "unreadable-open": FailureText(
        _("Another program holds this file open, or has just changed it."),
        _(
            "The usage subsystem keeps today's file open until midnight. Retry once it"
            " is closed, or drop the folder again; the other files go on without it."
        ),
    ),
    "unreadable-gone": FailureText(
        _("The file is no longer where it was."),
        _(
            "It was moved, renamed or deleted after you chose it. Drop the folder"
            " again; the other files go on without it."
        ),
    ),
    "unreadable-forbidden": FailureText(
        _("The account has no right to read this file."),
        _(
            "Give the account that sends it the right to read it, or copy it to a"
            " folder of your own and drop it again."
        ),
    ),
    "unreadable-system": FailureText(
        _("The operating system of the server could not read this file."),
        _("Check the disk, and the rights of the account that sends the files."),
    ),
    "unreadable-changed": FailureText(
        _("The file keeps changing while it is read."),
        _(
            "Something still writes to it. Retry once it is closed, or drop the folder"
            " again."
        ),
    ),
    "too-large": FailureText(
        _("The file is larger than the portal takes."),
        _("A day's usage file is far smaller. Check whether this is one."),
    ),
    "no-answer": FailureText(
        _("The portal did not answer."),
        _(
            "Nothing is lost: retry, or drop the folder again later. Files that"
            " arrived are not sent again."
        ),
    ),
    "stalled": FailureText(
        _("No answer to this file arrived, in several tries of 30 seconds each."),
        _(
            "Nothing is lost: retry later. If it happens again, ask your network"
            " administrator whether a proxy holds back answers of this portal."
        ),
    ),
    "blocked": FailureText(
        _("Something between you and the portal refused the file (status {status})."),
        _(
            "Ask your network administrator to allow PUT requests with files to the"
            " address of this portal. Then retry."
        ),
    ),
    "blocked-size": FailureText(
        _("Something between you and the portal refused the file (status {status})."),
        _(
            "It takes no request as large as this file. Ask your network"
            " administrator to allow larger ones to the address of this portal. Then"
            " retry."
        ),
    ),
    "blocked-sign-in": FailureText(
        _(
            "Something between you and the portal asks for a sign-in of its own"
            " (status {status})."
        ),
        _(
            "Open any other website in a new tab and sign in to your network or proxy"
            " there. Then retry. If that does not help, ask your network"
            " administrator."
        ),
    ),
    "blocked-page": FailureText(
        _("Something between you and the portal answered with a page of its own."),
        _(
            "It may be the sign-in of a network or of a proxy: open any other website"
            " in a new tab, sign in there, and retry. If that does not help, ask your"
            " network administrator."
        ),
    ),
    "unreached": FailureText(
        _(
            "Something between you and the portal could not reach it, in several"
            " tries (status {status})."
        ),
        _(
            "Nothing is lost: retry later. If it happens again, ask the operator of"
            " the portal or your network administrator."
        ),
    ),
    "rejected": FailureText(
        _("The portal rejected this file; its verdict is no longer stored."),
        _("Drop the file again to see what is wrong with it."),
    ),
    "stopped": FailureText(
        _("The upload was stopped before this file was sent."),
        _("Drop the folder again to send it."),
    ),
}


def failure_text(outcome: str, code: str, status: int | None) -> FailureText:
    """Return the texts for a reported failure, with its status filled in."""
    known = FAILURES.get(code)
    if known is not None:
        shown = str(status or gettext("unknown"))
        return FailureText(str(known.title).replace("{status}", shown), known.advice)
    refusal = TEXTS.get(code)
    # Its parameters are not reported.
    if refusal is not None and "%" not in refusal.title + refusal.advice:
        return FailureText(gettext(refusal.title), gettext(refusal.advice))
    if code == "file-too-large":
        return FAILURES["too-large"]
    return FAILURES.get(outcome, FAILURES["no-answer"])
