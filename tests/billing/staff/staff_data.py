"""Creates held files and many tenants for staff pages; counts what actions change."""

from datetime import date

from portal.db import unit_of_work
from portal.models import ApiToken, AuditEntry, Tenant
from tests.builders import NOW, Company
from usage.models import FileState, SealingKey, UsageFile

DAY = date(2026, 5, 7)


def held_file(company: Company) -> UsageFile:
    return company.send(company.writer("IC02").day(DAY), name="strange.usg")[0]


def conflict(company: Company) -> tuple[UsageFile, UsageFile]:
    first, _ = company.send(company.server.day(DAY), name="first.usg")
    company.server.sequence -= 1
    company.server.previous = None
    second, _ = company.send(company.server.day(DAY, zone="UTC"), name="second.usg")
    return first, second


def many(count: int, *, first: int = 0) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        Tenant.objects.bulk_create(
            Tenant(
                number=f"9{number:05}",
                name=f"Company {number:05}",
                zone="Asia/Kolkata",
                first_owed_on=DAY,
                created_at=NOW,
            )
            for number in range(first, first + count)
        )


def facts(company: Company) -> list[int]:
    """Count whatever an act could have changed."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        models = (AuditEntry, Tenant, SealingKey, ApiToken, UsageFile)
        refused = UsageFile.objects.filter(state=FileState.REFUSED)
        return [*(model._default_manager.count() for model in models), refused.count()]
