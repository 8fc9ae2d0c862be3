"""Loads the tab *Period* of a tenant: one period, what is done about it, the others."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from billing.coverage.facts import Mode
from billing.coverage.licences import mode_of
from billing.coverage.periods import Period
from billing.lateness import queries as late_queries
from billing.lateness.forms import ExtensionForm
from billing.lateness.text import flag_row
from billing.models import LateFlag, LicenceChange
from billing.onboarding import checklist
from billing.periods import update_flags
from billing.periods.queries import opened_periods
from billing.staff import tenant_head, tenant_period, tenant_periods
from billing.statements import tenant_presenters, tenant_queries
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from portal.models import ApiToken, Membership, Role, Tenant
from portal.people.queries import open_invitations
from usage import tenant_keys
from usage.models import FileState, Forwarding, Server, UsageFile
from usage.review import queries as review_queries

# Periods that are listed, and that a deadline can be moved of: those of two years.
PERIODS_OFFERED = 24

# Periods with their statements: the running one and the four before it.
_STATEMENTS = 5

# Time for two runs of the late check, by which a flag is normally raised.
_FLAGGED_WITHIN = timedelta(minutes=30)


def period_tab(number: str, period: Period | None, *, at: datetime) -> dict[str, Any]:
    """Return the context of the tab; a fixed number of queries.

    One period is shown in full: `period`, or the most urgent one.

    Raises:
        Refused: there is no tenant with this number.

    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        shown = tenant_head.tenant_head(number, tenant_head.PERIOD, at=at)
        tenant: Tenant = shown["customer"]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        shown |= tenant_period.period_section(tenant.pk, period, at=at)
        shown |= _deadlines(tenant, shown, at=at)
        shown |= tenant_presenters.tenant_context(
            tenant_queries.tenant_statements(tenant.pk, most=_STATEMENTS, at=at)
        )
        is_beginning = not UsageFile.objects.filter(state=FileState.ACCEPTED).exists()
        shown["is_forwarding"] = not is_beginning and _is_forwarding()
    shown["is_beginning"] = is_beginning
    if is_beginning:
        shown |= _beginning(tenant)
    return shown


def _is_forwarding() -> bool:
    """Return whether the archive is to confirm a file, and has confirmed none yet."""
    done = Forwarding.objects.filter(state=JobState.DONE)
    return settings.FORWARDING and not done.exists()


def _deadlines(
    tenant: Tenant, shown: Mapping[str, Any], *, at: datetime
) -> dict[str, Any]:
    """Return the periods with their deadlines, and the flag of the shown one."""
    opened = opened_periods(most=PERIODS_OFFERED)
    chosen = str(shown["chosen"])
    flags = list(late_queries.flags(period=chosen))
    standing = [one for one in flags if one.voided_at is None]
    return {
        "periods": tenant_periods.period_rows(tenant, opened, at=at),
        "extended": [one for one in opened if one.decided_by],
        "extend_form": ExtensionForm(opened=opened, initial={"period": chosen}),
        "flag": flag_row(standing[0]) if standing else None,
        "is_unflagged": _is_unflagged(shown, standing, at=at),
    }


def _is_unflagged(
    shown: Mapping[str, Any], flags: Iterable[LateFlag], *, at: datetime
) -> bool:
    """Return whether the shown period has been late for a while and has no flag."""
    late_from = shown["since"].get("late")
    if late_from is None or at < late_from + update_flags.WAIT + _FLAGGED_WITHIN:
        return False
    return not any(flag.deadline_at == shown["view"].deadline_at for flag in flags)


def _beginning(tenant: Tenant) -> dict[str, Any]:
    """Return the steps of a new tenant up to its first accepted file."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        members = Membership.objects.filter(tenant=tenant, role=Role.ADMIN)
        waiting = open_invitations(tenant.pk)
        admins = [one.user for one in members.select_related("user").order_by("pk")]
    with unit_of_work.acting_for(tenant.pk, reading=True):
        key = tenant_keys.handed_out_key(tenant.pk)
        has_token = ApiToken.objects.filter(revoked_at=None).exists()
        licences = LicenceChange.objects.values_list("keys", flat=True)
        progress = checklist.CustomerProgress(
            has_licence=any(mode_of(keys) is not Mode.NONE for keys in licences),
            fingerprint=key.fingerprint if key else "",
            admins=[admin.name for admin in admins],
            invited=[one.invitation.address for one in waiting if one.is_of_admin],
            is_handed_over=has_token or Server.objects.exists(),
            held=(held := review_queries.count()),
            forwards=settings.FORWARDING,
        )
    return {"steps": checklist.checklist(progress), "held": held}
