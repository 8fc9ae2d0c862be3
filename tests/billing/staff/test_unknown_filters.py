"""Unknown filters of staff lists: the page says so, a download is refused."""

import pytest
from django.test import Client

from tests.builders import Company

PAGES = (
    "/staff/?standing={}",
    "/staff/?sort={}",
    "/staff/late?kind={}",
    "/staff/held?kind={}",
    "/staff/mail?kind={}",
    "/staff/mail?told={}",
    "/staff/tenants/A-100/mail?kind={}",
    "/staff/tenants/A-100/mail?told={}",
    "/staff/tenants/A-100/files?state={}",
    "/staff/tenants/A-100/files?how={}",
    "/staff/tenants/A-100/files?server={}",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_list_says_that_it_is_not_narrowed_by_an_unknown_filter(
    alice: Company, clerk: Client, page: str
) -> None:
    said = clerk.get(page.format("zzz")).content.decode()
    assert "“zzz” is not a filter of this list and was ignored." in said
    assert (
        "is not a filter of this list"
        not in clerk.get(page.format("")).content.decode()
    )


@pytest.mark.parametrize("path", ["/staff/late.csv?kind=z", "/staff/desk.csv?sort=z"])
def test_a_download_with_an_unknown_filter_is_refused(
    alice: Company, clerk: Client, path: str
) -> None:
    answer = clerk.get(path)
    assert answer.status_code == 422
    assert ": z" in answer.content.decode()


@pytest.mark.parametrize("path", ["/staff/late?period=x", "/staff/late.csv?period=x"])
def test_an_invalid_period_is_refused_in_words(
    alice: Company, clerk: Client, path: str
) -> None:
    answer = clerk.get(path)
    assert answer.status_code == 422
    assert "This is not a billing period." in answer.content.decode()


def test_the_staffs_address_without_its_slash_leads_to_the_desk(clerk: Client) -> None:
    assert clerk.get("/staff")["Location"] == "/staff/"


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("/staff/tenants/A-100/flags/1/waive", "/staff/tenants/A-100"),
        ("/staff/mail/stop", "/staff/mail"),
        ("/excuses/ask", "/excuses"),
        ("/sign-out", "/"),
    ],
)
def test_the_answer_to_a_form_leads_back_to_its_page_when_it_is_loaded_again(
    alice: Company, clerk: Client, address: str, page: str
) -> None:
    answer = clerk.get(address)
    assert answer.status_code == 405
    assert f'<a href="{page}">Go to the page of the form</a>' in answer.content.decode()
