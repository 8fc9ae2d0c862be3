"""Stores accepted files of chosen sizes, without their bytes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

from django.utils import timezone

from portal.db import unit_of_work
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from usage.models import FileState, Forwarding, How, Server, UsageFile

DAY = timedelta(days=1)


def today_of(company: Company) -> date:
    """Return the present day of a company whose zone is UTC."""
    assert company.zone == "UTC"
    return timezone.now().date()


def store_days(
    company: Company,
    name: str,
    sizes: Mapping[date, Sequence[int]],
    *,
    state: str = FileState.ACCEPTED,
) -> int:
    """Store the files of a server by day, in bytes each; return the server's id."""
    with unit_of_work.acting_for(company.id):
        server, _ = Server.objects.get_or_create(
            tenant_id=company.id, name=name, defaults={"created_at": NOW}
        )
        rows: list[UsageFile] = []
        series = uuid4()
        for day, of_day in sorted(sizes.items()):
            for size in of_day:
                sequence = len(rows) + 1
                rows.append(_row(company, server, series, sequence, day, size, state))
        UsageFile.objects.bulk_create(rows)
    return int(server.pk)


def _row(  # noqa: PLR0917 - in the order of the columns
    company: Company,
    server: Server,
    series: UUID,
    sequence: int,
    day: date,
    size: int,
    state: str,
) -> UsageFile:
    at = datetime.combine(day, time(), UTC)
    return UsageFile(
        tenant_id=company.id,
        state=state,
        name=f"{server.pk}-{sequence}.usg",
        size=size,
        sha256=uuid4().bytes * 2,
        tail=b"",
        how=How.API,
        sent_by="test",
        received_at=NOW,
        settled_at=NOW,
        server=server,
        signer=bytes(32),
        series=series,
        sequence=sequence,
        day=day,
        zone="UTC",
        opened_at=at,
        closed_at=at + DAY,
        opened_offset=0,
        closed_offset=0,
        closed_by="midnight",
        logins=max(size // 10, 1),
        users=1,
        sessions=1,
    )


def confirm_days(company: Company, server: int, *, until: date, wait: int) -> None:
    """Confirm the files of a server up to a day, each some days after its own."""
    with unit_of_work.acting_for(company.id):
        Forwarding.objects.bulk_create(
            [
                Forwarding(
                    tenant_id=company.id,
                    file=file,
                    key=str(file.pk),
                    state=JobState.DONE,
                    due_at=file.closed_at,
                    ended_at=file.closed_at + wait * DAY,
                )
                for file in UsageFile.objects.filter(server=server, day__lte=until)
                if file.closed_at is not None
            ]
        )
