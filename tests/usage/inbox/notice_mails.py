"""Shared by tests of the mails about inboxes: rows, task run, a second admin."""

from datetime import datetime, timedelta

from portal.db import unit_of_work
from portal.models import Role, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from usage.inbox import notices as inbox_notices
from usage.models import InboxNotice

# Once the first mail is due.
QUARTER = timedelta(minutes=15)


def notices(company: Company) -> list[InboxNotice]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(InboxNotice.objects.order_by("day"))


def send(at: datetime) -> int:
    """Send all that is due; return how many rows were looked at."""
    count = 0
    while inbox_notices.send_waiting(now=lambda: at):
        count += 1
    return count


def second_admin(company: Company) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        person = create.add_person(
            email="second@a-100.example", name="Second", password=PASSWORD, at=NOW
        )
        create.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person
