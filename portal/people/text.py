"""Texts about people: roles, and states of invitations."""

from datetime import datetime

from django.utils.translation import gettext

from portal.models import AccountMail, Invitation, Role, StaffRole


def role_text(role: str) -> str:
    """Return the name of a member's role, or of a staff role."""
    known = {**dict(Role.choices), **dict(StaffRole.choices)}
    return str(known[role])


def granted_text(invitation: Invitation) -> str:
    """Return the name of the role that an invitation grants."""
    return role_text(invitation.granted)


def invitation_state(
    invitation: Invitation, mail: AccountMail | None, *, at: datetime
) -> tuple[str, str]:
    """Return the mark and the text of the state of an open invitation.

    `mail` is its newest mail.
    """
    if mail is not None and not mail.outcome:
        return "pending", gettext("waiting to be sent")
    if mail is not None and mail.outcome == "unneeded":
        return "missing", gettext("not sent")
    if mail is not None and mail.outcome == "failed":
        return "missing", gettext("the mail could not be delivered")
    if at >= invitation.expires_at:
        return "missing", gettext("expired: send it again")
    return "pending", gettext("sent, not accepted yet")
