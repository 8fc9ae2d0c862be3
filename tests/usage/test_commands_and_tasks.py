"""Commands and tasks are endpoints: they read the clock and call one function."""

from datetime import UTC, date, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from billing import tasks as billing_tasks
from billing.coverage.periods import Period
from billing.models import TenantPeriod
from portal import tasks as portal_tasks
from portal.accounts.sessions import hash_of
from portal.celery import app
from portal.db import unit_of_work
from portal.models import Session
from tests.builders import Company
from usage import tasks, tenant_keys
from usage.models import FileState, Forwarding
from usage.storage import archive
from usage.usg import fingerprint


def yesterday() -> date:
    return (datetime.now(UTC) - timedelta(days=2)).date()


def test_every_entry_of_the_schedule_has_a_task(settings: Any) -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY["beat_schedule"].values()}
    assert scheduled == {
        *("usage.forward", "usage.settle", "usage.reconcile", "usage.collect"),
        *("usage.inbox", "usage.inbox_mail"),
        *("billing.check_lateness", "billing.open_periods", "portal.tidy"),
        *("billing.remind", "billing.send_mail", "billing.digest"),
        *("billing.refresh_summaries", "billing.refresh_statements"),
        *("billing.month_end", "portal.send_mail"),
        *("portal.check_trails", "portal.record_visits"),
    }
    assert scheduled <= set(app.tasks)


def test_the_forward_task_forwards_all_that_waits(alice: Company) -> None:
    archive.prepare()
    for data in alice.server.days(yesterday() - timedelta(days=10), yesterday()):
        alice.send(data, at=datetime.now(UTC))
    tasks.forward()
    with unit_of_work.acting_for(alice.id):
        assert set(Forwarding.objects.values_list("state", flat=True)) == {"done"}


def test_the_settle_task_takes_up_what_a_request_left(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
        old = datetime.now(UTC) - timedelta(minutes=3)
        alice.send(alice.server.day(yesterday()), at=old)
        alice.send(alice.server.day(yesterday()), at=datetime.now(UTC))
    tasks.judge_pending_files()
    # The second may still be in the hands of its request.
    assert [
        file.state for file in sorted(alice.files(), key=lambda f: f.received_at)
    ] == [
        FileState.ACCEPTED,
        FileState.RECEIVED,
    ]


def test_the_period_task_opens_the_running_period(alice: Company) -> None:
    billing_tasks.open_periods()
    with unit_of_work.acting_for(alice.id):
        opened = set(TenantPeriod.objects.values_list("period", flat=True))
    assert str(Period.containing(datetime.now(UTC).date())) in opened


def test_a_key_can_be_confirmed_by_command(alice: Company) -> None:
    stranger = alice.writer("IC77")
    alice.send(stranger.day(date(2026, 5, 7)))
    key = fingerprint(stranger.pair.public)
    call_command("confirm_server_key", "A-100", "IC77", key, stdout=StringIO())
    assert alice.files()[0].state == FileState.ACCEPTED


@pytest.mark.parametrize(
    ("tenant", "server", "message"),
    [("X-1", "IC01", "no tenant X-1"), ("A-100", "IC99", "no such server")],
)
def test_what_cannot_be_confirmed_is_told(
    alice: Company, tenant: str, server: str, message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("confirm_server_key", tenant, server, "00", stdout=StringIO())


def test_the_bucket_is_prepared_on_ones_own_server_only(
    db: None, settings: Any
) -> None:
    out = StringIO()
    call_command("prepare_bucket", stdout=out)
    settings.S3 = {**settings.S3, "endpoint_url": ""}
    call_command("prepare_bucket", stdout=out)
    assert "at Amazon" in out.getvalue()


def test_sessions_that_have_ended_go_and_others_stay(db: None) -> None:
    now = datetime.now(UTC)
    for number, hours in enumerate((-2, 2)):
        Session.objects.create(
            session_key=hash_of(f"key{number}"),
            session_data="",
            expire_date=now + timedelta(hours=hours),
        )
    portal_tasks.remove_ended_sessions()
    assert [one.session_key for one in Session.objects.all()] == [hash_of("key1")]


@pytest.mark.parametrize("name", ["INBOX_BUCKET", "USAGE_STORE_BUCKET"])
def test_the_bucket_of_inbox_and_store_is_made_too(
    db: None, settings: Any, name: str
) -> None:
    settings.INBOX_BUCKET, settings.USAGE_STORE = "", "s3"
    settings.USAGE_STORE_BUCKET = settings.S3["bucket"]
    setattr(settings, name, f"{settings.S3['bucket']}-{uuid4().hex[:8]}")
    printed = []
    for _ in range(2):
        out = StringIO()
        call_command("prepare_bucket", stdout=out)
        printed.append(out.getvalue().splitlines()[1])
    bucket = getattr(settings, name)
    assert printed == [f"{bucket}: made", f"{bucket}: is there"]
