"""The way of a new customer up to the first file: what is done, and what is next."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext, ngettext

# Of a fingerprint, beside the full one further down the page.
_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerProgress:
    """How far a customer has come."""

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


def checklist(begun: CustomerProgress) -> list[ChecklistStep]:
    """Return the steps in their order, the first open one as the next."""
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
            text=_of_key(begun),
            is_done=bool(begun.fingerprint),
        ),
        ChecklistStep(
            code="admin",
            name=gettext("Admin invited"),
            text=_of_admins(begun),
            is_done=bool(begun.admins),
        ),
        ChecklistStep(
            code="set-up",
            name=gettext("Server set-up handed over"),
            text=gettext("One file with key, token and commands."),
            is_done=begun.is_handed_over,
        ),
        ChecklistStep(
            code="file",
            name=gettext("First file accepted"),
            text=_of_files(begun),
            is_done=bool(begun.accepted),
        ),
    ]
    ahead = next((step for step in found if not step.is_done), None)
    return [replace(step, is_next=step is ahead) for step in found]


def _of_key(begun: CustomerProgress) -> str:
    if not begun.fingerprint:
        return gettext("Servers seal their files for it.")
    return gettext("It begins with %(start)s.") % {
        "start": begun.fingerprint[:_SHOWN_DIGITS]
    }


def _of_admins(begun: CustomerProgress) -> str:
    if not begun.admins:
        return gettext("Somebody of the company has to be able to sign in.")
    names = ", ".join(begun.admins)
    if begun.has_signed_in:
        return names
    return gettext("%(names)s; has not signed in yet.") % {"names": names}


def _of_files(begun: CustomerProgress) -> str:
    if begun.accepted:
        return gettext("The calendar runs.")
    if begun.held:
        return ngettext(
            "%(count)d file is here and waits for you.",
            "%(count)d files are here and wait for you.",
            begun.held,
        ) % {"count": begun.held}
    return gettext("Their server sends it, or you upload it for them.")
