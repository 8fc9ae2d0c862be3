"""The second factor of a sign-in: codes count once, wrong ones are bounded."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.accounts.password_links import password_link
from portal.accounts.sessions import SessionStore
from portal.models import AccountMail, EventKind, SecurityEvent, Session, User
from portal.second_factor.queries import factors_of
from tests.builders import PASSWORD, Company
from tests.portal.second_factor.people import (
    SECRET,
    code_at,
    give_app,
    is_in,
    text_of,
    type_password,
)

EMAIL = "admin@a-100.example"


@pytest.fixture
def person(alice: Company) -> User:
    return alice.people["admin"]


@pytest.fixture
def codes(person: User) -> tuple[str, ...]:
    return give_app(person)


def test_the_password_alone_signs_nobody_in_who_has_a_second_factor(
    codes: tuple[str, ...],
) -> None:
    client = type_password(EMAIL)
    assert not is_in(client)
    page = client.get("/second-factor")
    assert "One more step" in text_of(page)
    # The library's own pages have no addresses here.
    assert client.get("/accounts/2fa/authenticate/").status_code == 404


def test_a_code_of_the_app_completes_the_sign_in(
    person: User, codes: tuple[str, ...]
) -> None:
    client = type_password(EMAIL, path="/sign-in?next=/files")
    answer = client.post("/second-factor", {"code": code_at(timezone.now())})
    assert answer.headers["Location"] == "/files"
    assert is_in(client)
    session = Session.objects.get(user=person)
    assert session.factors == ["password", "totp"]


def test_a_link_for_a_new_password_ends_in_the_second_factor(
    person: User, codes: tuple[str, ...]
) -> None:
    client = Client()
    path = password_link(person).partition("://")[2]
    page = client.get(path[path.index("/") :])
    new = "a goose walks over the bridge"
    answer = client.post(page["Location"], {"password1": new, "password2": new})
    assert answer["Location"] == "/second-factor"
    assert not is_in(client)
    client.post("/second-factor", {"code": code_at(timezone.now())})
    assert is_in(client)


def test_a_code_works_once(codes: tuple[str, ...]) -> None:
    code = code_at(timezone.now())
    type_password(EMAIL).post("/second-factor", {"code": code})
    second = type_password(EMAIL)
    answer = second.post("/second-factor", {"code": code})
    assert "was used already" in text_of(answer)
    assert not is_in(second)


def test_a_code_of_an_earlier_step_than_the_last_one_is_refused(
    codes: tuple[str, ...],
) -> None:
    now = timezone.now()
    type_password(EMAIL).post("/second-factor", {"code": code_at(now, steps=1)})
    answer = type_password(EMAIL).post("/second-factor", {"code": code_at(now)})
    assert "was used already" in text_of(answer)


def test_a_recovery_code_works_once_and_is_mailed(
    person: User, codes: tuple[str, ...]
) -> None:
    typed = f" {codes[3][:4]} {codes[3][4:8]}-{codes[3][8:]}"
    client = type_password(EMAIL)
    client.post("/second-factor", {"code": typed})
    assert is_in(client)
    assert factors_of(person.pk).codes_left == 9
    again = type_password(EMAIL)
    assert "was used already" in text_of(again.post("/second-factor", {"code": typed}))
    assert not is_in(again)
    event = SecurityEvent.objects.filter(kind=EventKind.RECOVERY_CODE_USED)
    assert event.count() == 1
    assert sent_mails() == ["factor-added", "recovery-code-used"]


def sent_mails() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("set role portal_staff")
        found = list(AccountMail.objects.order_by("pk").values_list("kind", flat=True))
        cursor.execute("reset role")
    return found


def test_five_wrong_codes_lock_the_codes_for_a_quarter_of_an_hour(
    person: User, codes: tuple[str, ...]
) -> None:
    client = type_password(EMAIL)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for _ in range(5):
            answer = client.post("/second-factor", {"code": "1"})
            assert "not right" in text_of(answer)
        right = {"code": code_at(timezone.now())}
        assert "5 wrong tries" in text_of(client.post("/second-factor", right))
        # Also from another browser, and with a recovery code.
        other = type_password(EMAIL)
        answer = other.post("/second-factor", {"code": codes[0]})
        assert "5 wrong tries" in text_of(answer)
        clock.shift(timedelta(minutes=15, seconds=1))
        late = type_password(EMAIL)
        late.post("/second-factor", {"code": code_at(timezone.now())})
        assert is_in(late)
    kinds = SecurityEvent.objects.filter(user=person).values_list("kind", flat=True)
    assert list(kinds).count(EventKind.FACTOR_FAILED) == 5
    assert list(kinds).count(EventKind.SIGN_IN_LOCKED) == 2


def test_a_success_gives_no_further_tries(codes: tuple[str, ...]) -> None:
    attacker = type_password(EMAIL)
    for _ in range(4):
        attacker.post("/second-factor", {"code": "1"})
    owner = type_password(EMAIL)
    owner.post("/second-factor", {"code": code_at(timezone.now())})
    assert is_in(owner)
    attacker.post("/second-factor", {"code": "1"})
    answer = attacker.post("/second-factor", {"code": "1"})
    assert "5 wrong tries" in text_of(answer)


@pytest.mark.parametrize(
    ("steps", "text"), [(6, "3 minutes fast"), (-8, "4 minutes slow")]
)
def test_a_phone_that_is_minutes_off_is_told_so_and_not_accepted(
    codes: tuple[str, ...], steps: int, text: str
) -> None:
    client = type_password(EMAIL)
    code = code_at(timezone.now(), steps=steps)
    answer = client.post("/second-factor", {"code": code})
    assert text in text_of(answer)
    assert not is_in(client)


def test_a_code_that_was_shown_to_be_early_is_not_accepted_later(
    codes: tuple[str, ...],
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        code = code_at(timezone.now(), steps=6)
        type_password(EMAIL).post("/second-factor", {"code": code})
        clock.shift(timedelta(minutes=3))
        client = type_password(EMAIL)
        answer = client.post("/second-factor", {"code": code})
        assert "was used already" in text_of(answer)
        client.post("/second-factor", {"code": code_at(timezone.now(), steps=1)})
        assert is_in(client)


def test_two_requests_with_one_code_let_one_in(codes: tuple[str, ...]) -> None:
    code = code_at(timezone.now())
    assert sorted(at_once([code, code])) == [200, 302]


def test_two_requests_with_one_recovery_code_let_one_in(
    codes: tuple[str, ...],
) -> None:
    assert sorted(at_once([codes[0], codes[0]])) == [200, 302]


def test_two_requests_with_two_recovery_codes_use_both(
    person: User, codes: tuple[str, ...]
) -> None:
    assert at_once([codes[0], codes[1]]) == [302, 302]
    assert factors_of(person.pk).codes_left == 8


def at_once(codes: list[str]) -> list[int]:
    clients = [type_password(EMAIL) for _ in codes]
    together = Barrier(len(codes))

    def send(client: Client, code: str) -> int:
        together.wait()
        try:
            return client.post("/second-factor", {"code": code}).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(len(codes)) as threads:
        return list(threads.map(send, clients, codes))


def test_guesses_sent_at_once_are_all_counted(codes: tuple[str, ...]) -> None:
    at_once(["1"] * 8)
    failed = SecurityEvent.objects.filter(kind=EventKind.FACTOR_FAILED)
    assert failed.count() == 5


def test_a_sign_in_that_waits_for_its_factor_ends_after_a_reset(
    person: User, codes: tuple[str, ...]
) -> None:
    client = type_password(EMAIL)
    Authenticator.objects.filter(user=person).delete()
    assert client.get("/second-factor")["Location"] == "/sign-in"
    assert not is_in(client)


def test_who_has_no_sign_in_waiting_is_sent_to_begin_one(alice: Company) -> None:
    client = Client()
    assert client.get("/second-factor")["Location"] == "/sign-in"
    assert client.post("/second-factor/options").status_code == 302
    client.force_login(alice.people["admin"])
    assert client.get("/second-factor")["Location"] == "/second-factor/manage"


def stored_texts() -> str:
    """Return all that a copy of the database has, as text."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select string_agg(a::text, '') from mfa_authenticator a)"
            " || (select string_agg(s::text, '') from portal_session s)"
            " || (select coalesce(string_agg(e.id::text, ''), '')"
            "     from portal_securityevent e)"
        )
        ((found,),) = cursor.fetchall()
    return str(found)


def test_a_new_password_ends_sign_ins_that_have_begun(
    person: User, codes: tuple[str, ...]
) -> None:
    begun = type_password(EMAIL)
    path = password_link(person).removeprefix(settings.PORTAL_ADDRESS)
    owner = Client()
    new = "correct horse staple 9"
    form = owner.get(path)["Location"]
    owner.post(form, {"password1": new, "password2": new})
    answer = begun.post("/second-factor", {"code": codes[0]})
    assert answer["Location"] == "/sign-in"
    assert not is_in(begun)
    # That of the owner goes on, and the code was not used up.
    owner.post("/second-factor", {"code": codes[0]})
    assert is_in(owner)


def test_a_copy_of_the_database_has_no_secret_that_lets_anybody_in(
    person: User, codes: tuple[str, ...]
) -> None:
    client = type_password(EMAIL)
    client.post("/second-factor", {"code": code_at(timezone.now())})
    assert is_in(client)
    stored = stored_texts()
    session = Session.objects.get(user=person)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    decoded = str(SessionStore(cookie).decode(session.session_data))
    assert "mfa" in decoded
    for text in (stored, decoded):
        assert SECRET not in text
        assert str(client.session.session_key) not in text
        assert not [code for code in codes if code in text]


@pytest.mark.parametrize("kind", ["totp", "recovery_codes"])
def test_a_row_that_is_moved_to_another_person_lets_nobody_in(
    alice: Company, codes: tuple[str, ...], kind: str
) -> None:
    viewer = alice.people["viewer"]
    give_app(viewer, secret="GEZDGNBVGY3TQOJQ" * 2)
    Authenticator.objects.filter(user=viewer).delete()
    Authenticator.objects.filter(user=alice.people["admin"]).update(user=viewer)
    client = type_password("viewer@a-100.example")
    code = code_at(timezone.now()) if kind == "totp" else codes[0]
    answer = client.post("/second-factor", {"code": code})
    assert "not right" in text_of(answer)
    assert not is_in(client)


def test_the_passwords_tries_are_counted_apart(codes: tuple[str, ...]) -> None:
    client = type_password(EMAIL)
    for _ in range(5):
        client.post("/second-factor", {"code": "1"})
    # The password still leads to the second factor.
    fresh = Client()
    answer = fresh.post("/sign-in", {"login": EMAIL, "password": PASSWORD})
    assert answer["Location"] == "/second-factor"
