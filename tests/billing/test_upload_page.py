"""The upload page as rendered by the server: texts, permissions, its plain form."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.calendar_view import table as calendar_table
from billing.coverage.periods import Period
from billing.periods import open_periods
from billing.periods import queries as period_queries
from billing.periods import text as period_text
from billing.periods.urgent import urgent_periods, view_urgent_period
from portal.db import unit_of_work
from tests.builders import Company, open_company
from usage import tenant_keys
from usage.models import FileState, How
from usage.review import decide

MAY = Period(2026, 5)
BEFORE = datetime(2026, 5, 28, 4, 42, tzinfo=UTC)
AFTER = datetime(2026, 6, 5, 4, tzinfo=UTC)
COMPLETE = "28 April to 27 May is complete, 30 of 30 server-days."


def signed_in(company: Company, role: str = "uploader") -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(company.people[role])
    return client


def view(
    company: Company, *, at: datetime, period: Period = MAY
) -> period_queries.PeriodView:
    with unit_of_work.acting_for(company.id, reading=True):
        return period_queries.view_period(period, at=at)


def send_all_but(company: Company, *missing: int, at: datetime) -> None:
    for data, day in zip(
        company.server.days(MAY.starts_on, MAY.ends_on), MAY.days(), strict=True
    ):
        if day.day not in missing or day.month != MAY.month:
            company.send(data, at=at)


def test_what_waits_for_us_alarms_nobody(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = alice.server.days(MAY.starts_on, MAY.ends_on)
    for data in (*days[:9], *days[10:]):
        alice.send(data, at=BEFORE)
    at = datetime(2026, 6, 6, tzinfo=UTC)
    words = period_text.period_text(view(alice, at=at), at=at)
    assert (words.standing, words.is_alarming) == ("Late", True)
    # It comes, and cannot be judged yet.
    monkeypatch.setattr(tenant_keys, "opening_key", lambda *_: 1 / 0)
    alice.send(days[9], at=at)
    words = period_text.period_text(view(alice, at=at), at=at)
    assert words.answer == "All files are in. 1 file is being checked."
    assert words.turn_text == "Being checked"
    assert (words.is_alarming, words.please, words.mark) == (False, "", "with-us")


def test_a_cell_leads_to_the_files_behind_it(alice: Company) -> None:
    day = date(2026, 5, 7)
    file, _ = alice.send(alice.server.day(day), name="<b>seven</b>.usg")
    held, _ = alice.send(alice.writer("IC01").day(day), name="held.usg")
    page = signed_in(alice).get(f"/upload?period=2026-05&server=ic01&day={day}")
    shown = page.content.decode()
    assert "behind" not in shown.split("<main")[0]
    page = signed_in(alice).get(f"/upload?period=2026-05&server=IC01&day={day}")
    shown = page.content.decode()
    for one, word in ((file, "accepted"), (held, "held")):
        assert f'href="/files/{one.pk}"' in shown
        assert f"</bdi></a> is number {one.sequence}, {word}. It covers <time" in shown
    assert "server-days are covered." in shown
    assert "<b>seven" not in shown


def test_what_waits_for_a_key_is_said_to_be_a_tenant_admins_turn(
    alice: Company,
) -> None:
    alice.send(alice.writer("IC77").day(date(2026, 5, 7)))
    for role, words in (
        ("admin", "1 file waits for you: confirm the key of IC77."),
        (
            "viewer",
            "1 file waits until a tenant admin of your company confirms the key of"
            " IC77.",
        ),
    ):
        page = signed_in(alice, role).get("/upload?period=2026-05").content.decode()
        assert (
            "7 May: waiting until a tenant admin confirms the key of the server."
            in page
        )
        assert "there is nothing for you to do" not in page
        assert words in page


def test_a_refused_file_that_comes_again_says_why_it_does_not_count(
    alice: Company,
) -> None:
    data = alice.server.day(date(2026, 8, 1))
    file, _ = alice.send(data, at=BEFORE)
    decide.refuse(alice.id, file_id=file.pk, by="c", at=AFTER, reason="A <b>test</b>.")
    page = post(alice, data, end="end").content.decode()
    assert "Refused by decision" in page
    told = "it does not count: <bdi>“A &lt;b&gt;test&lt;/b&gt;.”"
    assert told in page
    assert "Fri 5 June 2026, 06:00" in page
    assert "billing team will look at it" not in page


def test_the_plain_form_says_how_much_it_takes(alice: Company) -> None:
    assert (
        b"Up to 400 files and 256 MB at once" in signed_in(alice).get("/upload").content
    )


def test_a_form_of_too_many_files_is_refused_in_words(
    alice: Company, settings: Any
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 2
    sent = [SimpleUploadedFile(f"{n}.usg", b"x") for n in range(3)]
    answer = signed_in(alice).post("/upload", {"files": sent, "end": "end"})
    assert answer.status_code == 413
    assert "One form takes at most 2 files" in answer.content.decode()
    assert alice.files() == []


@pytest.mark.parametrize(
    ("missing", "at", "answer", "please", "standing"),
    [
        ((), BEFORE, COMPLETE, "", "Complete"),
        ((), AFTER, COMPLETE, "", "Complete"),
        (
            (6, 7),
            BEFORE,
            "2 server-days are missing.",
            "Due by the end of Wed 3 June.",
            "Incomplete",
        ),
        (
            (7,),
            AFTER,
            "1 server-day is missing.",
            "Please upload now: this period is late.",
            "Late",
        ),
    ],
)
def test_the_answer_comes_first(
    alice: Company,
    missing: tuple[int, ...],
    at: datetime,
    answer: str,
    please: str,
    standing: str,
) -> None:
    send_all_but(alice, *missing, at=BEFORE)
    words = period_text.period_text(view(alice, at=at), at=at)
    assert (words.answer, words.please, words.standing) == (answer, please, standing)


def test_nothing_sent_is_not_nothing_missing(alice: Company) -> None:
    words = period_text.period_text(view(alice, at=BEFORE), at=BEFORE)
    assert words.answer == "30 server-days are missing."


def test_the_dates_of_a_period_stand_in_their_order_with_now_between(
    alice: Company,
) -> None:
    words = period_text.period_text(view(alice, at=BEFORE), at=BEFORE)
    assert [(stop.name, stop.when) for stop in words.stops] == [
        ("Period begins", "Tue 28 April"),
        ("Period ends", "Wed 27 May"),
        ("Now", "Thu 28 May, 06:42"),
        ("Due", "the end of Wed 3 June"),
        ("Late from", "Fri 5 June, 00:00"),
    ]
    assert words.remaining == "6 days 17 hours"


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=1), "1 day"),
        (timedelta(days=2, hours=1, minutes=59), "2 days 1 hour"),
        (timedelta(hours=3, minutes=1), "3 hours 1 minute"),
        (timedelta(minutes=59), "59 minutes"),
        (timedelta(seconds=5), "0 minutes"),
    ],
)
def test_what_remains_is_said_in_two_units(left: timedelta, said: str) -> None:
    assert period_text.remaining(left) == said


def test_what_is_missing_is_said_by_number_where_it_can_be(alice: Company) -> None:
    send_all_but(alice, 6, 7, 27, at=BEFORE)
    lacks = calendar_table.missing_entries(view(alice, at=AFTER).judgement.calendar)
    said = [(lack.server, lack.what, lack.more) for lack in lacks]
    assert said[0] == (
        "IC01",
        "2 files, numbers 9 to 10, between 6 and 7 May.",
        "missing: 6 to 7 May",
    )
    assert said[1][1] == "27 May."
    assert said[1][2] == "Nothing has come since file 29."


def test_a_cell_opens_what_lies_behind_it(alice: Company) -> None:
    send_all_but(alice, 6, at=BEFORE)
    calendar = view(alice, at=AFTER).judgement.calendar
    found = calendar_table.cell_details(calendar, ("IC01", date(2026, 5, 5)))
    assert found is not None
    assert [file.sequence for file in found.cell.files] == [8]
    assert calendar_table.cell_details(calendar, ("IC01", date(2026, 7, 1))) is None
    assert calendar_table.cell_details(calendar, None) is None


def test_the_complete_period_stays_first_until_it_is_dismissed(
    alice: Company,
) -> None:
    at = datetime(2026, 6, 10, 12, tzinfo=UTC)
    assert shown_periods(alice, at) == [MAY]
    send_all_but(alice, at=BEFORE)
    assert shown_periods(alice, at) == [MAY, MAY.next()]
    assert shown_periods(alice, at, dismissed="2026-05") == [MAY.next()]
    # The next period has ended, and is the last one now.
    assert shown_periods(alice, datetime(2026, 6, 28, 12, tzinfo=UTC)) == [MAY.next()]


def test_late_periods_come_first_the_newest_before_the_older(alice: Company) -> None:
    july = datetime(2026, 7, 10, tzinfo=UTC)
    june = MAY.next()
    open_periods.open_current_periods(today=july.date(), at=july)
    assert shown_periods(alice, july) == [june, MAY]
    # Written, so that the numbers prove them missing, and never sent.
    alice.server.days(MAY.starts_on, MAY.ends_on)
    for data, day in zip(
        alice.server.days(june.starts_on, june.ends_on), june.days(), strict=True
    ):
        alice.send(data, at=datetime.combine(day, time(23, 59), UTC))
    # The new one is complete, which does not hide the late one.
    assert shown_periods(alice, july) == [MAY, june, june.next()]


@pytest.mark.usefixtures("db")
def test_a_new_tenant_sees_overdue_periods_in_which_nothing_is_late() -> None:
    july = datetime(2026, 7, 1, tzinfo=UTC)
    alice = open_company("N-1", name="New", zone="Europe/Berlin", has_server=False)
    # Learned of after the deadline of May: nobody could be late with it.
    alice.registered("IC01", at=datetime(2026, 6, 20, tzinfo=UTC))
    open_periods.open_current_periods(today=july.date(), at=july)
    # June is due on 3 July, and comes before periods in which nothing is late.
    assert shown_periods(alice, july) == [MAY.next(), MAY]
    words = period_text.period_text(view(alice, at=july), at=july)
    assert (words.standing, words.phase) == ("Incomplete", "not-late")
    with time_machine.travel(july, tick=False):
        page = signed_in(alice).get("/upload?period=2026-05").content.decode()
        assert "What is missing is not counted as late." in page
        assert "28 April to 27 May" in signed_in(alice).get("/").content.decode()


def shown_periods(company: Company, at: datetime, dismissed: str = "") -> list[Period]:
    with unit_of_work.acting_for(company.id, reading=True):
        found = urgent_periods(at=at, dismissed=dismissed)
        assert view_urgent_period(at=at).period == found.first.period or dismissed
    return [one.period for one in (found.first, *found.others)]


@time_machine.travel(datetime(2026, 6, 1, 12, tzinfo=UTC), tick=False)
def test_a_complete_period_is_shown_and_can_be_dismissed(
    alice: Company,
) -> None:
    send_all_but(alice, at=BEFORE)
    client = signed_in(alice, "viewer")
    for path in ("/", "/upload"):
        page = client.get(path).content.decode()
        assert COMPLETE in page
        assert 'href="/billing-data/2026-05"' in page
        assert 'href="/periods/2026-05/receipt?format=pdf"' in page
    done = client.post("/periods/2026-05/dismiss")
    assert (done.status_code, done["Location"]) == (302, "/")
    assert COMPLETE not in client.get("/").content.decode()
    # Others have not dismissed it.
    assert COMPLETE in signed_in(alice).get("/").content.decode()


def test_the_receipt_of_a_period_lists_its_accepted_files(alice: Company) -> None:
    client = signed_in(alice, "viewer")
    empty = client.get("/periods/2026-05/receipt?format=csv")
    assert (empty.status_code, "No file of this period" in empty.content.decode()) == (
        404,
        True,
    )
    file, _ = alice.send(alice.server.day(date(2026, 5, 7)), name="seven.usg")
    alice.send(alice.server.day(date(2026, 5, 28)), name="june.usg")
    alice.send(alice.writer("IC77").day(date(2026, 5, 8)), name="held.usg")
    receipt = client.get("/periods/2026-05/receipt?format=csv").content.decode()
    assert "seven.usg" in receipt
    assert file.sha256.hex() in receipt
    assert "june.usg" not in receipt
    assert "held.usg" not in receipt


@time_machine.travel(AFTER, tick=False)
def test_a_page_has_the_whole_calendar_in_words(alice: Company) -> None:
    send_all_but(alice, 6, at=BEFORE)
    page = (
        signed_in(alice)
        .get("/upload?period=2026-05&server=IC01&day=2026-05-05")
        .content.decode()
    )
    assert "IC01, Wed 6 May: missing" in page
    assert "IC01, Tue 5 May: received" in page
    assert "1 server-day is missing." in page
    assert "All files of this day are here." in page


@pytest.mark.parametrize(
    "query",
    [
        "period=2026-13",
        "period=%00",
        "period=2026-05&day=2026-02-31&server=x",
        "period=2026-05&day=rubbish&server=%00",
        "period=2026-05&server=IC01",
    ],
)
def test_odd_questions_are_answered(alice: Company, query: str) -> None:
    response = signed_in(alice).get(f"/upload?{query}")
    assert response.status_code == (
        422 if "13" in query or query[6:] == "=%00" else 200
    )


def test_a_viewer_may_look_and_not_upload(alice: Company) -> None:
    client = signed_in(alice, "viewer")
    assert b"You can view this page, but not upload" in client.get("/upload").content
    data = alice.server.day(date(2026, 5, 7))
    response = client.post("/upload", {"files": SimpleUploadedFile("a.usg", data)})
    assert response.status_code == 403
    assert alice.files() == []


def test_the_part_that_changes_can_be_had_alone(alice: Company) -> None:
    part = signed_in(alice).get("/upload", headers={"X-Part": "period"}).content
    assert b"<html" not in part
    assert b"Server days" in part


def post(company: Company, *files: bytes, **fields: str) -> Any:
    sent = [SimpleUploadedFile(f"{n}.usg", data) for n, data in enumerate(files)]
    return signed_in(company).post("/upload", {"files": sent, **fields})


def test_the_plain_form_takes_several_files_and_says_a_verdict_for_each(
    alice: Company,
) -> None:
    day = date.today() - timedelta(days=2)  # noqa: DTZ011 - any day that is over
    good = alice.server.day(day)
    strange = alice.writer("IC77").day(day)
    alice.send(good, at=datetime.now(UTC))
    page = post(alice, good, strange, b"rubbish", b"", end="end").content.decode()
    for verdict in ("Already here", "Held", "Rejected"):
        assert verdict in page
    assert "4 files have their verdict" in page
    assert "cut on its way" not in page
    # Problems first, then what waits, then what is here.
    rows = page.split("Verdict of each file, problems first")[1]
    assert re.findall(r"<bdi>(\d)\.usg</bdi>", rows) == ["2", "3", "1", "0"]
    states = {file.state for file in alice.files()}
    assert states == {FileState.ACCEPTED, FileState.HELD, FileState.REJECTED}
    assert How.FORM in {file.how for file in alice.files()}


def test_a_form_that_was_cut_says_so(alice: Company) -> None:
    page = post(alice, b"rubbish").content.decode()
    assert "cut on its way: files may be missing" in page
    assert "1 file has its verdict" in page


def part(name: bytes, data: bytes) -> bytes:
    head = b'--limit\r\nContent-Disposition: form-data; name="files"; filename="%s"'
    return head % name + b"\r\n\r\n" + data + b"\r\n"


END = (
    b'--limit\r\nContent-Disposition: form-data; name="end"\r\n\r\nend\r\n--limit--\r\n'
)


def post_parts(company: Company, *parts: bytes) -> str:
    kind = "multipart/form-data; boundary=limit"
    body = b"".join([*parts, END])
    response = signed_in(company).post("/upload", body, content_type=kind)
    assert response.status_code == 200
    return str(response.content.decode())


@pytest.mark.parametrize("name", ["\u202e".encode(), b"..", b"x/"])
def test_a_file_without_a_name_that_can_be_shown_has_its_verdict(
    alice: Company, name: bytes
) -> None:
    page = post_parts(alice, part(name, b"rubbish"), part(b"a.usg", b"more rubbish"))
    assert "2 files have their verdict" in page
    assert "cut on its way" not in page
    assert {file.name for file in alice.files()} == {"unnamed", "a.usg"}


@pytest.mark.parametrize("times", [1, 20_000])
def test_a_file_whose_name_is_not_utf_8_has_its_verdict(
    alice: Company, times: int
) -> None:
    data = b"rubbish" * times
    names = [b"IC%02d_\xff.usg" % number for number in range(3)]
    parts = [part(name, data + name) for name in names]
    page = post_parts(alice, part(b"a.usg", data), *parts)
    assert "4 files have their verdict" in page
    assert {file.name for file in alice.files()} == {
        *("a.usg", "IC00_\ufffd.usg", "IC01_\ufffd.usg", "IC02_\ufffd.usg"),
    }


def test_a_part_without_a_readable_header_is_listed_as_not_read(alice: Company) -> None:
    # A form in which no file was chosen is whole.
    whole = post_parts(alice, part(b"", b""))
    assert "A file was damaged on its way" not in whole
    damaged = b"--limit\r\nContent-Type: text/plain\r\n\r\nrubbish\r\n"
    page = post_parts(alice, damaged, part(b"a.usg", b"rubbish"))
    assert "A file was damaged on its way and was not kept." in page
    assert "Compare this list with the files that you chose" in page
    assert page.count("Not kept") == 1
    assert [file.name for file in alice.files()] == ["a.usg"]


def test_a_file_that_is_too_large_stops_no_other(alice: Company, settings: Any) -> None:
    settings.MAX_FILE_BYTES = 100
    page = post(alice, b"x" * 200, b"rubbish", end="end").content.decode()
    assert "Not kept" in page
    assert "The file is larger than 100 bytes." in page
    assert len(alice.files()) == 1


def test_the_page_costs_the_same_whatever_there_is(alice: Company) -> None:
    client = signed_in(alice)
    counted = []
    for count in (1, 25):
        for data in alice.registered(f"IC{count:02}").days(
            MAY.starts_on, MAY.starts_on + timedelta(days=count)
        ):
            alice.send(data)
        with CaptureQueriesContext(connection) as queries_made:
            client.get("/upload?period=2026-05")
        counted.append(len(queries_made))
    assert counted[0] == counted[1]


def test_charlie_sees_nothing_of_alice(alice: Company, charlie: Company) -> None:
    alice.send(alice.registered("CANARY-IC1").day(date(2026, 5, 7)))
    page = signed_in(charlie).get(
        "/upload?period=2026-05&server=CANARY-IC1&day=2026-05-07"
    )
    assert b"CANARY" not in page.content


@time_machine.travel(AFTER, tick=False)
def test_the_first_tile_says_the_same_as_the_page(alice: Company) -> None:
    send_all_but(alice, 6, 7, at=BEFORE)
    client = signed_in(alice)
    for path in ("/", "/upload"):
        page = client.get(path).content.decode()
        assert "Your turn" in page
        assert "2 server-days are missing." in page
        assert "Please upload now: this period is late." in page
