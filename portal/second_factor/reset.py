"""Resets the second factors of a person who has lost them."""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction

from portal.accounts import request_mails
from portal.accounts.end_sessions import EndReason, end_and_record
from portal.models import EventKind, FactorReset, User
from portal.security_events.record import Origin, record

# Staff see all tenants: a colleague who was talked into a reset has a day to notice.
STAFF_WAIT = timedelta(hours=24)


def reset_factors(
    person: User, *, by: str, tenant_id: int | None, origin: Origin, at: datetime
) -> None:
    """Remove all factors of a person who has lost one, and end their sessions.

    The person signs in with the password then, and sets a new factor up; billing staff
    only after `STAFF_WAIT`. It is recorded, and mailed to the person. Who may do it is
    decided by the caller, which has an endpoint that needs a fresh sign-in, and ends
    the person's tokens.

    Runs in the unit of work of the tenant with `tenant_id`; None: in that of the staff.
    """
    # A tenant has no right to read who is staff, and has none.
    is_staff = tenant_id is None and bool(person.staff_role)
    wait = at + STAFF_WAIT if is_staff else None
    _reset(person, by=by, tenant_id=tenant_id, origin=origin, at=at, waits_until=wait)


def reset_on_the_machine(person: User, *, at: datetime) -> None:
    """Reset the factors of anybody, for the operator; the last clerk has no colleague.

    Nobody has to wait afterwards: an operator has all rights on the machine anyway.
    """
    origin = Origin(agent="manage.py reset_factors")
    _reset(
        person, by="operator", tenant_id=None, origin=origin, at=at, waits_until=None
    )


def _reset(
    person: User,
    *,
    by: str,
    tenant_id: int | None,
    origin: Origin,
    at: datetime,
    waits_until: datetime | None,
) -> None:
    with transaction.atomic():
        Authenticator.objects.filter(user=person.pk).delete()
        end_and_record(
            person.pk,
            reason=EndReason.SOMEBODY_ELSE,
            origin=origin,
            at=at,
            actor=by,
            tenant_id=tenant_id,
        )
        FactorReset.objects.update_or_create(
            user_id=person.pk,
            defaults={"at": at, "by": by[:254], "waits_until": waits_until},
        )
        record(
            EventKind.FACTORS_RESET,
            origin=origin,
            at=at,
            user_id=person.pk,
            tenant_id=tenant_id,
            actor=by,
        )
        request_mails.report_factor_change(
            person.email,
            kind="factors-reset",
            ip=origin.address,
            by=by,
            tenant_id=tenant_id,
        )
