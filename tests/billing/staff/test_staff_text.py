"""The first text of staff pages, for both sides, and the redirect after an action."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.coverage.licences import AUTOMATED
from billing.models import ExcuseKindChoices
from billing.reminders import plan as reminder_plan
from billing.requests import excuses
from billing.requests import licences as licence_requests
from portal.db import unit_of_work
from portal.mail import switch as mail_switch
from tests.billing.desk.bulk_page import named, page, read, to_post
from tests.billing.lateness.late_tenants import (
    AFTER,
    CHECKED,
    DAY,
    HOUR,
    LAST,
    MAY,
    flag,
    open_periods,
    open_short,
    received_only,
    run_check,
)
from tests.builders import Company
from usage.models import Server
from usage.uploads import judge

TENANT, LATE, TO_DECIDE = "/staff/tenants/L-1", "/staff/late", "/staff/held"


@pytest.fixture
def late(db: None, settings: Any) -> Iterator[Company]:
    settings.INBOX_BUCKET = ""
    with time_machine.travel(AFTER):
        company = open_short("L-1")
        open_periods()
        assert run_check(CHECKED) == 1
        yield company


def html(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return str(response.content.decode())


def page_text(client: Client, path: str) -> str:
    return read(html(client, path))


def ask_excuse(company: Company) -> int:
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get(name="IC01")
    request = excuses.ExcuseRequest(
        server_id=server.pk,
        kind=ExcuseKindChoices.DOWN,
        period=MAY,
        days=frozenset({LAST}),
        reason="It was down.",
    )
    return excuses.request_excuse(company.id, request=request, by="Ida", at=AFTER).pk


def test_a_held_file_does_not_hide_that_the_tenant_is_late(
    late: Company, clerk: Client
) -> None:
    late.send(late.writer("IC02").day(LAST), name="strange.usg")
    head = page_text(clerk, TENANT)
    # The late flag is decided here; the key that the file is held for is the tenant's.
    line = "2 of 4 server-days are missing. 1 decision waits."
    assert f"{line} 1 key waits for the tenant." in head
    assert "Late since Fri 5 June 2026, 00:00 CEST. Nobody was told yet." in head
    assert "Please upload" not in head
    assert "To decide 1" in head
    clerk.post("/staff/selected", to_post(page(clerk, named([late], "remind"))))
    assert "Nobody was told yet." in page_text(clerk, TENANT)


def test_what_was_done_is_told_where_one_stands(late: Company, clerk: Client) -> None:
    path = f"{TENANT}/flags/{flag(late).pk}"
    given = {"to": "late", "kept": "kind=to-decide&period=2026-05"}
    for act in ("waive", "decide"):
        answer = clerk.post(f"{path}/{act}", given)
        assert answer["Location"] == f"{LATE}?kind=to-decide&period=2026-05"
    fields = {"period": str(MAY), "to": "2026-06-09", "reason": "Holidays."}
    answer = clerk.post(f"{TENANT}/extend", fields | {"to": "2026-06-03"}, follow=True)
    assert "Late from Fri 5 June 2026, 00:00, Berlin (CEST, UTC+2) now" in read(
        answer.content.decode()
    )
    assert (
        clerk.post(f"{TENANT}/extend", fields)["Location"] == f"{TENANT}?period={MAY}"
    )
    query = named([late], "remind", to="tenant")
    fields = to_post(page(clerk, query))
    answer = clerk.post("/staff/selected", fields)
    assert answer["Location"] == f"{TENANT}?period={MAY}"


def test_single_days_are_waived_and_said_so(late: Company, clerk: Client) -> None:
    day = "2026-05-26 IC01"
    assert f'value="{day}"' in html(clerk, LATE)
    clerk.post(
        f"{TENANT}/flags/{flag(late).pk}/waive", {"cells": day, "reason": "A fire."}
    )
    assert flag(late).waived == [day]
    penalty = {
        "consequence": "penalty",
        "seen": "",
        "days": "\n".join(flag(late).still),
        "reason": "As agreed.",
    }
    clerk.post(f"{TENANT}/flags/{flag(late).pk}/decide", penalty)
    assert "Decided: penalty" in page_text(clerk, f"{LATE}?kind=decided")


def test_an_excuse_asked_for_too_late_says_so_and_is_kept_in_sight(
    late: Company, clerk: Client
) -> None:
    asked = ask_excuse(late)
    warning = "approving does not undo lateness"
    assert "No file is held." in page_text(clerk, TO_DECIDE)
    assert f'<a href="{TENANT}"><bdi>L-1</bdi></a>' in html(clerk, TO_DECIDE)
    assert warning in page_text(clerk, f"{TENANT}/to-decide")
    answer = clerk.post(
        f"{TENANT}/excuses/{asked}/approve", {"reason": "Seen."}, follow=True
    )
    told = read(answer.content.decode())
    assert "that does not undo lateness; waive the days of the late flag." in told
    assert "Decided excuses and licences" in told
    assert "approved clerk@vendor.example “Seen.” “It was down.” Ida" in told
    assert "IC01, 27 May: excused since." in told
    # Only the late flag is left.
    assert "1 All decisions" in page_text(clerk, TO_DECIDE)


def test_licences_are_asked_for_in_words(late: Company, clerk: Client) -> None:
    requested = licence_requests.RequestedLicences(
        from_on=LAST + DAY, keys=[AUTOMATED], reason="New contract."
    )
    assert licence_requests.request_licences(
        late.id, requested=requested, by="Ida", at=AFTER
    )
    assert "Automated upload from Thu 28 May 2026" in page_text(clerk, TO_DECIDE)


def test_what_goes_next_is_read_before_it_goes(late: Company, clerk: Client) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        (coming,) = reminder_plan.preview_reminders(at=AFTER, most=9)
    query = f"tenant={late.id}&period={MAY}&to={coming.recipient}&step={coming.step}"
    link = f"/staff/mail/next?{query}".replace("@", "%40").replace("&", "&amp;")
    assert link in html(clerk, "/staff/mail?kind=next")
    assert "if nothing comes before" in page_text(clerk, f"/staff/mail/next?{query}")
    assert clerk.get(f"/staff/mail/next?{query}x").status_code == 404
    with unit_of_work.acting_for(unit_of_work.STAFF):
        mail_switch.stop(by="clerk", reason="A test.", at=AFTER)
    assert "were mail to go: now none does" in page_text(clerk, "/staff/mail?kind=next")


def test_the_way_back_to_the_desk_keeps_what_it_was_narrowed_to(
    late: Company, clerk: Client
) -> None:
    desk = html(clerk, f"/staff/?period={MAY}&standing=late&q=L")
    link = f"{TENANT}?period={MAY}&amp;from=standing%3Dlate%26q%3DL"
    assert f'href="{link}"' in desk
    tenant = html(clerk, link.replace("&amp;", "&"))
    assert f'href="/staff/?period={MAY}&amp;standing=late&amp;q=L"' in tenant
    assert 'href="/staff/tenants" aria-current="page"' in tenant
    assert 'title="1 decision waits"' in tenant


def test_why_there_is_no_flag_is_said(db: None, clerk: Client, settings: Any) -> None:
    settings.INBOX_BUCKET = ""
    company = open_short("L-1")
    open_periods()
    received_only(company, b"no usage file", at=CHECKED - 2 * HOUR)
    with time_machine.travel(AFTER):
        assert run_check(AFTER) == 0
        assert "No flag has been raised yet" in page_text(
            clerk, f"{TENANT}?period={MAY}"
        )
        judge.judge_file(company.id, company.files()[0].pk, at=AFTER)
        assert run_check(AFTER) == 1
        assert "No flag has been raised" not in page_text(
            clerk, f"{TENANT}?period={MAY}"
        )
