"""Resets the factors of somebody who has lost them, on behalf of somebody else."""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction

from portal.accounts import request_mails
from portal.accounts.caller import Caller, Permission
from portal.accounts.sessions import end_sessions
from portal.errors import Refused
from portal.models import EventKind, FactorReset, Membership, User
from portal.security_events.record import Origin, record

# Staff see all tenants: a colleague who was talked into a reset has a day to notice.
STAFF_WAIT = timedelta(hours=24)


def reset_factors(user_id: int, *, by: Caller, origin: Origin, at: datetime) -> None:
    """Remove all factors of a person, and end their sessions.

    The person signs in with the password then, and sets a new factor up; staff only
    after `STAFF_WAIT`. It is recorded and mailed to the person. Call it outside of any
    unit of work, from an endpoint that needs a fresh sign-in.

    Args:
        user_id: who has lost the factor.
        by: an admin of a tenant that the person belongs to, or for staff a clerk;
            never the person.
        origin: where the request came from.
        at: now.

    Raises:
        Refused: there is no such person, or `by` may not do this.

    """
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None or not _may_reset(person, by):
        raise Refused("not-found")
    if by.user_id == person.pk:
        raise Refused("own-factors")
    _reset(person, by=by.name, tenant_id=by.tenant_id, origin=origin, at=at)


def reset_on_the_machine(person: User, *, at: datetime) -> None:
    """Reset the factors of anybody, for the operator; the last clerk has no colleague.

    Nobody waits afterwards: who runs commands on the machine could do all of it anyway.
    """
    origin = Origin(agent="manage.py reset_factors")
    _reset(person, by="operator", tenant_id=None, origin=origin, at=at, waits=False)


def _may_reset(person: User, by: Caller) -> bool:
    if person.staff_role:
        return Permission.STAFF_ACT in by.permissions
    if Permission.MANAGE not in by.permissions:
        return False
    return Membership.objects.filter(user=person, tenant=by.tenant_id).exists()


def _reset(
    person: User,
    *,
    by: str,
    tenant_id: int | None,
    origin: Origin,
    at: datetime,
    waits: bool = True,
) -> None:
    wait = at + STAFF_WAIT if waits and person.staff_role else None
    with transaction.atomic():
        Authenticator.objects.filter(user=person).delete()
        end_sessions(person.pk)
        # The end of the person's tokens belongs here too, in this transaction.
        FactorReset.objects.update_or_create(
            user=person, defaults={"at": at, "by": by[:254], "waits_until": wait}
        )
        record(
            EventKind.FACTORS_RESET,
            origin=origin,
            at=at,
            user_id=person.pk,
            tenant_id=None if person.staff_role else tenant_id,
            actor=by,
        )
        request_mails.report_factor_change(
            person.email, kind="factors-reset", ip=origin.address, by=by
        )
