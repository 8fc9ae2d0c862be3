"""Sessions: found by a hash, limited in time, and never written back once ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal import tasks
from portal.accounts import end_sessions, sessions
from portal.accounts.caller import Caller
from portal.accounts.password_links import password_link
from portal.accounts.sessions import SessionStore, hash_of
from portal.db import unit_of_work
from portal.models import EventKind, SecurityEvent, Session, StaffRole, User
from portal.tenants import memberships
from tests.billing.staff.staff_clients import staff_client
from tests.builders import PASSWORD, Company
from tests.portal.accounts.sign_in_form import is_signed_in, sign_in
from tests.portal.security_events.recorded import events

COOKIE = settings.SESSION_COOKIE_NAME
ADMIN = "admin@a-100.example"


def signed_in(email: str = ADMIN, **more: Any) -> Client:
    client = Client(**more)
    sign_in(client, email)
    return client


def is_in_after(client: Client, **later: float) -> bool:
    with time_machine.travel(timezone.now() + timedelta(**later), tick=False):
        return is_signed_in(client)


def test_what_the_database_holds_signs_nobody_in(alice: Company) -> None:
    client = signed_in()
    [session] = Session.objects.all()
    cookie = client.cookies[COOKIE].value
    assert session.session_key == hash_of(cookie) != cookie
    for stored in (session.session_key, str(session.reference), session.session_data):
        thief = Client()
        thief.cookies[COOKIE] = stored
        assert not is_signed_in(thief)
    assert is_signed_in(client)


def test_a_link_for_a_new_password_is_not_in_a_copy_of_the_database(
    alice: Company,
) -> None:
    link = password_link(alice.people["admin"]).removeprefix(settings.PORTAL_ADDRESS)
    client = Client()
    form = client.get(link).headers["Location"]
    # The library keeps the secret of the link in the session until the form is sent.
    held = client.session["_password_reset_key"]
    assert held in link
    [session] = Session.objects.all()
    for key in (None, session.session_key, "another cookie"):
        assert SessionStore(key).decode(session.session_data) == {}
    assert db.SessionStore().decode(session.session_data) == {}
    new = "correct horse staple 9"
    answer = client.post(form, {"password1": new, "password2": new})
    assert answer.status_code == 302
    assert is_signed_in(client)


def test_the_session_says_who_where_when_and_with_what(alice: Company) -> None:
    before = timezone.now()
    signed_in(REMOTE_ADDR="192.0.2.7", headers={"User-Agent": "Firefox/1 Windows"})
    [session] = Session.objects.all()
    assert session.user == alice.people["admin"]
    assert session.address == "192.0.2.7"
    assert session.agent == "Firefox/1 Windows"
    assert session.factors == ["password"]
    assert session.begun_at is not None
    assert session.begun_at == session.last_seen_at
    assert before <= session.begun_at <= timezone.now()


@pytest.mark.parametrize(("minutes", "goes_on"), [(29, True), (30, False)])
def test_staff_are_signed_out_after_half_an_hour(
    alice: Company, minutes: int, goes_on: bool
) -> None:
    client = staff_client(StaffRole.CLERK)
    with time_machine.travel(timezone.now() + timedelta(minutes=minutes), tick=False):
        assert (client.get("/staff/").status_code == 200) is goes_on


def used_until(client: Client, path: str, *, step: timedelta, most: int) -> timedelta:
    """Use a session in steps; return when it no longer works."""
    begin = timezone.now()
    for number in range(1, most):
        with time_machine.travel(begin + number * step, tick=False):
            if client.get(path).status_code != 200:
                return number * step
    raise AssertionError("the session goes on")


def test_a_session_that_is_used_ends_too(alice: Company) -> None:
    hours, days = timedelta(hours=1), timedelta(days=1)
    member = signed_in()
    assert used_until(member, "/", step=6 * hours, most=40) == 7 * days
    staff = staff_client(StaffRole.CLERK)
    step = timedelta(minutes=20)
    assert used_until(staff, "/staff/", step=step, most=50) == 12 * hours


def test_whoever_becomes_staff_has_shorter_sessions_at_once(alice: Company) -> None:
    client = signed_in()
    assert is_in_after(client, minutes=31)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        User.objects.filter(email=ADMIN).update(staff_role=StaffRole.AUDITOR)
    with time_machine.travel(timezone.now() + timedelta(hours=2), tick=False):
        assert client.get("/switch").status_code == 302
    assert not Session.objects.exists()
    [ended] = events(EventKind.SESSION_ENDED)
    assert ended["details"] == {"reason": "time"}


def test_a_session_that_has_ended_is_never_stored_again(alice: Company) -> None:
    cookie = signed_in().cookies[COOKIE].value
    running = SessionStore(cookie)
    running["switched"] = 1
    sessions.end_sessions(alice.people["admin"].pk)
    with pytest.raises(UpdateError):
        running.save()
    assert not Session.objects.exists()


def test_a_session_that_has_ended_goes_on_under_no_other_key(alice: Company) -> None:
    running = SessionStore(signed_in().cookies[COOKIE].value)
    running["switched"] = 1
    sessions.end_sessions(alice.people["admin"].pk)
    running.cycle_key()
    assert not Session.objects.exists()
    with pytest.raises(UpdateError):
        running.save()


def test_a_new_key_is_of_the_same_session(alice: Company) -> None:
    before = SessionStore(signed_in().cookies[COOKIE].value)
    [session] = Session.objects.all()
    before.cycle_key()
    [after] = Session.objects.all()
    assert after.session_key == hash_of(str(before.session_key)) != session.session_key
    assert after.reference == session.reference
    assert dict(SessionStore(before.session_key).items()) == dict(before.items())


@pytest.fixture
def ended_while_running(alice: Company, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Give a client whose session ends while its request is running."""
    client = signed_in()
    require = memberships.require

    def slow(caller: Caller, wanted: str) -> int:
        Session.objects.all().delete()
        return require(caller, wanted)

    monkeypatch.setattr(memberships, "require", slow)
    return client


def test_whose_session_ends_while_a_request_is_running_is_told_so(
    alice: Company, ended_while_running: Client
) -> None:
    response = ended_while_running.post("/switch", {"tenant": str(alice.id)})
    assert response.status_code == 302
    assert response.headers["Location"] == "/sign-in?next=/&ended=yes"
    assert response.cookies[COOKIE].value == ""
    page = ended_while_running.get(response.headers["Location"])
    assert b"You were signed out" in page.content
    assert not Session.objects.exists()


def test_a_request_writes_nothing_and_asks_little(alice: Company) -> None:
    client = signed_in()
    client.get("/switch")
    with CaptureQueriesContext(connection) as queries:
        client.get("/signed-in")
    statements = [one["sql"] for one in queries]
    written = ("insert", "update", "delete")
    assert not [one for one in statements if one.lower().startswith(written)]
    about_session = [one for one in statements if "portal_session" in one]
    assert len(about_session) == 1


def test_the_time_of_the_last_use_is_written_once_in_a_while(alice: Company) -> None:
    client, begin = signed_in(), timezone.now()
    written = []
    for minutes in (10, 23, 25, 30, 50):
        at = begin + timedelta(minutes=minutes)
        with (
            time_machine.travel(at, tick=False),
            CaptureQueriesContext(connection) as queries,
        ):
            client.get("/signed-in")
        if any(one["sql"].startswith("UPDATE") for one in queries):
            written.append(minutes)
    assert written == [25, 50]


def test_many_requests_at_once_leave_the_session_as_it_is(alice: Company) -> None:
    cookie = signed_in().cookies[COOKIE].value

    def ask(_: int) -> bool:
        client = Client()
        client.cookies[COOKIE] = cookie
        try:
            return is_signed_in(client)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(ask, range(12)))
    assert Session.objects.count() == 1


def test_two_sign_ins_at_once_make_two_sessions(alice: Company) -> None:
    planted = Client()
    planted.get("/new-password/1/x")

    def enter(_: int) -> bool:
        client = Client()
        client.cookies.load(planted.cookies.output(header=""))
        try:
            sign_in(client, ADMIN)
            return is_signed_in(client)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(enter, range(4)))
    assert Session.objects.filter(user=alice.people["admin"]).count() == 4


def test_a_planted_cookie_is_not_the_session_afterwards(alice: Company) -> None:
    planted = "a" * 32
    client, thief = Client(), Client()
    client.cookies[COOKIE] = thief.cookies[COOKIE] = planted
    sign_in(client, ADMIN)
    assert client.cookies[COOKIE].value != planted
    assert is_signed_in(client)
    assert not is_signed_in(thief)


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "\0",
        "a\0b",
        "x" * 7_000,
        "é\udc80",
        "'; drop table portal_session; --",
        "../",
    ],
)
def test_a_hostile_cookie_is_no_session(alice: Company, cookie: str) -> None:
    assert SessionStore(cookie).load() == {}
    assert not SessionStore(cookie).exists(cookie)


def test_cookies_are_for_the_portal_and_no_script(alice: Company) -> None:
    client = signed_in()
    for name in (COOKIE, settings.KNOWN_BROWSER_COOKIE_NAME):
        cookie = client.cookies[name]
        assert cookie["httponly"], name
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert cookie["domain"] == ""


def test_signing_out_ends_the_session_and_clears_what_is_left(alice: Company) -> None:
    client = signed_in()
    cookie = client.cookies[COOKIE].value
    [session] = Session.objects.all()
    response = client.post("/sign-out")
    assert response.headers["Clear-Site-Data"] == '"cache"'
    for name in (COOKIE, settings.CSRF_COOKIE_NAME, "messages"):
        assert response.cookies[name].value == ""
    assert settings.KNOWN_BROWSER_COOKIE_NAME not in response.cookies
    client.cookies[COOKIE] = cookie
    assert not is_signed_in(client)
    [event] = events(EventKind.SIGNED_OUT)
    assert event["session"] == session.reference
    assert event["user_id"] == alice.people["admin"].pk


def test_a_changed_password_ends_all_other_sessions(alice: Company) -> None:
    here, there, others = signed_in(), signed_in(), signed_in("viewer@a-100.example")
    new = "a goose walks over the bridge"
    sent = {"oldpassword": PASSWORD, "password1": new, "password2": new}
    here.post("/change-password", sent)
    assert is_signed_in(here)
    assert is_signed_in(others)
    assert not is_signed_in(there)
    assert Session.objects.filter(user=alice.people["admin"]).count() == 1
    [ended] = events(EventKind.SESSION_ENDED)
    assert ended["details"] == {"reason": "password"}
    assert len(events(EventKind.PASSWORD_CHANGED)) == 1


def test_sessions_and_events_are_tidied_a_few_at_once(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        signed_in()
    monkeypatch.setattr(tasks, "_MOST_TIDIED", 2)
    with time_machine.travel(timezone.now() + timedelta(hours=13), tick=False):
        tasks.remove_ended_sessions()
        assert Session.objects.count() == 1
        tasks.remove_ended_sessions()
    assert Session.objects.count() == 0
    ended = events(EventKind.SESSION_ENDED)
    assert [one["details"] for one in ended] == [{"reason": "time"}] * 3


def test_only_old_events_are_removed(alice: Company) -> None:
    now = timezone.now()
    for days in (1, 399, 401, 500):
        SecurityEvent.objects.create(
            at=now - timedelta(days=days), kind=EventKind.SIGNED_IN
        )
    # Whoever asks for more does not get it.
    assert end_sessions.remove_old_events(at=now + timedelta(days=99), most=10) == 3
    kept = SecurityEvent.objects.values_list("at", flat=True)
    assert sorted((now - at).days for at in kept) == [1, 399]
