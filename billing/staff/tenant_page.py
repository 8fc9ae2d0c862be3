"""Loads the context of a tenant's staff page, in two units of work."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from billing.calendar_view.text import mode_text
from billing.coverage.licences import mode_on
from billing.coverage.periods import Period, zone_named
from billing.lateness import queries as late_queries
from billing.lateness.forms import ExtensionForm, ZoneChangeForm, ZoneCorrectionForm
from billing.lateness.text import flag_row
from billing.models import LateFlag
from billing.onboarding import checklist
from billing.periods import text as period_text
from billing.periods import update_flags
from billing.periods.queries import PeriodView, opened_periods, view_period
from billing.requests import excuses
from billing.requests import licences as licence_requests
from billing.requests.forms import LicencesForm
from billing.requests.presenters import excuse_rows, licence_rows
from billing.staff import tenant_period, tenant_requests
from billing.statements import tenant_presenters, tenant_queries
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import ApiToken, Membership, Role, Tenant
from usage.files import queries as file_queries
from usage.files import staff_presenters as file_staff_presenters
from usage.models import FileState, SealingKey, ServerKey, UsageFile
from usage.review import queries as review_queries
from usage.servers import requests as server_requests

# Newest files on the page; a link leads to all of them.
_FILES = 20

# The running period and the two before it.
_PERIODS = 3

# Periods with their statements: the running one and the four before it.
_STATEMENTS = 5

# Late flags on the page: of two years, if there is one each month.
FLAGS = 24

# Periods that a deadline can be moved of: those of two years.
PERIODS_OFFERED = 24

# Time for two runs of the late check, by which a flag is normally raised.
_FLAGGED_WITHIN = timedelta(minutes=30)

# Files to decide on the page; a link leads to the others.
_TO_DECIDE = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodRow:
    view: PeriodView
    text: period_text.PeriodText


def find_tenant(number: str) -> Tenant:
    """Return a tenant, in a unit of work of the staff.

    Raises:
        Refused: there is none with this number.

    """
    tenant = Tenant.objects.filter(number=number).first()
    if tenant is None:
        raise Refused("not-found")
    return tenant


def tenant_page(number: str, period: Period | None, *, at: datetime) -> dict[str, Any]:
    """Return the context of a tenant's page; a fixed number of queries.

    One period is shown in full: `period`, or the most urgent one.
    """
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = find_tenant(number)
        # Load people as staff: only staff may see whether a person has signed in.
        people = list(
            Membership.objects.filter(tenant=tenant)
            .select_related("user")
            .order_by("role", "user__name")
        )
    with unit_of_work.acting_for(tenant.pk, reading=True):
        shown = tenant_period.period_section(tenant.pk, period, at=at)
        shown |= _tenant_section(tenant, at=at)
        shown |= _deadline_section(shown, at=at)
        shown |= tenant_presenters.tenant_context(
            tenant_queries.tenant_statements(tenant.pk, most=_STATEMENTS, at=at)
        )
    progress = _progress(people, shown)
    return {
        **shown,
        "customer": tenant,
        "people": people,
        "steps": checklist.checklist(progress),
        "is_beginning": not progress.accepted,
    }


def _tenant_section(tenant: Tenant, *, at: datetime) -> dict[str, Any]:
    held = list(review_queries.held_files()[: _TO_DECIDE + 1])
    changes = list(licence_requests.changes())
    today = at.astimezone(zone_named(tenant.zone)).date()
    mode = mode_on(((change.from_on, change.keys) for change in changes), today)
    held_keys = next((one.keys for one in changes if one.from_on <= today), [])
    return {
        "periods": _periods(tenant, at=at),
        "held": [
            file_staff_presenters.file_row(file, has_forwarding=False)
            for file in held[:_TO_DECIDE]
        ],
        "has_more_held": len(held) > _TO_DECIDE,
        "held_count": review_queries.count(),
        "ours_count": review_queries.count_for_staff(),
        "proposed": review_queries.proposed_keys(),
        "servers": list(file_queries.servers()),
        "requests": list(server_requests.open_requests()),
        "sealing_keys": list(SealingKey.objects.order_by("-created_at", "-pk")),
        "tokens": list(ApiToken.objects.order_by("revoked_at", "-created_at", "-pk")),
        "licences": changes,
        "licence_form": LicencesForm(
            today=today, initial={"keys": held_keys, "from_on": str(today)}
        ),
        "licence_requests": licence_rows(licence_requests.open_requests()),
        "excuses": excuse_rows(excuses.open_excuses()[:_TO_DECIDE]),
        "answered": tenant_requests.decided_requests(),
        "mode": mode_text(mode),
        "files": [
            file_staff_presenters.file_row(file)
            for file in file_queries.files(
                file_queries.FileFilter(), after=None, most=_FILES
            )
        ],
        "file_count": UsageFile.objects.filter(state=FileState.ACCEPTED).count(),
    }


def _periods(tenant: Tenant, *, at: datetime) -> list[PeriodRow]:
    period = Period.containing(at.astimezone(zone_named(tenant.zone)).date())
    found = []
    for _ in range(_PERIODS):
        view = view_period(period, at=at)
        found.append(PeriodRow(view=view, text=period_text.period_text(view, at=at)))
        if period.starts_on <= tenant.first_owed_on:
            break
        period = period.previous()
    return found


def _deadline_section(shown: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """Return the context about deadlines: flags, late excuses and forms."""
    opened = opened_periods(most=PERIODS_OFFERED)
    ahead = [one for one in opened if one.effective_at > at]
    flags = list(late_queries.flags()[:FLAGS])
    views = [shown["view"], *(row.view for row in shown["periods"])]
    calendars = {str(view.period): view.judgement.calendar for view in views}
    open_excuses = [row.one for row in shown["excuses"]]
    return {
        "flags": [flag_row(one, calendar=calendars.get(one.period)) for one in flags],
        "flags_standing": sum(one.voided_at is None for one in flags),
        "is_unflagged": _is_unflagged(shown, flags, at=at),
        "asked_late": tenant_requests.late_excuses(open_excuses, opened, flags),
        "extended": [one for one in opened if one.decided_by],
        "extend_form": ExtensionForm(
            opened=opened, initial={"period": str(shown["chosen"])}
        ),
        "zone_form": ZoneCorrectionForm(opened=ahead) if ahead else None,
        "own_zone_form": ZoneChangeForm(),
    }


def _is_unflagged(
    shown: Mapping[str, Any], flags: Iterable[LateFlag], *, at: datetime
) -> bool:
    """Return whether the shown period has been late for a while and has no flag."""
    late_from = shown["since"].get("late")
    if late_from is None or at < late_from + update_flags.WAIT + _FLAGGED_WITHIN:
        return False
    view = shown["view"]
    return not any(
        flag.period == str(view.period)
        and flag.deadline_at == view.deadline_at
        and flag.voided_at is None
        for flag in flags
    )


def _progress(
    people: list[Membership], shown: dict[str, Any]
) -> checklist.CustomerProgress:
    admins = [one.user for one in people if one.role == Role.ADMIN]
    keys: list[SealingKey] = shown["sealing_keys"]
    tokens: list[ApiToken] = shown["tokens"]
    return checklist.CustomerProgress(
        fingerprint=keys[0].fingerprint if keys else "",
        admins=[admin.name for admin in admins],
        has_signed_in=any(admin.last_login for admin in admins),
        is_handed_over=bool(shown["servers"])
        or any(token.revoked_at is None for token in tokens),
        held=shown["held_count"],
        accepted=shown["file_count"],
    )


def server_key(tenant_id: int, key_id: int) -> ServerKey:
    """Return a key of a tenant's server, with the server loaded.

    Raises:
        Refused: the tenant has no such key.

    """
    with unit_of_work.acting_for(tenant_id, reading=True):
        key = ServerKey.objects.select_related("server").filter(pk=key_id).first()
    if key is None:
        raise Refused("not-found")
    return key
