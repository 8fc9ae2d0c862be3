"""*Required disk space* shows what usage files need on each server of a tenant."""

from datetime import date

import pytest
from django.conf import settings as django_settings

from portal.db import unit_of_work
from tests.builders import Company, open_company
from tests.usage.disk_space.stored_days import (
    DAY,
    confirm_days,
    store_days,
    today_of,
)
from tests.usage.files.customer_pages import body, page, queries_of, signed_in
from usage.disk_space.queries import server_days
from usage.models import FileState, Server, UsageFile

MEGABYTE = 1_000_000


@pytest.fixture
def quell(db: None) -> Company:
    return open_company("C-3", name="Quell", zone="UTC", has_server=False)


def past(company: Company, count: int, *, before: int = 0) -> list[date]:
    """Return some days up to yesterday, or up to some days before it."""
    end = today_of(company) - before * DAY
    return [end - number * DAY for number in range(count, 0, -1)]


def same(days: list[date], size: int) -> dict[date, list[int]]:
    return {day: [size] for day in days}


def test_before_any_file_there_is_only_an_estimate(quell: Company) -> None:
    seen = page(quell, "/disk-space")
    assert "There are no files to measure yet." in seen
    assert '<svg class="chart"' not in seen
    assert "Vendor: most customers less than" in seen
    assert "3.00 MB" in seen
    assert "field-error" not in seen
    assert "The space that usage files need on each server." in page(quell, "/")


def test_an_estimate_follows_from_users_and_logins(quell: Company) -> None:
    seen = page(quell, "/disk-space", users="20000", logins="8")
    # 900 + 20,000 x 6 + 160,000 x 6.5 bytes.
    for size in ("1.16 MB", "42.95 MB", "34.83 MB", "105.64 MB"):
        assert size in seen


@pytest.mark.parametrize(
    ("users", "logins"),
    [
        *(("", "4"), ("0", "4"), ("100001", "4"), ("x", "4"), ("9" * 99, "4")),
        *(
            ("5", ""),
            ("5", "0"),
            ("5", "501"),
            ("5", "nan"),
            ("5", "1e400"),
            ("5", "\0"),
        ),
    ],
)
def test_an_estimate_from_other_values_is_refused(
    quell: Company, users: str, logins: str
) -> None:
    seen = page(quell, "/disk-space", users=users, logins=logins)
    assert "field-error" in seen
    assert '<th scope="row">Estimate</th>' not in seen


def test_one_file_of_one_day_gives_a_guess(quell: Company) -> None:
    store_days(quell, "IC01", same(past(quell, 1), 2 * MEGABYTE))
    seen = page(quell, "/disk-space")
    assert "Only 1 week is known, so the forecast is a guess." in seen
    assert "60.00 MB" in seen
    assert "IC01" in seen.split('class="answer"')[1].split("</p>")[0]


def test_the_answer_is_the_most_that_a_server_needs(quell: Company) -> None:
    days = past(quell, 60)
    small = store_days(quell, "IC01", same(days, MEGABYTE))
    large = store_days(quell, "IC02", same(days, 2 * MEGABYTE))
    for server in (small, large):
        confirm_days(quell, server, until=days[-2], wait=1)
    answer = page(quell, "/disk-space").split('class="answer"')[1].split("</p>")[0]
    # The files of yesterday, today and two more days, and something for the range.
    assert "Each server needs up to 8." in answer
    assert "IC02" in answer
    assert "needs the most" in answer


def test_only_accepted_files_before_today_count(quell: Company) -> None:
    days = past(quell, 40)
    store_days(quell, "IC01", same(days, MEGABYTE))
    store_days(quell, "IC01", {today_of(quell): [900 * MEGABYTE]})
    store_days(quell, "IC01", same(days, 50 * MEGABYTE), state=FileState.HELD)
    seen = page(quell, "/disk-space")
    assert "30.00 MB" in seen
    assert "Unusual sizes" not in seen


def test_restarts_and_the_bytes_of_a_login_are_shown(quell: Company) -> None:
    days = past(quell, 30)
    files = same(days, 1_000)
    files[days[-1]] = [1_000, 1_000, 1_000, 1_000]
    store_days(quell, "IC01", files)
    seen = page(quell, "/disk-space")
    row = seen.split("By server")[1].split("</tbody>")[0]
    assert 'data-label="Restarts">3<' in row
    assert "10 bytes" in row
    assert "4 KB" in row


def test_servers_that_write_no_more_are_left_out_with_a_reason(quell: Company) -> None:
    store_days(quell, "IC01", same(past(quell, 30), 5_000))
    store_days(quell, "IC02", same(past(quell, 30, before=100), 5_000))
    store_days(quell, "IC03", {})
    retired = store_days(quell, "IC04", same(past(quell, 30), 5_000))
    with unit_of_work.acting_for(quell.id):
        Server.objects.filter(pk=retired).update(retired_on=past(quell, 1)[0])
    seen = page(quell, "/disk-space")
    table, left_out = seen.split("Not in the forecast")
    assert "IC01" in table
    for name in ("IC02", "IC03", "IC04"):
        assert f'<bdi class="name">{name}</bdi>' in left_out
    assert "no accepted file after" in left_out
    assert "no accepted file of the last 26 weeks" in left_out
    assert "retired on" in left_out
    client = signed_in(quell)
    assert client.get("/disk-space", {"server": str(retired)}).status_code == 404


def test_a_server_of_which_no_day_is_complete_is_left_out(quell: Company) -> None:
    [day] = past(quell, 1)
    server = store_days(quell, "IC01", {day: [100, 100, 100]})
    with unit_of_work.acting_for(quell.id):
        UsageFile.objects.filter(server=server, sequence=2).update(state=FileState.HELD)
    assert "no complete day yet" in page(quell, "/disk-space")


def test_large_and_unusual_days_are_warnings(quell: Company) -> None:
    days = past(quell, 120)
    store_days(quell, "IC01", same(days, MEGABYTE) | {days[-3]: [100 * MEGABYTE]})
    grown = same(days[:-20], MEGABYTE) | same(days[-20:], 3 * MEGABYTE)
    store_days(quell, "IC02", grown)
    store_days(quell, "IC03", same(days, MEGABYTE))
    seen = page(quell, "/disk-space").replace("\u2068", "").replace("\u2069", "")
    assert "IC01 wrote 100.00 MB on" in seen
    assert "98 times the usual size" in seen
    assert "IC02 writes 3.0 times as much" in seen
    assert "IC03 w" not in seen
    assert "more than 10 MB a day" in page(quell, "/")


def test_growth_is_described(quell: Company) -> None:
    days = past(quell, 180)
    linear = {day: [MEGABYTE + 30_000 * place] for place, day in enumerate(days)}
    share = {day: [round(10_000 * 1.01**place)] for place, day in enumerate(days)}
    falling = {day: [9 * MEGABYTE - 30_000 * place] for place, day in enumerate(days)}
    season = {day: [MEGABYTE + 400 * place] for place, day in enumerate(days)}
    step = same(days[:90], MEGABYTE) | same(days[90:], 2 * MEGABYTE)
    fallen = same(days[:90], MEGABYTE) | same(days[90:], 1_000)
    fast = {day: [1_000 * 2 ** (place // 7)] for place, day in enumerate(days[-70:])}
    expected = {
        "IC01": (linear, "grows by about 0.91 MB each month"),
        "IC02": (share, "grows by about 35 % each month"),
        "IC03": (falling, "The daily size is falling"),
        "IC04": (season, "may be seasonal"),
        "IC05": (step, "rose to 2.0 times its earlier level"),
        "IC06": (fallen, "fell to 1 % of its earlier level"),
        "IC07": (fast, "grows by more than 50 % each month"),
    }
    for name, (files, text) in expected.items():
        server = store_days(quell, name, files)
        seen = page(quell, "/disk-space", server=str(server))
        assert text in seen, name
    # At the end of the quarter the first one writes more than 8 MB a day.
    assert "will write more than 10 MB" not in page(quell, "/disk-space")


def test_growth_beyond_ten_megabytes_a_day_is_announced(quell: Company) -> None:
    days = past(quell, 180)
    files = {day: [5 * MEGABYTE + 25_000 * place] for place, day in enumerate(days)}
    store_days(quell, "IC01", files)
    assert "will write more than 10 MB a day from about" in page(quell, "/disk-space")


def test_names_in_other_scripts_are_isolated(quell: Company) -> None:
    name = "\u05e9\u05e8\u05ea <1>"
    store_days(quell, name, same(past(quell, 30), MEGABYTE))
    seen = page(quell, "/disk-space")
    assert "\u2068\u05e9\u05e8\u05ea &lt;1&gt;\u2069 needs up to" in seen
    assert "<bdi>\u05e9\u05e8\u05ea &lt;1&gt;</bdi>" in seen


def test_files_that_are_uploaded_daily_need_little(quell: Company) -> None:
    days = past(quell, 60)
    server = store_days(quell, "IC01", same(days, MEGABYTE))
    confirm_days(quell, server, until=days[-2], wait=1)
    assert "usually confirmed within a week" in page(quell, "/disk-space")


def test_without_an_archive_the_page_says_that_nothing_is_confirmed(
    quell: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(django_settings, "FORWARDING", False)
    store_days(quell, "IC01", same(past(quell, 60), MEGABYTE))
    assert "so no further files become safe to delete" in page(quell, "/disk-space")


def test_the_days_are_a_table_for_spreadsheets(quell: Company) -> None:
    days = past(quell, 10)
    files = same(days, 1_000)
    del files[days[4]]
    files[days[-1]] = [2_000, 3_000]
    store_days(quell, "=IC01", files)
    store_days(quell, "IC02", {})
    answer = signed_in(quell).get("/disk-space/days.csv")
    assert f"disk-space-C-3-{today_of(quell)}.csv" in answer["Content-Disposition"]
    lines = body(answer).decode("utf-8-sig").splitlines()
    head = 'Server,Day,Kind,Files,Bytes,"Bytes, low","Bytes, high",Logins'
    assert lines[0].startswith(head)
    assert lines[1] == f"'=IC01,{days[0]},written,1,1000,,,100,0"
    assert lines[5] == f"'=IC01,{days[4]},nothing written,0,0,,,0,0"
    assert lines[10] == f"'=IC01,{days[-1]},written,2,5000,,,500,0"
    assert lines[11].startswith(f"'=IC01,{today_of(quell)},forecast,,")
    expected, low, high = map(int, lines[11].split(",")[4:7])
    assert low < expected < high
    assert len(lines) == 1 + 10 + 91
    sheet = signed_in(quell).get("/disk-space/days.csv", {"format": "xlsx"})
    assert body(sheet).startswith(b"PK")


def test_a_day_that_lacks_a_file_is_named_in_the_table(quell: Company) -> None:
    days = past(quell, 3)
    server = store_days(quell, "IC01", {days[0]: [500], days[1]: [500] * 3})
    with unit_of_work.acting_for(quell.id):
        UsageFile.objects.filter(server=server, sequence=3).update(state=FileState.HELD)
    lines = body(signed_in(quell).get("/disk-space/days.csv")).decode().splitlines()
    assert lines[2].endswith(f"{days[1]},a file is missing,2,1000,,,100,0")
    # Nothing is forecast twice: that day stays, and today's forecast follows.
    assert lines[3].split(",")[1] == str(days[2])


def test_the_page_runs_as_many_queries_for_many_servers(quell: Company) -> None:
    store_days(quell, "IC00", same(past(quell, 30), 5_000))
    client = signed_in(quell)
    few = queries_of(client, "/disk-space")
    for number in range(1, 41):
        store_days(quell, f"IC{number:02}", same(past(quell, 14), 5_000))
    assert queries_of(client, "/disk-space") == few
    assert page(quell, "/disk-space").count('data-label="Next 91 days"') == 41


def test_another_tenants_server_is_not_found(quell: Company, alice: Company) -> None:
    server = store_days(quell, "IC77", same(past(quell, 30), 5_000))
    client = signed_in(alice)
    assert client.get("/disk-space", {"server": str(server)}).status_code == 404
    assert "IC77" not in page(alice, "/disk-space")
    assert "IC77" not in body(client.get("/disk-space/days.csv")).decode()


@pytest.mark.parametrize("wanted", ["0", "x", "9" * 40, "\0"])
def test_a_server_that_does_not_exist_is_not_found(quell: Company, wanted: str) -> None:
    assert signed_in(quell).get("/disk-space", {"server": wanted}).status_code == 404


def test_files_from_before_the_last_half_year_are_not_read(quell: Company) -> None:
    store_days(quell, "IC01", same(past(quell, 10, before=175), 5_000))
    with unit_of_work.acting_for(quell.id, reading=True):
        [found] = server_days(today=today_of(quell), zone="UTC")
    assert len(found.days) == 7
