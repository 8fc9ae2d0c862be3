"""Builds the onboarding checklist of a new customer: steps done, and the next one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext, ngettext

# Digits of a fingerprint; the full one is further down the page.
_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerProgress:
    """The onboarding progress of a customer."""

    fingerprint: str
    admins: Sequence[str]
    has_signed_in: bool
    is_handed_over: bool
    held: int
    accepted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistStep:
    code: str
    name: str
    text: str
    is_done: bool
    is_next: bool = False


def checklist(progress: CustomerProgress) -> list[ChecklistStep]:
    """Return the steps in order; the first open one is marked as next."""
    found = [
        ChecklistStep(
            code="open",
            name=gettext("Tenant opened"),
            text=gettext("Number, zone and licences are recorded."),
            is_done=True,
        ),
        ChecklistStep(
            code="key",
            name=gettext("Sealing key issued"),
            text=_key_text(progress),
            is_done=bool(progress.fingerprint),
        ),
        ChecklistStep(
            code="admin",
            name=gettext("Tenant admin invited"),
            text=_admins_text(progress),
            is_done=bool(progress.admins),
        ),
        ChecklistStep(
            code="set-up",
            name=gettext("Server set-up handed over"),
            text=gettext("One file with key, token and commands."),
            is_done=progress.is_handed_over,
        ),
        ChecklistStep(
            code="file",
            name=gettext("First file accepted"),
            text=_files_text(progress),
            is_done=bool(progress.accepted),
        ),
    ]
    ahead = next((step for step in found if not step.is_done), None)
    return [replace(step, is_next=step is ahead) for step in found]


def _key_text(progress: CustomerProgress) -> str:
    if not progress.fingerprint:
        return gettext("Servers seal their files for it.")
    return gettext("It begins with %(start)s.") % {
        "start": progress.fingerprint[:_SHOWN_DIGITS]
    }


def _admins_text(progress: CustomerProgress) -> str:
    if not progress.admins:
        return gettext("Somebody of the company has to be able to sign in.")
    names = ", ".join(progress.admins)
    if progress.has_signed_in:
        return names
    return gettext("%(names)s; has not signed in yet.") % {"names": names}


def _files_text(progress: CustomerProgress) -> str:
    if progress.accepted:
        return gettext("The calendar runs.")
    if progress.held:
        return ngettext(
            "%(count)d file is here and waits for you.",
            "%(count)d files are here and wait for you.",
            progress.held,
        ) % {"count": progress.held}
    return gettext("Their server sends it, or you upload it for them.")
