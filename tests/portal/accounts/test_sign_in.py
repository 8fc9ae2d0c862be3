"""Sign-in and sign-out by mail address: accounts allowed in, and rate limits."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import ProgrammingError
from django.test import Client
from django.utils import timezone

from portal.accounts import sign_in_limits
from portal.accounts.login_redirect import is_own_path
from portal.accounts.sessions import hash_of
from portal.db import unit_of_work
from portal.models import Session, User
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in


def test_a_person_signs_in_by_address_and_out_again(alice: Company) -> None:
    client = Client()
    response = sign_in(client, "Admin@A-100.example ")
    assert response.headers["Location"] == "/"
    page = client.get("/")
    assert b"admin of Alice Assurance" in page.content
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert not is_signed_in(client)


def test_a_portal_without_accounts_names_the_command_that_creates_one(
    db: None,
) -> None:
    assert b"manage.py setup --staff-email" in Client().get("/sign-in").content
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_person(email="a@b.example", name="A", password=None, at=NOW)
    assert b"manage.py" not in Client().get("/sign-in").content


def test_the_page_says_the_same_of_a_wrong_password_and_of_nobody(
    alice: Company,
) -> None:
    wrong = sign_in(Client(), "admin@a-100.example", "guessed at random")
    nobody = sign_in(Client(), "nobody@a-100.example", "guessed at random")
    assert wrong.status_code == nobody.status_code == 200
    assert wrong.context["form"].errors == nobody.context["form"].errors
    assert b"do not belong together" in wrong.content


def test_the_figure_on_the_page_is_the_one_that_holds(alice: Company) -> None:
    response = sign_in(Client(), "admin@a-100.example", "guessed at random")
    tries, window = sign_in_limits.PAIR_TRIES, sign_in_limits.PAIR_WINDOW
    text = f"After {tries} wrong tries within {window.seconds // 60} minutes"
    assert text in response.content.decode()


def test_after_five_wrong_tries_the_right_password_waits_too(alice: Company) -> None:
    client = Client()
    for _ in range(5):
        sign_in(client, "admin@a-100.example", "guessed at random")
    response = sign_in(client, "admin@a-100.example")
    assert b"too many wrong tries. Try again in 15 minutes" in response.content
    assert not is_signed_in(client)
    # Others are not kept out by it.
    sign_in(client, "viewer@a-100.example")
    assert is_signed_in(client)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        late = Client()
        sign_in(late, "admin@a-100.example")
        assert is_signed_in(late)


def test_another_host_or_port_gives_no_further_tries(
    alice: Company, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    for number in range(5):
        sign_in(
            Client(),
            "admin@a-100.example",
            "guessed at random",
            headers={"Host": f"testserver:{1000 + number}"},
        )
    response = sign_in(Client(), "admin@a-100.example")
    assert b"too many wrong tries" in response.content


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a network try 50 times: half as often, in half the time of a test."""
    monkeypatch.setattr(sign_in_limits, "NETWORK_TRIES", 50)


def test_one_address_of_the_network_may_try_so_often_and_no_more(
    alice: Company, few: None
) -> None:
    for number in range(50):
        sign_in(Client(), f"person{number}@a-100.example", "guessed at random")
    response = sign_in(Client(), "admin@a-100.example")
    assert b"too many wrong tries" in response.content
    elsewhere = Client(REMOTE_ADDR="192.0.2.7")
    sign_in(elsewhere, "admin@a-100.example")
    assert is_signed_in(elsewhere)


def test_behind_no_proxy_nobody_chooses_their_own_network_address(
    alice: Company, few: None
) -> None:
    for number in range(50):
        sign_in(
            Client(),
            f"person{number}@a-100.example",
            "guessed at random",
            headers={"X-Forwarded-For": f"192.0.2.{number}"},
        )
    response = sign_in(
        Client(), "admin@a-100.example", headers={"X-Forwarded-For": "192.0.2.99"}
    )
    assert b"too many wrong tries" in response.content


def test_the_entry_that_the_proxy_added_is_the_one_that_counts(
    alice: Company, few: None, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    for number in range(50):
        sign_in(
            Client(),
            f"person{number}@a-100.example",
            "guessed at random",
            headers={"X-Forwarded-For": f"192.0.2.{number}, 198.51.100.1"},
        )
    shut = {"X-Forwarded-For": "198.51.100.1"}
    response = sign_in(Client(), "admin@a-100.example", headers=shut)
    assert b"too many wrong tries" in response.content
    client = Client()
    sign_in(client, "admin@a-100.example", headers={"X-Forwarded-For": "198.51.100.2"})
    assert is_signed_in(client)


def test_a_form_that_is_sent_over_and_over_is_told_to_wait(
    alice: Company, settings: Any
) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "60/m/ip"}
    answers = [sign_in(Client(), "", "").status_code for _ in range(61)]
    assert answers[:60] == [200] * 60
    assert answers[60] == 429


def test_somebody_who_has_left_is_told_so_and_not_let_in(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email="admin@a-100.example").update(is_active=False)
    client = Client()
    response = sign_in(client, "admin@a-100.example")
    assert response.status_code == 403
    assert b"This account is closed." in response.content
    assert not is_signed_in(client)
    # A stranger does not learn it.
    assert b"belong together" in sign_in(client, "admin@a-100.example", "x").content


def test_signing_in_changes_the_session(alice: Company) -> None:
    client = Client()
    session = client.session
    session["planted"] = "before"
    session.save()
    planted = str(session.session_key)
    client.cookies[settings.SESSION_COOKIE_NAME] = planted
    sign_in(client, "admin@a-100.example")
    assert client.session.session_key != planted
    assert not Session.objects.filter(pk=hash_of(planted)).exists()


def test_the_cookie_ends_with_the_browser_and_is_kept_from_scripts(
    alice: Company,
) -> None:
    client = Client()
    sign_in(client, "admin@a-100.example")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == ""
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_a_session_ends_twelve_hours_after_it_was_last_used(alice: Company) -> None:
    client = Client()
    began = timezone.now()
    with time_machine.travel(began, tick=False):
        sign_in(client, "admin@a-100.example")
    for hours in (11, 22, 33):
        with time_machine.travel(began + timedelta(hours=hours), tick=False):
            assert is_signed_in(client), hours
    with time_machine.travel(began + timedelta(hours=46), tick=False):
        assert not is_signed_in(client)


def test_a_session_that_is_renewed_is_not_written_back(alice: Company) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    [session] = Session.objects.all()
    assert session.last_seen_at is not None
    session.last_seen_at -= timedelta(hours=10)
    session.expire_date = timezone.now() + timedelta(hours=2)
    session.save()
    before = session.session_data
    assert is_signed_in(client)
    session.refresh_from_db()
    assert session.session_data == before
    assert session.expire_date > timezone.now() + timedelta(hours=11)


def test_whose_session_has_ended_is_told_so_and_goes_on_where_they_were(
    alice: Company,
) -> None:
    client = Client()
    client.force_login(alice.people["admin"])
    Session.objects.all().delete()
    response = client.get("/upload?period=2026-05")
    way = urlsplit(response.headers["Location"])
    assert way.path == "/sign-in"
    assert parse_qs(way.query) == {"next": ["/upload?period=2026-05"], "ended": ["yes"]}
    page = client.get(response.headers["Location"])
    assert b"You were signed out" in page.content
    done = sign_in(
        client,
        "admin@a-100.example",
        path=response.headers["Location"],
        data={"next": "/upload?period=2026-05"},
    )
    assert done.headers["Location"] == "/upload?period=2026-05"


def test_a_form_that_comes_too_late_leads_back_to_its_page(alice: Company) -> None:
    for referer, way in (
        ("http://testserver/switch", "/switch"),
        ("http://elsewhere.example/switch", "/"),
        ("", "/"),
    ):
        response = Client().post("/switch", headers={"Referer": referer})
        assert response.headers["Location"] == f"/sign-in?next={way}"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "http://testserver/upload",
        "javascript:alert(1)",
        "upload",
        "",
    ],
)
def test_next_leads_to_own_paths_only(alice: Company, target: str) -> None:
    assert not is_own_path(target)
    response = sign_in(Client(), "admin@a-100.example", data={"next": target})
    assert response.headers["Location"] == "/"


def test_the_api_asks_for_a_sign_in_as_json(alice: Company) -> None:
    response = Client().get("/api/v1/files")
    assert response.status_code == 401
    assert response.json()["code"] == "sign-in-needed"


def test_nobody_signs_up(db: None) -> None:
    for path in ("/signup", "/sign-up", "/accounts/signup/", "/register"):
        assert Client().get(path).status_code == 404


def test_a_form_from_elsewhere_is_refused_in_the_portals_look(alice: Company) -> None:
    client = Client(enforce_csrf_checks=True)
    response = sign_in(client, "admin@a-100.example")
    assert response.status_code == 403
    assert b"did not come from a page of this portal" in response.content


def test_scripts_that_ask_for_json_get_the_page(alice: Company) -> None:
    response = Client().get("/sign-in", headers={"Accept": "application/json"})
    assert response.headers["Content-Type"].startswith("text/html")


def test_a_person_without_a_password_is_not_let_in(alice: Company) -> None:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_person(email="new@a.example", name="New", password=None, at=NOW)
    for password in ("", "!", PASSWORD):
        client = Client()
        sign_in(client, "new@a.example", password)
        assert not is_signed_in(client)


def test_the_window_beside_an_upload_says_that_one_is_signed_in(
    alice: Company,
) -> None:
    client = Client()
    response = sign_in(
        client, "admin@a-100.example", path="/sign-in?next=/signed-in", follow=True
    )
    assert b"Go back to the upload" in response.content
    again = client.get("/sign-in?next=/signed-in")
    assert again.headers["Location"] == "/signed-in"


def test_whom_an_address_belongs_to_is_written_by_staff_only(alice: Company) -> None:
    mine = {"user": alice.people["viewer"], "email": "other@a.example"}
    with pytest.raises(ProgrammingError, match="permission denied"):
        EmailAddress.objects.create(**mine)
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        unit_of_work.acting_for(alice.id),
    ):
        EmailAddress.objects.exists()
    assert set(EmailAddress.objects.values_list("email", "verified", "primary")) == {
        (user.email, True, True) for user in alice.people.values()
    }
