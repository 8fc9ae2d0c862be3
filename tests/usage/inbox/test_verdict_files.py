"""The verdict file in an inbox follows the file's verdict and later decisions."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import boto3
import pytest
from django.conf import settings as configured

from portal.health import failpoints
from portal.jobs.queue import JobState
from tests.builders import NOW, Company, Writer
from tests.usage.faulty_s3_proxy import FaultyS3Proxy, run_faulty_s3_proxy
from tests.usage.inbox.s3_inboxes import (
    bucket_bytes,
    keys,
    objects,
    open_inboxes,
    put,
    run_inbox_task,
    verdict_file,
)
from usage.inbox import fetch as inbox_fetch
from usage.inbox import verdict_files
from usage.models import InboxVerdict
from usage.review import decide
from usage.servers import keys as server_keys
from usage.storage import s3_client
from usage.usg import fingerprint

DAY = date(2026, 5, 7)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _inbox(db: None, settings: Any) -> Iterator[None]:
    open_inboxes(settings)
    yield
    s3_client.client.cache_clear()


def confirm(company: Company, writer: Writer) -> None:
    server_keys.confirm_key(
        company.id,
        server=writer.name,
        key=fingerprint(writer.pair.public),
        by="admin",
        at=NOW,
    )


def test_a_file_that_came_another_way_first_is_told_again_too(alice: Company) -> None:
    stranger = alice.writer("IC77")
    data = stranger.day(DAY)
    alice.send(data)
    key = put(alice, "strange.usg", data)
    run_inbox_task()
    assert (objects(alice)[0].verdict, verdict_file(key)["file"]["state"]) == (
        "held",
        "held",
    )
    confirm(alice, stranger)
    run_inbox_task(LATER)
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.ACCEPTED)
    assert verdict_file(key)["file"]["state"] == "accepted"


@pytest.mark.parametrize("way", [verdict_files.NOTE, verdict_files.MOVE])
def test_what_a_person_refuses_is_told(alice: Company, settings: Any, way: str) -> None:
    settings.INBOX_AFTER = way
    key = put(alice, "strange.usg", alice.writer("IC77").day(DAY))
    run_inbox_task()
    (row,) = objects(alice)
    assert row.file is not None
    decide.refuse(alice.id, file_id=row.file.pk, by="clerk", at=NOW, reason="No.")
    run_inbox_task(LATER)
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.REFUSED)
    if way == verdict_files.NOTE:
        assert verdict_file(key)["verdict"] == "refused"
    else:
        assert keys(alice) == ["rejected/strange.usg"]


@pytest.mark.parametrize("place", ["_verdict", "write_verdict"])
def test_a_slow_worker_leaves_no_older_verdict(
    alice: Company, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    stranger = alice.writer("IC77")
    key = put(alice, "strange.usg", stranger.day(DAY))
    module: Any = inbox_fetch if place == "_verdict" else verdict_files
    real = getattr(module, place)

    def slowly(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(module, place, real)
        found = real(*args, **kwargs) if place == "_verdict" else None
        # Meanwhile a key is confirmed, and another worker tells what it changes.
        confirm(alice, stranger)
        assert run_inbox_task(LATER)
        assert verdict_file(key)["verdict"] == "accepted"
        return found if place == "_verdict" else real(*args, **kwargs)

    monkeypatch.setattr(module, place, slowly)
    run_inbox_task()
    run_inbox_task(LATER + timedelta(minutes=1))
    (row,) = objects(alice)
    assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.ACCEPTED)
    assert verdict_file(key)["verdict"] == "accepted"


class CopyingStore:
    """Copies as S3 does it: what was uploaded in parts has another ETag as a copy."""

    def __init__(self, store: FaultyS3Proxy, endpoint: str) -> None:
        self.store = store
        self.s3 = boto3.client(
            "s3",
            region_name=configured.S3["region"],
            endpoint_url=endpoint,
            aws_access_key_id=configured.S3["access_key_id"],
            aws_secret_access_key=configured.S3["secret_access_key"],
        )

    def __call__(self, method: str, path: str) -> bytes | tuple[int, str] | None:
        headers = {k.lower(): v for k, v in self.store.seen[-1][2].items()}
        if method != "PUT" or "x-amz-copy-source" not in headers:
            return None
        name, key = headers["x-amz-copy-source"].lstrip("/").split("/", 1)
        mine = "x-amz-meta-"
        try:
            found = self.s3.get_object(
                Bucket=name, Key=key, IfMatch=headers["x-amz-copy-source-if-match"]
            )
        except self.s3.exceptions.ClientError:
            return 412, "PreconditionFailed"
        new = {k.removeprefix(mine): v for k, v in headers.items() if mine in k}
        is_new = headers.get("x-amz-metadata-directive") == "REPLACE"
        copied = self.s3.put_object(
            Bucket=name,
            Key=path.removeprefix(f"/{name}/"),
            Body=found["Body"].read(),
            Metadata=new if is_new else found["Metadata"],
        )
        told = f"<ETag>{copied['ETag']}</ETag>"
        return f"<CopyObjectResult>{told}</CopyObjectResult>".encode()


def put_in_parts(company: Company, name: str, data: bytes) -> None:
    s3 = s3_client.client()
    key = f"{configured.INBOX_PREFIX}{company.number}/{name}"
    named: dict[str, Any] = {"Bucket": configured.INBOX_BUCKET, "Key": key}
    named["UploadId"] = s3.create_multipart_upload(**named)["UploadId"]
    part = s3.upload_part(**named, PartNumber=1, Body=data)
    parts: Any = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**named, MultipartUpload=parts)


@pytest.mark.parametrize("dies", [False, True])
def test_an_object_of_several_parts_moves_as_often_as_its_verdict_changes(
    alice: Company, settings: Any, monkeypatch: pytest.MonkeyPatch, *, dies: bool
) -> None:
    settings.INBOX_AFTER = verdict_files.MOVE
    stranger = alice.writer("IC77")
    data = stranger.day(DAY)
    put_in_parts(alice, "strange.usg", data)
    endpoint = settings.S3["endpoint_url"]

    def reach(name: str) -> None:
        if dies and name == "inbox:told":
            raise SystemExit

    with run_faulty_s3_proxy(settings) as store:
        store.script = CopyingStore(store, endpoint)
        with monkeypatch.context() as patch:
            patch.setattr(failpoints, "reach", reach)
            if dies:
                with pytest.raises(SystemExit):
                    run_inbox_task()
        run_inbox_task(NOW + timedelta(hours=1))
        assert keys(alice) == ["held/strange.usg"]
        assert objects(alice)[0].etag.endswith('-1"')
        confirm(alice, stranger)
        run_inbox_task(NOW + timedelta(hours=2))
        (row,) = objects(alice)
        assert (row.state, row.verdict) == (JobState.DONE, InboxVerdict.ACCEPTED)
        assert keys(alice) == ["accepted/strange.usg"]
        assert bucket_bytes(alice, "accepted/strange.usg") == data
