"""S3 refusals: retried without end and without haste, with the reason as text."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.core.checks import Error

from portal import checks
from portal.db import unit_of_work
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from tests.usage.faulty_s3_proxy import FaultyS3Proxy, run_faulty_s3_proxy
from usage.forwarding import forward
from usage.forwarding import text as forwarding_text
from usage.models import Forwarding
from usage.storage import archive, s3_client
from usage.storage.archive import Stored
from usage.storage.content import content_of
from usage.storage.s3_client import BucketError

DAY = date(2026, 5, 7)


@pytest.fixture
def store(db: None, settings: Any) -> Iterator[FaultyS3Proxy]:
    archive.prepare()
    with run_faulty_s3_proxy(settings) as store:
        yield store


def rows(company: Company) -> list[Forwarding]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(Forwarding.objects.select_related("file").order_by("file__day"))


def send_days(company: Company, number: int) -> None:
    for data in company.server.days(DAY, DAY + timedelta(days=number - 1)):
        company.send(data)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (403, "AccessDenied", "does not allow it"),
        (403, "InvalidAccessKeyId", "does not know the access key"),
        (403, "SignatureDoesNotMatch", "secret key for S3 is wrong"),
        (400, "ExpiredToken", "have expired"),
        (403, "RequestTimeTooSkewed", "do not agree"),
        (404, "NoSuchBucket", "no such bucket"),
        (301, "PermanentRedirect", "another region"),
        (503, "SlowDown", "slower pace"),
    ],
)
def test_what_is_wrong_for_every_file_is_tried_with_one_a_run(
    alice: Company, store: FaultyS3Proxy, status: int, code: str, words: str
) -> None:
    send_days(alice, 3)
    store.script = lambda method, _: (status, code) if method == "PUT" else None
    assert not forward.forward_waiting(now=lambda: NOW)
    first, *others = rows(alice)
    assert (first.state, first.problem) == (JobState.WAITING, code)
    assert first.due_at > NOW
    assert [row.attempts for row in others] == [0, 0]
    assert words in str(forwarding_text.explain(code).title)
    store.script = lambda *_: None
    while forward.forward_waiting(now=lambda: NOW + timedelta(hours=1)):
        pass
    assert {row.state for row in rows(alice)} == {JobState.DONE}


@pytest.mark.parametrize(
    ("status", "code"),
    [(409, "ConditionalRequestConflict"), (500, "InternalError"), (400, "BadDigest")],
)
def test_what_is_wrong_with_one_file_lets_the_others_go(
    alice: Company, store: FaultyS3Proxy, status: int, code: str
) -> None:
    send_days(alice, 3)
    bad = rows(alice)[0].key

    def script(method: str, path: str) -> tuple[int, str] | None:
        return (status, code) if method == "PUT" and path.endswith(bad) else None

    store.script = script
    while forward.forward_waiting(now=lambda: NOW):
        pass
    assert [row.state for row in rows(alice)] == ["waiting", "done", "done"]
    assert rows(alice)[0].problem == code
    assert forwarding_text.explain(code).title != code


def test_a_put_whose_answer_was_lost_is_found_to_be_there(
    alice: Company, store: FaultyS3Proxy
) -> None:
    send_days(alice, 1)
    left = ["lose"]

    def script(method: str, _path: str) -> str | None:
        return left.pop() if method == "PUT" and left else None

    store.script = script
    assert forward.forward_waiting(now=lambda: NOW)
    (row,) = rows(alice)
    assert row.state == JobState.DONE
    assert len(store.paths_of("PUT")) == 2
    assert archive.compare(row.key, content_of(row.file)) == Stored.OURS


def test_what_is_lost_every_time_waits_and_is_there_when_it_is_asked_for(
    alice: Company, store: FaultyS3Proxy
) -> None:
    send_days(alice, 1)
    store.script = lambda method, _: "lose" if method == "PUT" else None
    assert not forward.forward_waiting(now=lambda: NOW)
    (row,) = rows(alice)
    assert (row.state, row.problem) == (JobState.WAITING, "ConnectionClosedError")
    store.script = lambda *_: None
    assert forward.forward_waiting(now=lambda: NOW + timedelta(hours=1))
    assert rows(alice)[0].state == JobState.DONE


def test_what_answers_and_is_no_s3_server_is_told(
    alice: Company, store: FaultyS3Proxy
) -> None:
    send_days(alice, 1)
    store.script = lambda *_: b"It works!"
    forward.forward_waiting(now=lambda: NOW)
    assert rows(alice)[0].state == JobState.WAITING
    with pytest.raises(BucketError) as raised:
        archive.list_page("")
    assert raised.value.has_answered


def test_bytes_that_are_gone_are_told_and_hold_up_nobody(
    alice: Company, store: FaultyS3Proxy, tmp_path: Any, caplog: Any
) -> None:
    send_days(alice, 2)
    (tmp_path / "usage" / rows(alice)[0].file.stored_as).unlink()
    while forward.forward_waiting(now=lambda: NOW):
        pass
    first, second = rows(alice)
    assert (first.state, first.problem) == ("waiting", "bytes-missing")
    assert second.state == JobState.DONE
    assert "not there" in caplog.text


def test_an_unknown_word_of_a_store_is_shown_as_it_is() -> None:
    assert forwarding_text.explain("TeapotError").title == "TeapotError"
    assert forwarding_text.explain("TeapotError").is_bad


# Settings


def test_encryption_and_lock_are_asked_for(
    alice: Company, store: FaultyS3Proxy, settings: Any
) -> None:
    settings.S3 = {
        **settings.S3,
        "server_side_encryption": "aws:kms",
        "kms_key_id": "our-key",
        "object_lock_mode": "COMPLIANCE",
    }
    settings.S3_OBJECT_LOCK_DAYS = 30
    send_days(alice, 1)
    store.script = lambda *_: (400, "KMS.NotFoundException")
    assert not forward.forward_waiting(now=lambda: NOW)
    headers = {name.lower(): value for name, value in store.seen[0][2].items()}
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "our-key"
    assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
    until = headers["x-amz-object-lock-retain-until-date"]
    assert until.startswith("2026-06-19T18:00:00")
    assert headers["if-none-match"] == "*"
    assert headers["x-amz-checksum-sha256"]


def test_a_locked_and_encrypted_object_is_confirmed_and_cannot_be_removed(
    alice: Company, db: None, settings: Any
) -> None:
    settings.S3_OBJECT_LOCK_DAYS = 30
    settings.S3 = {
        **settings.S3,
        "bucket": f"{settings.S3['bucket']}-locked",
        "server_side_encryption": "AES256",
    }
    archive.prepare()
    send_days(alice, 1)
    now = datetime.now(UTC)
    assert forward.forward_waiting(now=lambda: now)
    (row,) = rows(alice)
    assert row.state == JobState.DONE
    head = s3_client.client().head_object(Bucket=settings.S3["bucket"], Key=row.key)
    assert head["ServerSideEncryption"] == "AES256"
    assert head["ObjectLockMode"] == "GOVERNANCE"
    with pytest.raises(ClientError, match="AccessDenied"):
        s3_client.client().delete_object(
            Bucket=settings.S3["bucket"], Key=row.key, VersionId=head["VersionId"]
        )


def test_without_the_settings_nothing_of_it_is_asked(
    alice: Company, store: FaultyS3Proxy
) -> None:
    send_days(alice, 1)
    forward.forward_waiting(now=lambda: NOW)
    names = {name.lower() for name in store.seen[0][2]}
    assert not {name for name in names if "encryption" in name or "lock" in name}
    assert rows(alice)[0].state == JobState.DONE


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"server_side_encryption": "rot13"}, "portal.E010"),
        ({"kms_key_id": "k"}, "portal.E011"),
        ({"object_lock_mode": "MAYBE"}, "portal.E012"),
    ],
)
def test_settings_of_the_archive_that_contradict_are_errors(
    settings: Any, changes: dict[str, str], found: str
) -> None:
    settings.S3 = {**settings.S3, **changes}
    assert found in {one.id for one in checks.settings_agree(None)}


@pytest.mark.parametrize(
    ("name", "value", "found", "is_error"),
    [
        ("S3_OBJECT_LOCK_DAYS", -1, "portal.E013", True),
        ("KEEP_BYTES_DAYS", -1, "portal.E013", True),
        ("KEEP_BYTES_DAYS", 7, "portal.W010", False),
    ],
)
def test_days_that_make_no_sense_are_found(
    settings: Any, name: str, value: int, found: str, *, is_error: bool
) -> None:
    assert found not in {one.id for one in checks.settings_agree(None)}
    setattr(settings, name, value)
    found_checks = {one.id: one for one in checks.settings_agree(None)}
    assert isinstance(found_checks[found], Error) == is_error


def test_a_refusal_of_one_tenants_keys_holds_up_nobody_else(
    alice: Company, charlie: Company, store: FaultyS3Proxy
) -> None:
    # As a bucket's policy does; and the rows of that tenant are the oldest that wait.
    send_days(alice, 4)
    send_days(charlie, 4)

    def script(method: str, path: str) -> tuple[int, str] | None:
        is_denied = method == "PUT" and f"/{alice.number}/" in path
        return (403, "AccessDenied") if is_denied else None

    store.script = script
    while forward.forward_waiting(now=lambda: NOW):
        pass
    assert {row.state for row in rows(charlie)} == {JobState.DONE}
    assert {row.state for row in rows(alice)} == {JobState.WAITING}
    assert rows(alice)[0].problem == "AccessDenied"


def test_a_refusal_of_all_is_tried_with_two_tenants_a_run(
    alice: Company, charlie: Company, store: FaultyS3Proxy
) -> None:
    send_days(alice, 3)
    send_days(charlie, 3)
    store.script = lambda *_: (403, "AccessDenied")
    assert not forward.forward_waiting(now=lambda: NOW)
    for company in (alice, charlie):
        assert sorted(row.attempts for row in rows(company)) == [0, 0, 1]
