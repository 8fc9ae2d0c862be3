"""A file on S3 is there whole or not at all, is never replaced, and is read whole."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile

from portal.errors import Unavailable
from tests.faults import faulty_s3
from tests.faults.faulty_s3 import Behaviour, FaultyS3, ProxiedRequest
from tests.usage.storage.conftest import TIMEOUT
from tests.usage.store_on_s3 import stored_on_s3
from usage.storage import archive, s3_client, store
from usage.storage.bucket import BucketAwayError, BucketStore
from usage.storage.spool import Spool, stored_name

TENANT = 7
DATA = bytes(range(256)) * 150

# What S3 may do to a request, so that its answer promises nothing.
FAILURES = {
    "no right": faulty_s3.refused(403, "AccessDenied"),
    "another put at once": faulty_s3.refused(409, "ConditionalRequestConflict"),
    "away": faulty_s3.refused(503, "SlowDown"),
    "dropped": faulty_s3.dropped,
}

# What may become of an answer, so that nobody knows what it said.
LOST_ANSWERS = {
    "lost": faulty_s3.lost,
    "cut in its status": faulty_s3.cut(at=8),
    "hung": faulty_s3.hung(2 * TIMEOUT),
}


def keep(data: bytes = DATA, file_id: UUID | None = None) -> str:
    """Store bytes as an upload does."""
    with Spool() as spool:
        spool.write(data)
        return spool.keep(tenant_id=TENANT, file_id=file_id or uuid4())


def read(name: str) -> bytes:
    with store.opened(name) as data:
        return bytes(data)


def test_a_kept_file_is_read_measured_dated_and_removed(bucket: BucketStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    name = keep()
    assert read(name) == DATA
    assert store.size_of(name) == len(DATA)
    assert bucket.exists(name)
    assert not store.is_older_than(name, than=before)
    assert store.is_older_than(name, than=before + timedelta(minutes=1))
    store.remove(name)
    store.remove(name)
    assert store.size_of(name) is None
    assert not store.is_older_than(name, than=before + timedelta(minutes=1))
    with pytest.raises(FileNotFoundError), store.opened(name):
        pass


def test_an_empty_file_can_be_stored(bucket: BucketStore) -> None:
    name = keep(b"")
    assert (read(name), store.size_of(name)) == (b"", 0)


def test_every_name_is_listed_page_by_page(
    bucket: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {keep(b"%d" % number) for number in range(5)}
    # Of a tenant whose number begins alike, of no tenant, and set apart.
    other = bucket.save(f"{TENANT}1/ab/x.usg", ContentFile(b"other"))
    apart = bucket.save(f"{store.QUARANTINE}/2026-05-07/7/x.usg", ContentFile(b"apart"))
    asked: list[str | None] = []
    list_page = partial(archive.list_page, most=2)

    def counted(prefix: str, *, after: str | None, bucket: str) -> archive.ListPage:
        asked.append(after)
        return list_page(prefix, after=after, bucket=bucket)

    monkeypatch.setattr(archive, "list_page", counted)
    assert sorted(store.names()) == sorted({*kept, other})
    # Seven objects, two at a time, however many folders they are in.
    assert len(asked) == 4
    assert list(store.names(store.QUARANTINE)) == [apart]
    since = dict(store.stored_since(TENANT))
    assert set(since) == kept
    assert all(datetime.now(UTC) - at < timedelta(minutes=1) for at in since.values())
    assert bucket.listdir(str(TENANT))[1] == []


def test_a_prefix_with_slashes_at_its_end_is_listed(bucket: BucketStore) -> None:
    options = {"bucket_name": bucket.bucket_name, "location": f"{uuid4().hex}//"}
    storage = BucketStore(**options)
    name = storage.save(f"{TENANT}/ab/x.usg", ContentFile(DATA))
    assert list(store.names_in(storage)) == [name]


def test_a_leftover_is_copied_before_it_is_removed(bucket: BucketStore) -> None:
    name, on = keep(), date(2026, 5, 7)
    apart = f"{store.QUARANTINE}/{on}/{TENANT}/{name.rpartition('/')[2]}"
    bucket.save(apart, ContentFile(DATA))  # a crash has left it under both names
    store.quarantine(name, on=on)
    assert stored_on_s3(bucket) == {apart: DATA}
    with pytest.raises(FileNotFoundError):
        store.quarantine(name, on=on)
    assert stored_on_s3(bucket) == {apart: DATA}


def test_a_leftover_stays_where_other_bytes_have_its_new_name(
    bucket: BucketStore,
) -> None:
    name, on = keep(), date(2026, 5, 7)
    apart = f"{store.QUARANTINE}/{on}/{TENANT}/{name.rpartition('/')[2]}"
    bucket.save(apart, ContentFile(b"others"))
    with pytest.raises(FileExistsError):
        store.quarantine(name, on=on)
    assert stored_on_s3(bucket) == {apart: b"others", name: DATA}


def test_files_are_opened_for_reading_bytes_only(bucket: BucketStore) -> None:
    with pytest.raises(ValueError, match="'w'"):
        bucket.open(keep(), "w")


def test_a_store_without_a_bucket_is_never_that_of_the_archive() -> None:
    with pytest.raises(ImproperlyConfigured, match="USAGE_STORE_BUCKET"):
        BucketStore(bucket_name="")


@pytest.mark.parametrize("behaviour", LOST_ANSWERS.values(), ids=LOST_ANSWERS)
@pytest.mark.parametrize("are_both_lost", [False, True])
def test_a_file_whose_answer_was_lost_is_kept_once(
    bucket: BucketStore, proxy: FaultyS3, behaviour: Behaviour, *, are_both_lost: bool
) -> None:
    # boto3 tries again, and is refused, as its own bytes are there. If that answer is
    # lost as well, the object decides.
    tries = [behaviour, behaviour if are_both_lost else faulty_s3.passed]
    proxy.script["PUT"] = tries
    name = keep()
    proxy.script.clear()
    assert stored_on_s3(bucket) == {name: DATA}


@pytest.mark.parametrize("behaviour", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("method", ["PUT", "HEAD"])
def test_a_file_that_s3_does_not_confirm_is_not_taken(
    bucket: BucketStore, proxy: FaultyS3, method: str, behaviour: Behaviour
) -> None:
    proxy.script[method] = [behaviour]
    with pytest.raises(Unavailable) as refused:
        keep()
    assert refused.value.code == "storage-broken"
    proxy.script.clear()
    # Whether its bytes have arrived or not, the next try has a name of its own.
    name = keep()
    assert read(name) == DATA


def test_a_put_that_is_confirmed_and_not_there_is_not_believed(
    bucket: BucketStore, proxy: FaultyS3
) -> None:
    def confirm(request: ProxiedRequest) -> None:
        request.client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    proxy.script["PUT"] = [confirm]
    with pytest.raises(Unavailable):
        keep()


def test_an_answer_that_is_not_of_s3_is_a_failure(
    bucket: BucketStore, proxy: FaultyS3
) -> None:
    proxy.script["PUT"] = [faulty_s3.refused(200, "")]
    with pytest.raises(Unavailable):
        keep()


@pytest.mark.parametrize(
    "behaviour", [faulty_s3.passed, faulty_s3.lost, faulty_s3.cut(at=8)]
)
def test_foreign_bytes_under_a_name_stay_and_the_file_is_refused(
    bucket: BucketStore,
    proxy: FaultyS3,
    behaviour: Behaviour,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file_id = uuid4()
    name = bucket.save(stored_name(TENANT, file_id), ContentFile(b"foreign"))
    proxy.script["PUT"] = [behaviour, faulty_s3.passed]
    with pytest.raises(Unavailable) as refused:
        keep(file_id=file_id)
    assert refused.value.code == "storage-broken"
    assert "Other bytes than ours" in caplog.text
    proxy.script.clear()
    assert stored_on_s3(bucket) == {name: b"foreign"}


def test_an_object_with_the_same_bytes_is_taken_for_the_file(
    bucket: BucketStore,
) -> None:
    file_id = uuid4()
    assert keep(file_id=file_id) == keep(file_id=file_id)
    assert list(stored_on_s3(bucket).values()) == [DATA]


ACTIONS: dict[str, Callable[[str], Any]] = {
    "read": read,
    "size": store.size_of,
    "age": lambda name: store.is_older_than(name, than=datetime.now(UTC)),
    "list": lambda _: list(store.names()),
    "since": lambda _: list(store.stored_since(TENANT)),
    "remove": store.remove,
    "quarantine": lambda name: store.quarantine(name, on=date(2026, 5, 7)),
}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
@pytest.mark.parametrize(
    "behaviour",
    [*FAILURES.values(), faulty_s3.refused(404, "NoSuchBucket")],
    ids=[*FAILURES, "no bucket"],
)
def test_a_store_that_is_away_proves_nothing_about_a_file(
    bucket: BucketStore,
    proxy: FaultyS3,
    behaviour: Behaviour,
    action: Callable[[str], Any],
) -> None:
    name = keep()
    proxy.script = {method: [behaviour] for method in ("GET", "HEAD", "PUT", "DELETE")}
    with pytest.raises(OSError) as failure:  # noqa: PT011 - its type is compared below
        action(name)
    assert type(failure.value) is BucketAwayError
    proxy.script.clear()
    assert read(name) == DATA


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_a_missing_bucket_is_a_store_that_is_away(
    bucket: BucketStore, action: Callable[[str], Any]
) -> None:
    bucket.bucket_name = "nobody-has-this-bucket"
    with pytest.raises(BucketAwayError):
        action(stored_name(TENANT, uuid4()))
    with pytest.raises(Unavailable):
        keep()


@pytest.mark.parametrize("at", [60, 150, 250, 400, 700, 20_000])
def test_an_answer_that_was_cut_is_never_a_shorter_file(
    bucket: BucketStore, proxy: FaultyS3, at: int
) -> None:
    name = keep()
    proxy.script["GET"] = [faulty_s3.cut(at=at)]
    with pytest.raises(BucketAwayError):
        read(name)


def test_a_list_without_the_place_to_go_on_from_is_not_a_whole_one(
    bucket: BucketStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"IsTruncated": True, "Contents": []}
    monkeypatch.setattr(s3_client.client(), "list_objects_v2", lambda **_: answer)
    with pytest.raises(BucketAwayError):
        list(store.names())


@pytest.mark.parametrize("at", [60, 100, 150])
def test_a_head_that_was_cut_is_no_missing_file(
    bucket: BucketStore, proxy: FaultyS3, at: int
) -> None:
    name = keep()
    modified_at = bucket.get_modified_time(name)
    proxy.script["HEAD"] = [faulty_s3.cut(at=at)]
    found = set()
    for action in (store.size_of, bucket.get_modified_time):
        with suppress(BucketAwayError):
            found.add(action(name))
    assert found <= {len(DATA), modified_at}


def test_a_list_that_was_cut_is_not_an_empty_one(
    bucket: BucketStore, proxy: FaultyS3
) -> None:
    keep()
    proxy.script["GET"] = [faulty_s3.cut(at=150)]
    with pytest.raises(BucketAwayError):
        list(store.names())


def test_slow_answers_of_s3_are_awaited(bucket: BucketStore, proxy: FaultyS3) -> None:
    slow = faulty_s3.slow(TIMEOUT / 3)
    proxy.script = {"PUT": [slow], "HEAD": [slow], "GET": [slow]}
    assert read(keep()) == DATA


def test_readiness_notices_a_store_that_is_away(
    bucket: BucketStore, proxy: FaultyS3
) -> None:
    assert store.is_answering()
    proxy.script["HEAD"] = [faulty_s3.refused(503, "")]
    assert not store.is_answering()
    assert proxy.seen.count("HEAD") == 2  # without a second try


def test_bytes_that_cannot_be_removed_are_left_and_logged(
    bucket: BucketStore, proxy: FaultyS3, caplog: pytest.LogCaptureFixture
) -> None:
    name = keep()
    proxy.script["DELETE"] = [faulty_s3.refused(503, "SlowDown")]
    store.release(name)
    assert name in caplog.text
    assert read(name) == DATA
