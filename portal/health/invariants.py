"""Registers and checks the invariants, which hold after any crash.

Each is a sentence and a check of it. Apps register theirs when they start (`register`);
`findings` runs the checks, tenant by tenant. A check changes nothing, holds no lock,
and opens its own units of work: it reads what it compares in one statement or snapshot,
which sees one moment, or reads it again before it reports. So it may run beside the
portal at any time.
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

# Findings reported of one invariant in one tenant: more would repeat the same.
MOST_REPORTED = 100


class CheckCost(IntEnum):
    """The data that a check has to read, the cheapest first."""

    ROWS = 1
    BYTES = 2
    """Opens every stored file."""
    BUCKET = 3
    """Queries S3 for every object."""


@dataclass(frozen=True, slots=True)
class InvariantScope:
    """The scope of a check: one tenant, or with None the rows of no single tenant."""

    tenant_id: int | None
    at: datetime

    def reading(self) -> AbstractContextManager[None]:
        """Open a unit of work that reads the rows of this scope."""
        return unit_of_work.acting_for(self._who, reading=True)

    def snapshot(self) -> AbstractContextManager[None]:
        """Open a unit of work all of whose statements see one moment."""
        return unit_of_work.acting_for(self._who, reading=True, repeatable=True)

    @property
    def _who(self) -> int | unit_of_work.Across:
        return unit_of_work.STAFF if self.tenant_id is None else self.tenant_id


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach, or a warning: something odd, though nothing is wrong yet."""

    subject: str
    text: str
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
    """Checked once for all tenants as well, with `InvariantScope.tenant_id` None."""


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding and where it was made; `tenant` is its number, empty for none."""

    invariant: Invariant
    tenant: str
    finding: Finding


_invariants: dict[str, Invariant] = {}


def register(*invariants: Invariant) -> None:
    """Register an app's invariants; called once from `AppConfig.ready`."""
    _invariants.update({one.name: one for one in invariants})


def registered(reads: CheckCost = CheckCost.BUCKET) -> list[Invariant]:
    """Return the invariants whose checks read no more than `reads`."""
    return [one for one in _invariants.values() if one.reads <= reads]


def findings(
    *, tenants: Iterable[tuple[int, str]], reads: CheckCost, at: datetime
) -> Iterator[ReportedFinding]:
    """Yield the findings for each tenant (id and number), and across tenants."""
    for tenant_id, number in [(None, ""), *tenants]:
        scope = InvariantScope(tenant_id, at)
        for invariant in registered(reads):
            if tenant_id is not None or invariant.is_across:
                # Collected first: a check may be in a unit of work at each `yield`.
                with closing(invariant.check(scope)) as found:
                    reported = list(islice(found, MOST_REPORTED))
                yield from (ReportedFinding(invariant, number, one) for one in reported)


def tenants_to_check(number: str = "") -> list[tuple[int, str]]:
    """Return ids and numbers of all tenants, or of the one with this number."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        wanted = Tenant.objects.order_by("pk")
        if number:
            wanted = wanted.filter(number=number)
        return list(wanted.values_list("pk", "number"))


# Invariants of every app


def _trail_is_whole(scope: InvariantScope) -> Findings:
    with scope.reading():
        broken = audit_log.first_break(tenant_id=scope.tenant_id)
    if broken is not None:
        yield Finding(f"entry {broken}", "is not what follows the entry before it")


def _rows_stay_with_their_tenant(scope: InvariantScope) -> Findings:
    # As staff: row security would hide the very row that points elsewhere.
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        for model, name in _references():
            rows = model._default_manager.filter(tenant=scope.tenant_id)
            strays = rows.filter(**{f"{name}__isnull": False}).exclude(
                **{f"{name}__tenant": F("tenant")}
            )
            for pk in strays.values_list("pk", flat=True)[:MOST_REPORTED]:
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
