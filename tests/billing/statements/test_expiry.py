"""Statements of ended periods are computed again though no fact has changed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from billing.models import CurrentStatement, StatementMark
from billing.statements import expiry, refresh
from portal.db import unit_of_work
from tests.billing.statements.statement_tenants import (
    AFTER,
    MAY,
    open_tenant,
    send_all,
)
from tests.builders import Company

# Within the period, whose last day is pending then.
RUNNING = datetime(2026, 5, 27, 9, 0, tzinfo=UTC)

# The period has ended in Berlin, and not yet by the date of UTC.
JUST_ENDED = datetime(2026, 5, 27, 22, 30, tzinfo=UTC)


@pytest.fixture
def company(db: None) -> Company:
    """A tenant whose statement was computed while the period ran."""
    company = open_tenant("A-1")
    send_all(company, last=MAY.ends_on - timedelta(days=1))
    with unit_of_work.acting_for(company.id):
        StatementMark.objects.all().delete()
    refresh.fresh_statement(company.id, MAY, at=RUNNING)
    with unit_of_work.acting_for(company.id):
        StatementMark.objects.all().delete()
    assert not stored(company).is_over
    return company


def stored(company: Company) -> CurrentStatement:
    with unit_of_work.acting_for(company.id, reading=True):
        return CurrentStatement.objects.get(period=str(MAY))


def test_a_statement_of_an_ended_period_is_computed_again(company: Company) -> None:
    assert expiry.is_expired(stored(company), at=AFTER)
    assert refresh.refresh_marked(now=lambda: AFTER, seconds=60) == 1
    found = stored(company)
    assert (found.is_over, found.pending, found.lacking) == (True, 0, 1)
    assert not expiry.is_expired(found, at=AFTER)
    assert expiry.mark_expired(at=AFTER) == 0


@pytest.mark.parametrize("at", [RUNNING, JUST_ENDED])
def test_a_running_period_is_computed_for_its_readers_alone(
    company: Company, at: datetime
) -> None:
    assert not expiry.is_expired(stored(company), at=at)
    assert expiry.mark_expired(at=at) == 0


def test_a_mark_keeps_its_delay_after_a_failure(company: Company) -> None:
    assert expiry.mark_expired(at=AFTER) == 1
    with unit_of_work.acting_for(unit_of_work.STAFF), connection.cursor() as cursor:
        cursor.execute(
            "update billing_statementmark set problem = 'failed',"
            " due_at = clock_timestamp() + interval '1 hour'"
        )
    assert expiry.mark_expired(at=AFTER) == 0
    assert refresh.refresh_marked(now=lambda: AFTER, seconds=60) == 0
