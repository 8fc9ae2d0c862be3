"""Plans the mails about an issued version, and selects the people who get them."""

from datetime import datetime

from billing.models import Statement, StatementMail
from portal.jobs import wakeup
from portal.models import Membership, Role

# The task that sends the mails.
TASK = "billing.send_mail"


def plan(statement: Statement, *, at: datetime) -> int:
    """Store a mail to each person who gets statements; return how many.

    In the running unit of work of the tenant, which issues the version: if that is
    rolled back, no mail is left. The sender is woken up after the commit.
    """
    mails = StatementMail.objects.bulk_create(
        StatementMail(
            tenant_id=statement.tenant_id,
            recipient=recipient,
            period=statement.period,
            version=statement.version,
            planned_at=at,
            due_at=at,
        )
        for recipient in recipients()
    )
    if mails:
        wakeup.wake_up(TASK)
    return len(mails)


def recipients() -> list[str]:
    """Return the addresses of the members who get statements, in this unit of work."""
    rows = Membership.objects.filter(user__is_active=True).select_related("user")
    # A tenant may not read all columns of a person.
    narrow = rows.only("role", "gets_statements", "user__email")
    return sorted(row.user.email for row in narrow if gets_statements(row))


def gets_statements(row: Membership) -> bool:
    """Return whether a member gets statements: by choice, or by default of the role.

    Every member may see billing data; by default only admins get the mails.
    """
    if row.gets_statements is None:
        return row.role == Role.ADMIN
    return row.gets_statements
