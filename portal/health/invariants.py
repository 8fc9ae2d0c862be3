"""What always holds, whatever has crashed: each a sentence and a check of it.

Apps register theirs when they start (`register`); `findings` runs them, tenant by
tenant. A check changes nothing, holds no lock, and opens its own units of work: what
it compares it reads in one statement, which sees one moment, or asks again before it
complains. So it may run beside the portal at any time.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from itertools import islice

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, ForeignKey, Model

from portal.audit import log as audit_log
from portal.db import unit_of_work
from portal.models import Tenant

# Findings told of one invariant in one tenant: more say the same again.
MOST_TOLD = 100


class CheckCost(IntEnum):
    """What a check has to look at, the cheapest first."""

    ROWS = 1
    BYTES = 2
    """Opens every stored file."""
    BUCKET = 3
    """Asks S3 for every object."""


@dataclass(frozen=True, slots=True)
class InvariantScope:
    """Where is looked: one tenant, or with None what belongs to no single one."""

    tenant_id: int | None
    at: datetime

    def reading(self) -> AbstractContextManager[None]:
        """Open a unit of work that reads what is here."""
        who = unit_of_work.STAFF if self.tenant_id is None else self.tenant_id
        return unit_of_work.acting_for(who, reading=True)


@dataclass(frozen=True, slots=True)
class Finding:
    """What does not hold, in words; a warning is odd, but nothing is wrong yet."""

    subject: str
    says: str
    is_breach: bool = True


Findings = Generator[Finding, None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """`check` is called outside of any unit of work."""

    name: str
    sentence: str
    check: Callable[[InvariantScope], Findings]
    reads: CheckCost = CheckCost.ROWS
    is_across: bool = False
    """Asked once for all tenants as well, with `Place.tenant_id` None."""


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding and where it was made; `tenant` is its number, empty for none."""

    invariant: Invariant
    tenant: str
    finding: Finding


_invariants: dict[str, Invariant] = {}


def register(*invariants: Invariant) -> None:
    """Add what an app knows to hold; called once from `AppConfig.ready`."""
    _invariants.update({one.name: one for one in invariants})


def registered(reads: CheckCost = CheckCost.BUCKET) -> list[Invariant]:
    """Return the invariants that look at no more than this."""
    return [one for one in _invariants.values() if one.reads <= reads]


def findings(
    *, tenants: Iterable[tuple[int, str]], reads: CheckCost, at: datetime
) -> Iterator[ReportedFinding]:
    """Yield what does not hold, for each tenant (id and number) and across them."""
    places = [(None, ""), *tenants]
    for tenant_id, number in places:
        place = InvariantScope(tenant_id, at)
        for invariant in registered(reads):
            if tenant_id is not None or invariant.is_across:
                # All of them first: a check may be in a unit of work at each.
                with closing(invariant.check(place)) as found:
                    told = list(islice(found, MOST_TOLD))
                yield from (ReportedFinding(invariant, number, one) for one in told)


def tenants_to_check(number: str = "") -> list[tuple[int, str]]:
    """Return ids and numbers of all tenants, or of the one with this number."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        wanted = Tenant.objects.order_by("pk")
        if number:
            wanted = wanted.filter(number=number)
        return list(wanted.values_list("pk", "number"))


# What holds for every app alike


def _trail_is_whole(place: InvariantScope) -> Findings:
    with place.reading():
        broken = audit_log.first_break(tenant_id=place.tenant_id)
    if broken is not None:
        yield Finding(f"entry {broken}", "is not what follows the entry before it")


def _rows_stay_with_their_tenant(place: InvariantScope) -> Findings:
    # As staff: row security would hide the very row that points elsewhere.
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for model, name in _references():
            rows = model._default_manager.filter(tenant=place.tenant_id)
            strays = rows.filter(**{f"{name}__isnull": False}).exclude(
                **{f"{name}__tenant": F("tenant")}
            )
            for pk in strays.values_list("pk", flat=True)[:MOST_TOLD]:
                subject = f"{model._meta.verbose_name} {pk}"
                yield Finding(subject, f"names another tenant's {name}")


def _references() -> Iterator[tuple[type[Model], str]]:
    """Yield every column in which a tenant's row names another row of a tenant."""
    for model in apps.get_models():
        if not _has_tenant(model):
            continue
        for field in model._meta.concrete_fields:
            target = field.related_model
            if not isinstance(field, ForeignKey) or not isinstance(target, type):
                continue
            if target is not Tenant and _has_tenant(target):
                yield model, field.name


def _has_tenant(model: type[Model]) -> bool:
    with suppress(FieldDoesNotExist):
        return model._meta.get_field("tenant").related_model is Tenant
    return False


register(
    Invariant(
        name="audit-trails-are-whole",
        sentence="Each entry of an audit trail follows from the one before it.",
        check=_trail_is_whole,
        is_across=True,
    ),
    Invariant(
        name="rows-stay-with-their-tenant",
        sentence="A row of a tenant names rows of that tenant only.",
        check=_rows_stay_with_their_tenant,
    ),
)
