"""`manage.py refresh_summaries` computes what is marked, or everything anew."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from billing.models import SummaryMark
from billing.periods import open_periods, refresh, stale_summaries
from portal.db import unit_of_work
from tests.billing.lateness.late_tenants import LAST, broken_invariants
from tests.builders import NOW, Company


@pytest.fixture(autouse=True)
def _opened(alice: Company, charlie: Company) -> None:
    open_periods.open_current_periods(today=LAST, at=NOW)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("refresh_summaries", *arguments, stdout=out)
    return out.getvalue()


def marked() -> int:
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        return SummaryMark.objects.count()


def test_it_works_off_the_marks(alice: Company) -> None:
    assert marked()
    assert "up to date" in run()
    assert marked() == 0


def test_it_refreshes_one_tenant_alone(alice: Company, charlie: Company) -> None:
    assert "Tenants refreshed: 1." in run("--tenant", alice.number)
    assert marked()


def test_it_computes_a_tenant_anew(alice: Company) -> None:
    refresh.refresh_all(seconds=60)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update billing_periodrollup set covered = 99 where tenant_id = %s",
            [alice.id],
        )
    assert broken_invariants(NOW)
    run("--anew", "--tenant", alice.number)
    assert broken_invariants(NOW) == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--anew", "--tenant", "nobody"], "no tenant nobody"),
    ],
)
def test_invalid_options_are_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def test_what_cannot_be_computed_is_reported(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale_summaries, "_compute", lambda *_: 1 / 0)
    with pytest.raises(CommandError, match="2 tenants still have stale summaries"):
        run()
