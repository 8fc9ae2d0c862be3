"""Cut listings and names that no row can hold: no inbox delays another."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as configured

from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from tests.faults import faulty_s3
from tests.usage.cutting_s3_proxy import cutting_proxy
from tests.usage.faulty_s3_proxy import run_faulty_s3_proxy
from tests.usage.inbox.s3_inboxes import (
    keys,
    listing,
    objects,
    open_inboxes,
    put,
    run_inbox_task,
)
from usage.inbox import listing as inbox_listing
from usage.inbox import s3 as inbox_s3
from usage.inbox import verdict_files
from usage.models import InboxVerdict
from usage.storage import archive, s3_client
from usage.storage.s3_client import CUT_SHORT, BucketError

DAY = date(2026, 5, 7)

# Bytes of an answer: its status line, and a part of its headers.
STUMP = 60

_PAGE = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult>'
    "<EncodingType>url</EncodingType><IsTruncated>{more}</IsTruncated>{found}"
    "</ListBucketResult>"
)
_OBJECT = (
    "<Contents><Key>{key}</Key><ETag>&quot;{etag}&quot;</ETag><Size>7</Size>"
    "<LastModified>2026-05-08T01:02:03.000Z</LastModified></Contents>"
)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def listing_page(*names: tuple[str, str], more: bool = False) -> bytes:
    """A page of a store that allows any name: keys below all inboxes, and ETags."""
    found = "".join(
        _OBJECT.format(key=quote(configured.INBOX_PREFIX + name), etag=etag)
        for name, etag in names
    )
    return _PAGE.format(more=str(more).lower(), found=found).encode()


def is_list(path: str, company: Company) -> bool:
    return "list-type=2" in path and quote(f"/{company.number}/", safe="") in path


def test_a_page_that_is_cut_in_its_headers_is_no_empty_inbox(
    alice: Company, settings: Any
) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    works = settings.S3
    with cutting_proxy(works["endpoint_url"], after=STUMP) as address:
        settings.S3 = {**works, "endpoint_url": address}
        s3_client.client.cache_clear()
        assert not run_inbox_task()
        with pytest.raises(BucketError, match=CUT_SHORT):
            archive.list_page("")
    row = listing(alice)
    assert (row.problem, row.listed_at) == (CUT_SHORT, None)
    settings.S3 = works
    s3_client.client.cache_clear()
    assert run_inbox_task(row.due_at)
    assert [one.verdict for one in objects(alice)] == ["accepted"]


@pytest.mark.parametrize("asked", range(3))
def test_a_look_that_is_cut_in_its_headers_is_no_fault_of_the_object(
    alice: Company, settings: Any, asked: int
) -> None:
    settings.INBOX_AFTER = verdict_files.MOVE
    put(alice, "day.usg", alice.server.day(DAY))
    works = settings.S3
    with faulty_s3.run_faulty_s3(works["endpoint_url"]) as proxy:
        proxy.script["HEAD"] = [faulty_s3.passed] * asked + [faulty_s3.cut(STUMP)]
        settings.S3 = {**works, "endpoint_url": proxy.address}
        s3_client.client.cache_clear()
        assert not run_inbox_task()
    (row,) = objects(alice)
    assert (row.state, row.problem, row.faults) == (JobState.WAITING, CUT_SHORT, 0)
    settings.S3 = works
    s3_client.client.cache_clear()
    assert run_inbox_task(NOW + timedelta(hours=1))
    assert keys(alice) == ["accepted/day.usg"]


def test_names_that_no_row_can_hold_are_counted_and_passed_by(
    alice: Company, settings: Any
) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    number = alice.number
    pages = [
        listing_page((f"{number}/{'l' * 1_100}.usg", "1"), more=True),
        listing_page(
            (f"{number}/a.txt", "2"), (f"{number}/zero\0a.usg", "3"), more=True
        ),
        listing_page((f"{number}/zero\x01.usg", "4")),
    ]
    with run_faulty_s3_proxy(settings) as store:
        store.script = lambda _, path: pages.pop(0) if is_list(path, alice) else None
        inbox_listing.list_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
        asked = [path for path in store.paths_of("GET") if is_list(path, alice)]
    assert pages == []
    assert listing(alice).ignored == 3
    assert [row.key.rpartition("/")[2] for row in objects(alice)] == ["zero\x01.usg"]
    # Each page goes on behind the one before it.
    assert "llll%F4%8F%BF%BF&" in asked[1].replace("%25", "%") + "&"
    assert "zero%01" in asked[2]


def test_an_inbox_that_cannot_be_noted_keeps_no_other_waiting(
    alice: Company, charlie: Company, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    put(charlie, "day.usg", charlie.server.day(DAY))
    odd = listing_page((f"{alice.number}/day.usg", "e" * 200))
    with run_faulty_s3_proxy(settings) as store:
        store.script = lambda _, path: odd if is_list(path, alice) else None
        assert run_inbox_task()
    assert listing(alice).problem == inbox_listing.LISTING_FAILED
    assert listing(alice).due_at > NOW
    assert "could not be listed" in caplog.text
    assert [row.verdict for row in objects(charlie)] == ["accepted"]


def test_a_page_without_its_end_is_no_page(settings: Any) -> None:
    with run_faulty_s3_proxy(settings) as store:
        store.script = lambda *_: b"<ListBucketResult></ListBucketResult>"
        with pytest.raises(BucketError, match=CUT_SHORT):
            inbox_s3.list_page("any", "", after="", most=1)
        with pytest.raises(BucketError, match=CUT_SHORT):
            archive.list_page("")


def test_an_object_that_is_listed_again_is_not_gone(
    alice: Company, settings: Any
) -> None:
    put(alice, "day.usg", alice.server.day(DAY))
    with run_faulty_s3_proxy(settings) as store:
        store.script = lambda method, path: (
            (404, "NoSuchKey") if method == "GET" and "day.usg" in path else None
        )
        run_inbox_task()
        (row,) = objects(alice)
        assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.GONE)
        # It is listed and not given, over and over: that costs a try in a while only.
        for minute in range(1, 30):
            run_inbox_task(NOW + timedelta(minutes=minute))
        assert len([path for path in store.paths_of("GET") if "day.usg" in path]) == 2
    run_inbox_task(NOW + timedelta(hours=1))
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.ACCEPTED)


def test_an_object_that_is_gone_for_good_stays_so(alice: Company) -> None:
    key = put(alice, "day.usg", alice.server.day(DAY))
    inbox_listing.list_waiting(now=lambda: NOW, until=NOW + timedelta(seconds=1))
    s3_client.client().delete_object(Bucket=configured.INBOX_BUCKET, Key=key)
    for hour in range(1, 4):
        run_inbox_task(NOW + timedelta(hours=hour))
    (row,) = objects(alice)
    assert (row.state, row.verdict, row.attempts) == (
        JobState.DONE,
        InboxVerdict.GONE,
        1,
    )
