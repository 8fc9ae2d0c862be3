"""An upload is stored, with what its sender reports and what the portal knows."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from billing.coverage.periods import Period
from billing.models import ReceiptMail
from billing.periods.completed import completed_text
from billing.periods.queries import view_period
from portal.db import unit_of_work
from tests.builders import NOW, Company, digest_header
from usage.models import How, ServerKey, Upload, UploadItem, UsageFile
from usage.servers import keys as server_keys
from usage.upload_runs.presenters import upload_text
from usage.uploads import judge_pending, record
from usage.uploads import queries as upload_queries
from usage.uploads.record import ReportedItem, UploadReport, UploadSender

DAY = date(2026, 5, 1)


def put(api: Any, company: Company, data: bytes, *, upload: str) -> Any:
    headers = {**digest_header(data), "Portal-Upload": upload}
    return api(
        *("PUT", "/files/day.usg"),
        token=company.token,
        data=data,
        content_type="application/octet-stream",
        headers=headers,
    )


def report(api: Any, company: Company, key: UUID, **sent: Any) -> Any:
    return api(
        *("PUT", f"/uploads/{key}/report"),
        token=company.token,
        data=json.dumps({"step": 1, **sent}),
        content_type="application/json",
    )


def shown(api: Any, company: Company, key: UUID) -> Any:
    return api("GET", f"/uploads/{key}", token=company.token)


def failed(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"number": number, "name": name, "outcome": "failed", **more}


def test_an_upload_lists_its_files_problems_first(api: Any, alice: Company) -> None:
    key = uuid4()
    good, bad = alice.server.day(DAY), b"PK\x03\x04 no usage file"
    here = alice.server.day(DAY + timedelta(days=1))
    known, _ = alice.send(here, name="known.usg")
    assert report(api, alice, key, files=4, bytes=4_000, others=2).status_code == 200
    accepted = put(api, alice, good, upload=str(key)).json()["file"]
    rejected = put(api, alice, bad, upload=str(key)).json()["file"]
    items = [
        {"number": 0, "name": "a", "outcome": "accepted", "file": accepted["id"]},
        {"number": 1, "name": "b", "outcome": "rejected", "file": rejected["id"]},
        {"number": 2, "name": "c", "outcome": "already here", "file": str(known.pk)},
        failed(3, "never.usg", code="blocked-size", status=413, size=9),
    ]
    sent = {"step": 2, "files": 4, "bytes": 4_000, "others": 2, "is_ended": True}
    assert report(api, alice, key, **sent, items=items).status_code == 200

    answer = shown(api, alice, key).json()
    found = [(one["name"], one["outcome"], one["code"]) for one in answer["entries"]]
    # For files that the portal has, the stored verdict counts, not the report.
    assert found == [
        ("never.usg", "failed", "blocked-size"),
        ("day.usg", "rejected", rejected["problems"][0]["code"]),
        ("day.usg", "accepted", ""),
        ("known.usg", "already here", ""),
    ]
    assert answer["entries"][0]["file"] is None
    assert answer["counts"] == {
        "failed": 1,
        "rejected": 1,
        "accepted": 1,
        "already here": 1,
    }
    assert (answer["files"], answer["bytes"], answer["others"]) == (4, 4_000, 2)
    assert answer["answered"] == 3
    assert answer["ended_at"] is not None
    listed = api("GET", "/uploads", token=alice.token).json()
    assert [one["id"] for one in listed["uploads"]] == [str(key)]


def test_files_that_nobody_reported_belong_to_the_upload_that_they_name(
    api: Any, alice: Company
) -> None:
    key = uuid4()
    report(api, alice, key, files=62)
    for number in range(3):
        data = alice.server.day(DAY + timedelta(days=number))
        put(api, alice, data, upload=str(key))
    answer = shown(api, alice, key).json()
    assert answer["counts"] == {"accepted": 3}
    assert (answer["answered"], answer["files"], answer["ended_at"]) == (3, 62, None)


@pytest.mark.parametrize("name", ["", "no id", "\U0001f600", "f" * 4_000, "charlie's"])
def test_no_file_is_refused_for_the_upload_that_it_names(
    api: Any, alice: Company, charlie: Company, name: str
) -> None:
    theirs = uuid4()
    report(api, charlie, theirs, files=1)
    upload = str(theirs) if name == "charlie's" else name
    upload = upload.encode().decode("latin-1")
    assert put(api, alice, alice.server.day(DAY), upload=upload).status_code == 201
    counts = shown(api, charlie, theirs).json()["counts"]
    assert counts == {}


def test_a_key_of_another_tenant_begins_a_separate_upload(
    api: Any, alice: Company, charlie: Company
) -> None:
    key, charlies_own = uuid4(), uuid4()
    report(api, alice, key, files=7, items=[failed(0, "alices.usg")])
    file = put(api, alice, alice.server.day(DAY), upload=str(key)).json()["file"]
    # A key that somebody has answers exactly as one that nobody has.
    answers = [report(api, charlie, one, files=1) for one in (key, charlies_own)]
    assert [one.status_code for one in answers] == [200, 200]
    stolen = {"number": 0, "name": "x", "outcome": "accepted", "file": file["id"]}
    report(api, charlie, key, step=2, items=[stolen])
    entries = shown(api, charlie, key).json()["entries"]
    assert [(one["name"], one["file"]) for one in entries] == [("x", None)]
    assert shown(api, charlie, uuid4()).status_code == 404
    assert len(shown(api, alice, key).json()["entries"]) == 2


def test_a_report_is_stored_once_and_an_older_one_is_ignored(
    api: Any, alice: Company
) -> None:
    key = uuid4()
    first = {"step": 1, "files": 1, "items": [failed(0, "a.usg", code="stalled")]}
    report(api, alice, key, **first)
    retried = [{"number": 0, "name": "a.usg", "outcome": "stopped"}]
    last = {"step": 2, "files": 1, "is_ended": True, "items": retried}
    for _ in range(2):
        report(api, alice, key, **last)
        report(api, alice, key, **first)
    answer = shown(api, alice, key).json()
    assert answer["counts"] == {"stopped": 1}
    assert answer["ended_at"] is not None


def test_only_the_sender_that_began_an_upload_reports_on_it(
    api: Any, alice: Company
) -> None:
    key = uuid4()
    other = UploadSender(tenant_id=alice.id, how=How.BROWSER, name="ada@a.example")
    record.record_report(other, key, UploadReport(files=3), at=NOW)
    assert report(api, alice, key, step=2, files=0).json()["code"] == "not-found"
    assert shown(api, alice, key).json()["files"] == 3


@pytest.mark.parametrize(
    "item",
    [
        {"name": "a" * 5_001},
        {"name": "nul\0"},
        {"name": "half \ud800.usg"},
        {"name": 7},
        {"size": -1},
        {"outcome": "lost"},
        {"code": "<script>"},
        {"code": "a" * 61},
        {"status": 1_000},
        {"file": "none"},
    ],
)
def test_an_unclear_item_is_stored_as_failed_and_affects_no_other(
    api: Any, alice: Company, item: dict[str, Any]
) -> None:
    key = uuid4()
    sent = {**failed(0, "a.usg", code="stalled", status=502), **item}
    sane = {"number": 1, "name": "b.usg", "outcome": "stopped"}
    answer = report(api, alice, key, items=[sent, sane], is_ended=True)
    assert answer.status_code == 200
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Upload.objects.get().ended_at is not None
        first, second = UploadItem.objects.order_by("number")
    assert (first.outcome, first.code, first.status) == ("failed", "", None)
    assert "\0" not in first.name
    assert (second.name, second.outcome) == ("b.usg", "stopped")


@pytest.mark.parametrize("number", [-1, record.ITEMS_AT_MOST, "one", None])
def test_an_item_without_a_valid_number_is_ignored(
    api: Any, alice: Company, number: object
) -> None:
    key = uuid4()
    items = [{**failed(0, "a.usg"), "number": number}, failed(1, "b.usg"), "no item"]
    assert report(api, alice, key, items=items).status_code == 200
    (entry,) = shown(api, alice, key).json()["entries"]
    assert entry["name"] == "b.usg"


def test_a_report_with_too_many_items_is_refused(api: Any, alice: Company) -> None:
    items = [failed(0, "a.usg")] * 1_001
    assert report(api, alice, uuid4(), items=items).status_code == 422


def test_an_unclear_item_keeps_the_file_that_it_names(api: Any, alice: Company) -> None:
    key = uuid4()
    file = put(api, alice, alice.server.day(DAY), upload="").json()["file"]
    item = failed(0, "half \ud800.usg", code="<b>", file=file["id"])
    report(api, alice, key, items=[item])
    assert shown(api, alice, key).json()["counts"] == {"accepted": 1}


@pytest.mark.parametrize("outcome", ["failed", "stopped", "unreadable"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_that_arrived_is_not_listed_as_not_sent(
    api: Any, alice: Company, *, outcome: str, is_first: bool
) -> None:
    key, data = uuid4(), alice.server.day(DAY)
    item = {"number": 0, "name": "day.usg", "size": len(data), "outcome": outcome}
    if is_first:
        put(api, alice, data, upload=str(key))
    report(api, alice, key, files=1, is_ended=True, items=[item])
    if not is_first:
        put(api, alice, data, upload=str(key))
    # The same is reported again, as after an answer to the report that was lost.
    linked: UUID | None = None
    for step in (2, 3):
        answer = shown(api, alice, key).json()
        assert answer["counts"] == {"accepted": 1}
        (entry,) = answer["entries"]
        assert entry["outcome"] == "accepted"
        assert entry["file"]["name"] == "day.usg"
        linked = UUID(entry["file"]["id"])
        report(api, alice, key, step=step, files=1, is_ended=True, items=[item])
    with unit_of_work.acting_for(alice.id, reading=True):
        assert UploadItem.objects.get().file_id == linked


def test_of_two_files_that_look_alike_the_missing_one_stays_missing(
    api: Any, alice: Company
) -> None:
    key, data = uuid4(), alice.server.day(DAY)
    item = {"name": "day.usg", "size": len(data), "outcome": "stopped"}
    items = [{**item, "number": number} for number in range(2)]
    report(api, alice, key, files=2, items=items)
    put(api, alice, data, upload=str(key))
    counts = {"accepted": 1, "stopped": 1}
    assert shown(api, alice, key).json()["counts"] == counts
    report(api, alice, key, step=2, files=2, items=items)
    assert shown(api, alice, key).json()["counts"] == counts
    # Another size or name is another file.
    others = [
        {**item, "number": 2, "size": 1},
        {**item, "number": 3, "name": "b.usg"},
    ]
    report(api, alice, key, step=3, files=4, items=others)
    assert shown(api, alice, key).json()["counts"] == {"accepted": 1, "stopped": 3}


def test_a_file_that_a_colleague_sent_is_not_part_of_the_upload(
    api: Any, alice: Company
) -> None:
    key, data = uuid4(), alice.server.day(DAY)
    other = UploadSender(tenant_id=alice.id, how=How.API, name="a colleague's script")
    item = ReportedItem(number=0, name="day.usg", size=len(data), outcome="stopped")
    record.record_report(other, key, UploadReport(files=1, items=[item]), at=NOW)
    put(api, alice, data, upload=str(key))
    answer = shown(api, alice, key).json()
    assert answer["counts"] == {"stopped": 1}
    assert [one["file"] for one in answer["entries"]] == [None]
    with unit_of_work.acting_for(alice.id, reading=True):
        upload = Upload.objects.get()
        assert upload_queries.file_ids(upload) == set()
        assert upload_queries.last_activity(upload) == NOW


@pytest.mark.parametrize("state", ["held", "received", "rejected", "accepted"])
def test_a_file_that_was_here_before_shows_its_own_verdict(
    api: Any, alice: Company, state: str
) -> None:
    key = uuid4()
    known, _ = alice.send(alice.server.day(DAY), name="known.usg")
    with unit_of_work.acting_for(alice.id):
        UsageFile.objects.filter(pk=known.pk).update(
            state=state,
            settled_at=None if state == "received" else NOW,
            stored_as="" if state == "rejected" else known.stored_as,
        )
    item = {"number": 0, "name": "x", "outcome": "already here", "file": str(known.pk)}
    report(api, alice, key, files=1, is_ended=True, items=[item])
    end = "already here" if state == "accepted" else state
    answer = shown(api, alice, key).json()
    assert answer["counts"] == {end: 1}
    assert [one["outcome"] for one in answer["entries"]] == [end]


def test_a_held_file_that_is_sent_again_by_form_is_held(alice: Company) -> None:
    client, held = signed_in(alice), alice.writer("IC09").day(DAY)
    form(client, ("a.usg", held))
    form(client, ("b.usg", held))
    with unit_of_work.acting_for(alice.id, reading=True):
        again = Upload.objects.order_by("-pk")[0]
        assert again.items.get().outcome == "held"
        assert upload_queries.count_outcomes([again])[again.key] == {"held": 1}
    # The summary on the page for uploading has the same verdict.
    assert "1 file needs attention" in client.get("/upload").content.decode()


def test_a_file_that_is_judged_later_has_its_verdict_in_the_upload(
    api: Any, alice: Company
) -> None:
    key = uuid4()
    unknown = alice.writer("IC09")
    held = put(api, alice, unknown.day(DAY), upload=str(key)).json()["file"]
    items = [{"number": 0, "name": "x", "outcome": "held", "file": held["id"]}]
    report(api, alice, key, files=1, is_ended=True, items=items)
    assert shown(api, alice, key).json()["counts"] == {"held": 1}
    with unit_of_work.acting_for(alice.id):
        fingerprint = ServerKey.objects.get(server__name="IC09").fingerprint
    server_keys.confirm_key(alice.id, server="IC09", key=fingerprint, by="test", at=NOW)
    while judge_pending.judge_pending(at=NOW + timedelta(days=1)):
        pass
    assert shown(api, alice, key).json()["counts"] == {"accepted": 1}


def test_the_name_and_reason_of_a_rejected_file_outlast_its_row(
    api: Any, alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = uuid4()
    bad = put(api, alice, b"PK\x03\x04 zip", upload=str(key)).json()["file"]
    items = [{"number": 0, "name": "x", "outcome": "rejected", "file": bad["id"]}]
    report(api, alice, key, files=1, is_ended=True, items=items)
    monkeypatch.setattr("usage.uploads.judge.REJECTED_ROWS", 1)
    put(api, alice, b"PK\x03\x04 another", upload="")
    assert api("GET", f"/files/{bad['id']}", token=alice.token).status_code == 404
    (entry,) = shown(api, alice, key).json()["entries"]
    assert (entry["name"], entry["outcome"]) == ("day.usg", "rejected")
    assert entry["code"] == bad["problems"][0]["code"]
    assert entry["file"] is None


def test_the_oldest_uploads_go_when_another_one_begins(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "UPLOADS_KEPT", 2)
    sender = UploadSender(tenant_id=alice.id, how=How.API, name="script")
    items = [ReportedItem(number=0, name="a.usg", size=1, outcome="failed")]
    keys = [uuid4() for _ in range(4)]
    for number, key in enumerate(keys):
        at = NOW + timedelta(hours=2 * number)
        record.record_report(sender, key, UploadReport(items=items), at=at)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert {one.key for one in Upload.objects.all()} == set(keys[2:])
        assert UploadItem.objects.count() == 2


def test_an_upload_displaces_none_of_a_colleague_or_of_the_last_hour(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "UPLOADS_KEPT", 1)
    script = UploadSender(tenant_id=alice.id, how=How.API, name="script")
    person = UploadSender(tenant_id=alice.id, how=How.BROWSER, name="ada@a.example")
    persons, old, recent, new = (uuid4() for _ in range(4))
    record.record_report(person, persons, UploadReport(), at=NOW - timedelta(days=9))
    for key, minutes in ((old, 61), (recent, 59), (new, 0)):
        at = NOW - timedelta(minutes=minutes)
        record.record_report(script, key, UploadReport(), at=at)
    with unit_of_work.acting_for(alice.id, reading=True):
        assert {one.key for one in Upload.objects.all()} == {persons, recent, new}


def test_a_run_of_a_server_names_machine_version_and_address(
    api: Any, alice: Company
) -> None:
    key, version = uuid4(), "usage-sender 0.2\u202e\x00\n" + "9" * 99
    sent = {"machine": "  IC1\u0000\u200f ", "version": version}
    assert report(api, alice, key, **sent).status_code == 200
    # Another run under the same key, such as after a reinstallation: the first counts.
    again = {"step": 2, "machine": "IC2", "version": 7}
    assert report(api, alice, key, **again).status_code == 200
    found = shown(api, alice, key).json()
    assert found["machine"] == "IC1"
    assert found["version"].startswith("usage-sender 0.2")
    assert len(found["version"]) <= 60
    assert found["version"].isprintable()
    assert found["sent_from"] == "127.0.0.1"
    listed = api("GET", "/uploads", token=alice.token).json()["uploads"]
    assert [one["machine"] for one in listed] == ["IC1"]


def test_runs_of_one_machine_displace_none_of_another(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "RUNS_KEPT", 2)
    monkeypatch.setattr(record, "MACHINES_KEPT", 2)
    monkeypatch.setattr(record, "UPLOADS_KEPT", 1)

    def run(machine: str, hours: float) -> UUID:
        key, at = uuid4(), NOW + timedelta(hours=hours)
        sender = UploadSender(
            tenant_id=alice.id, how=How.API, name="script", machine=machine
        )
        record.record_report(sender, key, UploadReport(), at=at)
        return key

    quiet, script = run("IC1", 0), run("", 1)
    busy = [run("IC2", hours) for hours in (2, 4, 6, 8)]
    with unit_of_work.acting_for(alice.id, reading=True):
        keys = set(Upload.objects.values_list("key", flat=True))
    assert keys == {quiet, script, *busy[2:]}
    # A third machine: the runs of the one that has been silent longest are removed.
    new = run("IC3", 10)
    with unit_of_work.acting_for(alice.id, reading=True):
        keys = set(Upload.objects.values_list("key", flat=True))
    assert keys == {script, *busy[2:], new}


def signed_in(company: Company, role: str = "admin") -> Client:
    client = Client()
    client.force_login(company.people[role])
    return client


def form(client: Client, *files: tuple[str, bytes]) -> str:
    sent = [SimpleUploadedFile(name, data) for name, data in files]
    answer = client.post("/upload?period=2026-05", {"files": sent, "end": "end"})
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_plain_form_is_an_upload(alice: Company, settings: Any) -> None:
    client = signed_in(alice)
    good, late = alice.server.day(DAY), alice.server.day(date(2026, 4, 27))
    settings.MAX_FILE_BYTES = len(good) + 500
    page = form(
        client, ("a.usg", good), ("late.usg", late), ("big.usg", bytes(len(good) + 600))
    )
    # A file of another period than the one that is shown says for which it counts.
    assert '<a href="/upload?period=2026-04">counts for April 2026</a>' in page
    assert "counts for May" not in page
    with unit_of_work.acting_for(alice.id, reading=True):
        upload = Upload.objects.get()
        items = list(UploadItem.objects.order_by("number"))
    assert (upload.how, upload.begun_by) == ("form", "admin@a-100.example")
    assert upload.ended_at is not None
    assert f'href="/uploads/{upload.key}"' in page
    assert [(one.name, one.outcome, one.code) for one in items] == [
        ("a.usg", "accepted", ""),
        ("late.usg", "accepted", ""),
        ("big.usg", "failed", "file-too-large"),
    ]
    shown = client.get(f"/uploads/{upload.key}").content.decode()
    assert shown.index("big.usg") < shown.index("a.usg")
    assert "1 file needs attention" in shown
    assert "The file is larger than the portal takes." in shown
    assert "Reported by the sender." in shown


def test_a_form_without_files_says_so(alice: Company) -> None:
    page = form(signed_in(alice))
    assert "No file was chosen, so nothing was sent" in page
    with unit_of_work.acting_for(alice.id, reading=True):
        assert not Upload.objects.exists()


def test_a_form_shows_its_result_even_if_it_cannot_be_recorded(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(record, "record_report", fail)
    page = form(signed_in(alice), ("a.usg", alice.server.day(DAY)))
    assert "1 file has its verdict" in page
    assert len(alice.files()) == 1


def test_an_upload_is_shown_to_colleagues_and_to_nobody_else(
    api: Any, alice: Company, charlie: Company
) -> None:
    key = uuid4()
    report(api, alice, key, files=2, items=[failed(0, "<b>never.usg", code="x-y")])
    address = f"/uploads/{key}"
    page = signed_in(alice, "viewer").get(address).content.decode()
    assert "&lt;b&gt;never.usg" in page
    assert "The portal did not answer." in page
    assert "0 of 2 files had their verdict" in page
    assert f'href="{address}"' in signed_in(alice).get("/uploads").content.decode()
    stranger = signed_in(charlie)
    assert stranger.get(address).status_code == 404
    for path in ("receipt", "mail", "dismiss"):
        answer = stranger.generic(
            "GET" if path == "receipt" else "POST", f"{address}/{path}"
        )
        assert answer.status_code == 404, path
    assert str(key) not in stranger.get("/uploads").content.decode()


def test_the_receipt_of_an_upload_is_downloaded_and_mailed(
    api: Any, alice: Company
) -> None:
    key = uuid4()
    put(api, alice, alice.server.day(DAY), upload=str(key))
    report(api, alice, key, files=2, items=[failed(0, "never.usg")])
    client = signed_in(alice)
    page = client.get(f"/uploads/{key}").content.decode()
    for ending in ("csv", "xlsx", "pdf"):
        assert f'href="/uploads/{key}/receipt?format={ending}"' in page
    book = client.get(f"/uploads/{key}/receipt?format=xlsx")
    assert book["Content-Disposition"].endswith('.xlsx"')
    table = client.get(f"/uploads/{key}/receipt?format=csv").content.decode()
    assert "day.usg" in table
    assert len(table.splitlines()) == 2
    mailed = client.post(f"/uploads/{key}/mail", headers={"X-Part": "sentence"})
    assert (
        mailed.content.decode() == "The receipt is on its way to admin@a-100.example."
    )
    again = client.post(f"/uploads/{key}/mail")
    assert again["Location"] == f"/uploads/{key}"
    with unit_of_work.acting_for(alice.id, reading=True):
        assert ReceiptMail.objects.count() == 1


def test_an_upload_says_which_period_its_files_have_completed(
    api: Any, alice: Company
) -> None:
    keys = uuid4(), uuid4()
    last = date(2026, 5, 27)
    *first, final = alice.server.days(date(2026, 4, 28), last)
    for data in first[:-1]:
        alice.send(data, at=datetime(2026, 5, 28, 9, tzinfo=UTC))
    put(api, alice, first[-1], upload=str(keys[0]))
    report(api, alice, keys[0], files=1, items=[], is_ended=True)
    client = signed_in(alice)
    assert b"is complete" not in client.get(f"/uploads/{keys[0]}").content
    sent = {"files": SimpleUploadedFile("a.usg", final), "end": "end"}
    page = client.post("/upload?period=2026-05", sent).content.decode()
    sentence = "28 April to 27 May is complete, but was late: 30 of 30 server-days."
    assert sentence in page.partition('id="outcomes"')[2].partition("</section>")[0]
    part = client.get("/upload?period=2026-05", headers={"X-Part": "period"})
    text = part.content.decode().partition('id="period-completed"')[2]
    assert sentence in text.partition("</div>")[0]
    # Of a period that the upload has no file of, its summary says nothing.
    with unit_of_work.acting_for(alice.id, reading=True):
        view = view_period(Period(2026, 5), at=datetime.now(UTC))
        for day, expected in ((last, sentence), (last + timedelta(days=1), "")):
            assert completed_text(view, [day], at=datetime.now(UTC)) == expected
    assert sentence in client.get(f"/uploads/{keys[0]}").content.decode()


def test_the_summary_of_an_upload_that_goes_on_is_shown_again(alice: Company) -> None:
    key, by = uuid4(), "ada@a.example"
    sender = UploadSender(tenant_id=alice.id, how=How.BROWSER, name=by)

    def is_shown_after(report: UploadReport) -> bool:
        record.record_report(sender, key, report, at=NOW)
        with unit_of_work.acting_for(alice.id, reading=True):
            return upload_queries.last_of(by) is not None

    ended = UploadReport(step=1, files=1, is_ended=True)
    assert is_shown_after(ended)
    record.dismiss(alice.id, key, by=by, at=NOW)
    assert not is_shown_after(ended)
    # A verdict that arrives later is no reason.
    assert not is_shown_after(UploadReport(step=2, files=1, is_ended=True))
    # New files of a folder that is kept open join the upload.
    assert is_shown_after(UploadReport(step=3, files=2))
    assert is_shown_after(UploadReport(step=4, files=2, is_ended=True))


def test_an_upload_is_interrupted_once_its_page_is_closed_or_silent(
    alice: Company,
) -> None:
    sender = UploadSender(tenant_id=alice.id, how=How.API, name="test")
    key = uuid4()
    upload = record.record_report(sender, key, UploadReport(files=3), at=NOW)

    def title(seconds: int) -> str:
        at = NOW + timedelta(seconds=seconds)
        text = upload_text(upload, Counter(), zone="UTC", seen_at=NOW, at=at)
        return text.title.partition("UTC ")[2]

    assert (title(60), title(180)) == ("has not ended", "was interrupted")
    left = UploadReport(step=2, files=3, is_left=True)
    upload = record.record_report(sender, key, left, at=NOW)
    assert title(60) == "was interrupted"
