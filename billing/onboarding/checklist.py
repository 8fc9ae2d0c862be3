"""Builds the onboarding checklist of a new customer: steps done, and the next one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext, ngettext

# Digits of a fingerprint; the full one is on the page of the servers.
_SHOWN_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerProgress:
    """The onboarding progress of a customer.

    `admins` are names of tenant admins, `invited` addresses of those who have not
    accepted yet. `held` counts files; none is accepted yet. `forwards` is False where
    the installation forwards nothing.
    """

    has_licence: bool
    fingerprint: str
    admins: Sequence[str]
    invited: Sequence[str]
    is_handed_over: bool
    held: int
    forwards: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistStep:
    """One step; `next_text` heads the page while it is next, `view` names its URL."""

    code: str
    name: str
    next_text: str
    text: str
    view: str
    is_done: bool
    is_next: bool = False


def checklist(progress: CustomerProgress) -> list[ChecklistStep]:
    """Return the steps in order; the first open one is marked as next.

    Steps after the first accepted file are never done: a tenant with an accepted file
    has no checklist.
    """
    found = [*_opening_steps(progress), *_file_steps(progress)]
    ahead = next(step for step in found if not step.is_done)
    return [replace(step, is_next=step is ahead) for step in found]


def _opening_steps(progress: CustomerProgress) -> Iterator[ChecklistStep]:
    yield ChecklistStep(
        code="licence",
        name=gettext("Tenant opened, licence recorded"),
        next_text=gettext("Next: record a licence key."),
        text=_licence_text(progress),
        view="staff-tenant-settings",
        is_done=progress.has_licence,
    )
    yield ChecklistStep(
        code="key",
        name=gettext("Sealing key issued"),
        next_text=gettext("Next: issue the sealing key."),
        text=_key_text(progress),
        view="staff-tenant-servers",
        is_done=bool(progress.fingerprint),
    )
    yield ChecklistStep(
        code="admin",
        name=gettext("Tenant admin invited"),
        next_text=gettext("Next: invite a tenant admin."),
        text=_admins_text(progress),
        view="staff-tenant-people",
        is_done=bool(progress.admins or progress.invited),
    )
    yield ChecklistStep(
        code="set-up",
        name=gettext("Server set-up handed over"),
        next_text=gettext("Next: hand over the server set-up."),
        text=gettext("One file with key, token, sender and commands."),
        view="staff-tenant-servers",
        is_done=progress.is_handed_over,
    )


def _file_steps(progress: CustomerProgress) -> Iterator[ChecklistStep]:
    yield ChecklistStep(
        code="file",
        name=gettext("First file received"),
        next_text=gettext("Next: send the first file."),
        text=gettext("A server of the tenant sends it, or you upload it."),
        view="staff-tenant-files",
        is_done=bool(progress.held),
    )
    yield ChecklistStep(
        code="accepted",
        name=gettext("Server key confirmed, first file accepted"),
        next_text=gettext("Next: confirm the server key."),
        text=_accepted_text(progress),
        view="staff-tenant-decide",
        is_done=False,
    )
    if progress.forwards:
        yield ChecklistStep(
            code="forwarded",
            name=gettext("First file forwarded"),
            next_text="",
            text=gettext("The portal does this by itself, within seconds."),
            view="staff-tenant-files",
            is_done=False,
        )
    yield ChecklistStep(
        code="reminder",
        name=gettext("Reminders"),
        next_text="",
        text=gettext(
            "Sent before and after the due day while days are missing. Once days are"
            " missing, a button on this page sends one at once."
        ),
        view="staff-tenant-mail",
        is_done=False,
    )


def _licence_text(progress: CustomerProgress) -> str:
    if progress.has_licence:
        return gettext("Number, zone and licence keys are recorded.")
    return gettext(
        "Without a licence key nothing is owed, and nobody is reminded. Record one in"
        " the settings."
    )


def _key_text(progress: CustomerProgress) -> str:
    if not progress.fingerprint:
        return gettext("Servers seal their files for this key.")
    return gettext("Its fingerprint begins with %(start)s.") % {
        "start": progress.fingerprint[:_SHOWN_DIGITS]
    }


def _admins_text(progress: CustomerProgress) -> str:
    if progress.admins:
        return ", ".join(progress.admins)
    if progress.invited:
        addresses = ", ".join(progress.invited)
        return gettext("%(addresses)s; not accepted yet.") % {"addresses": addresses}
    return gettext("A person of the company must be able to sign in.")


def _accepted_text(progress: CustomerProgress) -> str:
    if progress.held:
        return ngettext(
            "%(count)d file is held until a tenant admin or you confirm the key.",
            "%(count)d files are held until a tenant admin or you confirm the key.",
            progress.held,
        ) % {"count": progress.held}
    return gettext("The first files of a server are held until its key is confirmed.")
