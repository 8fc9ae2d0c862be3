"""Queries about people, in the unit of work of the caller."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db.models import Count

from portal.accounts.sign_in_facts import SECOND_FACTORS
from portal.models import (
    AccountMail,
    AccountMailKind,
    Invitation,
    Membership,
    Role,
    Session,
    User,
)

# The columns of a mail that a tenant may read.
_MAIL = ("kind", "about", "outcome", "problem", "planned_at", "begun_at", "ended_at")


@dataclass(frozen=True, slots=True)
class ListedInvitation:
    """An invitation, and its newest mail if there is one."""

    invitation: Invitation
    mail: AccountMail | None

    @property
    def is_of_admin(self) -> bool:
        return self.invitation.role == Role.ADMIN


def open_invitations(tenant_id: int | None) -> list[ListedInvitation]:
    """Return the open invitations to a tenant, or to the staff, newest first."""
    rows = Invitation.objects.filter(
        tenant=tenant_id, accepted_at=None, withdrawn_at=None
    )
    found = list(rows.order_by("-created_at", "-pk"))
    mails = _newest_mails([one.pk for one in found])
    return [ListedInvitation(one, mails.get(one.pk)) for one in found]


def _newest_mails(ids: Sequence[int]) -> Mapping[int | None, AccountMail]:
    rows = AccountMail.objects.filter(kind=AccountMailKind.INVITATION, about__in=ids)
    return {one.about: one for one in rows.only(*_MAIL).order_by("pk")}


def factors_of(user_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """Return the kinds of second factors that people have, by their id."""
    rows = Authenticator.objects.filter(user__in=user_ids, type__in=SECOND_FACTORS)
    found: dict[int, list[str]] = {}
    for user_id, kind in rows.order_by("pk").values_list("user_id", "type"):
        kinds = found.setdefault(user_id, [])
        if kind not in kinds:
            kinds.append(kind)
    return found


def members_without_factor(tenant_id: int) -> list[User]:
    """Return the members of a tenant who have no second factor yet, by name."""
    rows = Membership.objects.filter(tenant=tenant_id, user__is_active=True)
    people = [
        one.user
        for one in rows.select_related("user")
        .only("tenant_id", "user__name", "user__email")
        .order_by("user__name", "user__email")
    ]
    having = factors_of([one.pk for one in people])
    return [one for one in people if one.pk not in having]


def staff_people() -> list[User]:
    """Return the billing staff by name, those with closed accounts last."""
    rows = User.objects.exclude(staff_role="")
    return list(rows.order_by("-is_active", "name", "email"))


def session_counts(user_ids: Sequence[int], *, at: datetime) -> Mapping[int, int]:
    """Count the sessions of people that have not ended; outside of units of work."""
    rows = Session.objects.filter(user__in=user_ids, expire_date__gt=at)
    return dict(rows.values_list("user_id").annotate(Count("pk")).order_by())
