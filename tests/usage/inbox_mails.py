"""What tests of the mails about inboxes share: the rows, the ring, a second admin."""

from datetime import datetime, timedelta

from portal import access, tenants
from portal.models import Role, User
from tests.builders import NOW, PASSWORD, Company
from usage import inbox_notices
from usage.inbox_rows import InboxNotice

# Once the first mail is due.
QUARTER = timedelta(minutes=15)


def notices(company: Company) -> list[InboxNotice]:
    with access.acting_for(company.id, reading=True):
        return list(InboxNotice.objects.order_by("day"))


def send(at: datetime) -> int:
    """Send all that is due; return how many rows were looked at."""
    count = 0
    while inbox_notices.send_waiting(now=lambda: at):
        count += 1
    return count


def second_admin(company: Company) -> User:
    with access.acting_for(access.STAFF):
        person = tenants.add_person(
            email="second@a-100.example", name="Second", password=PASSWORD, at=NOW
        )
        tenants.add_member(company.id, user=person, role=Role.ADMIN, by="test", at=NOW)
    return person
