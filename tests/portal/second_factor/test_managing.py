"""Setting factors up, removing and resetting them: rules, events, mails, sessions."""

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import (
    AuditEntry,
    EventKind,
    Role,
    SecurityEvent,
    Session,
    StaffRole,
    Tenant,
    User,
)
from portal.second_factor import change
from portal.second_factor.queries import factors_of
from portal.security_events.record import Origin
from portal.tasks import send_account_mails
from portal.tenants import create
from tests.builders import NOW, PASSWORD, Company
from tests.portal.second_factor.people import (
    code_at,
    enrolled_secret,
    give_app,
    hidden,
    is_in,
    text_of,
    type_password,
)
from tests.portal.security_events.recorded import events

SET_UP = "/second-factor/set-up"


@pytest.fixture
def person(alice: Company) -> User:
    return alice.people["admin"]


@pytest.fixture
def clerk(db: None) -> User:
    return new_clerk("clara@vendor.example")


def new_clerk(email: str) -> User:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return create.add_person(
            email=email,
            name="Clara Clerk",
            password=PASSWORD,
            staff_role=StaffRole.CLERK,
            at=NOW,
        )


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def set_up_app(client: Client, **more: str) -> Any:
    """Set an app up as a person does: read the key on the page, type its code."""
    page = client.get(f"{SET_UP}/app")
    secret = page.context["secret"].replace(" ", "")
    code = code_at(timezone.now(), secret=secret)
    fields = {"sealed": hidden(page, "sealed"), "code": code, **more}
    return client.post(f"{SET_UP}/app", fields)


def require_factor(company: Company) -> None:
    with unit_of_work.acting_for(company.id):
        Tenant.objects.update(requires_second_factor=True)


def kinds_of(user: User) -> list[str]:
    return list(
        SecurityEvent.objects.filter(user=user)
        .order_by("pk")
        .values_list("kind", flat=True)
    )


# Setting up


def test_an_app_is_set_up_and_its_recovery_codes_are_shown_once(person: User) -> None:
    client, elsewhere = signed_in(person), signed_in(person)
    done = set_up_app(client, next="/files")
    assert len(done.context["codes"]) == 10
    assert 'href="/files"' in done.content.decode()
    codes = [code.replace(" ", "") for code in done.context["codes"]]
    manage = client.get("/second-factor/manage")
    assert not [code for code in codes if code in manage.content.decode()]
    assert "10 of 10 recovery codes are left" in text_of(manage)
    # The other session has not presented the factor, and has ended.
    assert is_in(client)
    assert not is_in(elsewhere)
    [event] = events(EventKind.SESSION_ENDED)
    assert (event["user_id"], event["details"]) == (person.pk, {"reason": "factor"})
    assert EventKind.FACTOR_ADDED in kinds_of(person)


def test_the_key_of_an_app_is_never_stored_while_it_is_set_up(person: User) -> None:
    client = signed_in(person)
    page = client.get(f"{SET_UP}/app")
    secret = page.context["secret"].replace(" ", "")
    assert secret not in str(dict(client.session.items()))
    assert secret not in hidden(page, "sealed")
    kind, _, picture = page.context["picture"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    # White behind it, or no camera reads it on a dark page.
    assert b'fill="white"/><path' in b64decode(picture)


def test_a_wrong_code_shows_the_same_key_again(person: User) -> None:
    client = signed_in(person)
    page = client.get(f"{SET_UP}/app")
    sealed = hidden(page, "sealed")
    again = client.post(f"{SET_UP}/app", {"sealed": sealed, "code": "000"})
    assert again.context["secret"] == page.context["secret"]
    assert "not right" in text_of(again)
    assert factors_of(person.pk).app is None


def test_a_key_that_another_person_or_page_was_shown_sets_nothing_up(
    alice: Company,
) -> None:
    page = signed_in(alice.people["viewer"]).get(f"{SET_UP}/app")
    code = code_at(timezone.now(), secret=page.context["secret"].replace(" ", ""))
    client = signed_in(alice.people["admin"])
    for sealed in (hidden(page, "sealed"), "x"):
        answer = client.post(f"{SET_UP}/app", {"sealed": sealed, "code": code})
        assert "open for too long" in text_of(answer)
    assert not factors_of(alice.people["admin"].pk).seconds


def test_the_code_that_set_an_app_up_does_not_sign_in(person: User) -> None:
    with time_machine.travel(timezone.now(), tick=False):
        set_up_app(signed_in(person))
        code = code_at(timezone.now(), secret=enrolled_secret(person))
        answer = type_password(person.email).post("/second-factor", {"code": code})
        assert "was used already" in text_of(answer)


def test_a_sign_in_that_is_not_fresh_adds_no_factor(person: User) -> None:
    client = signed_in(person)
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        answer = client.get(SET_UP)
        assert answer["Location"] == f"/confirm?next={SET_UP}"
        client.post("/confirm", {"password": PASSWORD})
        assert client.get(SET_UP).status_code == 200


def test_a_password_without_the_second_factor_adds_no_factor(person: User) -> None:
    client = signed_in(person)
    give_app(person)
    client = signed_in(person)
    answer = client.get(f"{SET_UP}/passkey")
    assert answer["Location"] == f"/confirm?next={SET_UP}/passkey"


# Enforcement


def test_staff_with_one_factor_reach_the_set_up_and_the_way_out_alone(
    clerk: User,
) -> None:
    client = type_password(clerk.email)
    wanted = "/staff/tenants"
    assert client.get(wanted)["Location"] == f"{SET_UP}?next={wanted}"
    assert client.get(f"{SET_UP}?next={wanted}").status_code == 200
    assert client.get("/second-factor/manage")["Location"].startswith(SET_UP)
    answer = client.get("/api/v1/statements")
    assert (answer.status_code, answer.json()["code"]) == (403, "second-factor-needed")
    done = set_up_app(client, next=wanted)
    assert len(done.context["codes"]) == 10
    assert client.get(wanted).status_code == 200
    assert client.post("/sign-out")["Location"] == "/sign-in"


def test_the_people_of_a_tenant_that_requires_it_set_a_factor_up(
    alice: Company, person: User
) -> None:
    client = type_password(person.email)
    assert is_in(client)
    require_factor(alice)
    assert client.get("/files?page=2")["Location"] == f"{SET_UP}?next=/files%3Fpage%3D2"
    set_up_app(client)
    assert is_in(client)


def test_a_session_without_the_factor_that_there_is_leads_to_presenting_it(
    person: User,
) -> None:
    client = signed_in(person)
    add_app_beside_sessions(person)
    assert client.get("/files")["Location"] == "/confirm?next=/files"
    answer = client.post(
        "/confirm", {"code": code_at(timezone.now()), "next": "/files"}
    )
    assert answer["Location"] == "/files"
    assert is_in(client, "/files")


def add_app_beside_sessions(person: User) -> None:
    """Leave the sessions alone, as one does that begins in the same moment."""
    kept = list(Session.objects.filter(user=person))
    give_app(person)
    for session in kept:
        session.save(force_insert=True)


def test_the_demo_setting_lets_staff_in_and_says_so(clerk: User, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    page = type_password(clerk.email).get("/staff/tenants")
    assert "Demo setting: billing staff sign in without a second factor" in text_of(
        page
    )


# Removing


def remove(client: Client, factor_id: int) -> Any:
    return client.post("/second-factor/remove", {"factor": factor_id})


def presented(user: User) -> Client:
    """Sign in with the app that `give_app` has given."""
    client = type_password(user.email)
    client.post("/second-factor", {"code": code_at(timezone.now())})
    return client


def test_the_last_factor_goes_with_its_recovery_codes_and_other_sessions(
    person: User,
) -> None:
    give_app(person)
    client, elsewhere = presented(person), signed_in(person)
    app = factors_of(person.pk).app
    assert app is not None
    answer = remove(client, app.pk)
    assert answer["Location"] == "/second-factor/manage?done=removed"
    assert factors_of(person.pk).codes is None
    assert is_in(client)
    assert not is_in(elsewhere)
    assert EventKind.FACTOR_REMOVED in kinds_of(person)
    # From now on the password is the strongest factor.
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        client.post("/confirm", {"password": PASSWORD})
        assert client.get(SET_UP).status_code == 200


def test_the_last_factor_of_somebody_who_needs_one_stays(clerk: User) -> None:
    give_app(clerk)
    client = presented(clerk)
    app = factors_of(clerk.pk).app
    assert app is not None
    answer = remove(client, app.pk)
    assert answer.status_code == 409
    assert "this is the last one" in text_of(answer)
    assert factors_of(clerk.pk).app is not None
    assert "cannot be removed" in text_of(client.get("/second-factor/manage"))


def test_two_requests_that_each_remove_one_of_two_factors_leave_one(
    clerk: User,
) -> None:
    give_app(clerk)
    origin, at = Origin(), timezone.now()
    change.add_passkey(clerk, "sealed", name="", origin=origin, at=at)
    together = Barrier(2)

    def try_to_remove(factor_id: int) -> str:
        together.wait()
        try:
            change.remove(clerk, factor_id, origin=origin, at=at)
        except Refused as error:
            return error.code
        finally:
            connection.close()
        return ""

    ids = [one.pk for one in factors_of(clerk.pk).seconds]
    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(try_to_remove, ids)) == ["", "last-factor"]
    assert len(factors_of(clerk.pk).seconds) == 1


def test_the_factor_of_another_person_is_not_found(alice: Company) -> None:
    give_app(alice.people["viewer"])
    app = factors_of(alice.people["viewer"].pk).app
    assert app is not None
    client = signed_in(alice.people["admin"])
    assert remove(client, app.pk).status_code == 404
    renamed = client.post("/second-factor/rename", {"factor": app.pk, "name": "x"})
    assert renamed.status_code == 404
    assert remove(client, "x").status_code == 404  # type: ignore[arg-type]  # typed by hand


def test_a_passkey_gets_another_name(person: User) -> None:
    at = timezone.now()
    added = change.add_passkey(person, "sealed", name="a", origin=Origin(), at=at)
    client = signed_in(person)
    session = client.session
    session["account_authentication_methods"] += [
        {"method": "mfa", "at": at.timestamp()}
    ]
    session.save()
    fields = {"factor": added.factor_id, "name": " work\n laptop "}
    client.post("/second-factor/rename", fields)
    [passkey] = factors_of(person.pk).passkeys
    assert passkey.data["name"] == "work laptop"
    client.post("/second-factor/rename", {**fields, "name": ""})
    assert factors_of(person.pk).passkeys[0].data["name"] == "work laptop"


def test_new_recovery_codes_replace_the_old_ones(person: User) -> None:
    old = give_app(person)
    client = presented(person)
    page = client.post("/second-factor/recovery-codes")
    new = [code.replace(" ", "") for code in page.context["codes"]]
    assert not set(new) & set(old)
    for code, status in ((old[0], 200), (new[0], 302)):
        other = type_password(person.email)
        assert other.post("/second-factor", {"code": code}).status_code == status
    assert EventKind.RECOVERY_CODES_MADE in kinds_of(person)


def test_recovery_codes_need_a_second_factor(person: User) -> None:
    answer = signed_in(person).post("/second-factor/recovery-codes")
    assert answer.status_code == 409
    assert factors_of(person.pk).codes is None


def test_each_change_is_mailed_to_the_person(
    person: User, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    codes = give_app(person)
    type_password(person.email).post("/second-factor", {"code": codes[0]})
    origin, at = Origin(address="192.0.2.1"), timezone.now()
    change.renew_codes(person, origin=origin, at=at)
    app = factors_of(person.pk).app
    assert app is not None
    change.remove(person, app.pk, origin=origin, at=at)
    send_account_mails()
    assert [mail.subject for mail in mailoutbox] == [
        "A second factor was added to your account",
        "A recovery code was used",
        "New recovery codes were made for your account",
        "A second factor was removed from your account",
    ]
    assert not [mail for mail in mailoutbox if "new-password/" in mail.body]


# Resetting


def reset(user: User, *, by: Client, of: str = "/people/members") -> int:
    return by.post(f"{of}/{user.pk}/reset-factors").status_code


def test_an_admin_resets_the_factors_of_somebody_of_the_tenant(
    alice: Company, person: User
) -> None:
    viewer = alice.people["viewer"]
    give_app(viewer)
    client = presented(viewer)
    assert reset(viewer, by=signed_in(alice.people["admin"])) == 302
    assert factors_of(viewer.pk).seconds == ()
    assert not is_in(client)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        event = SecurityEvent.objects.get(kind=EventKind.FACTORS_RESET)
    admin = alice.people["admin"].email
    assert (event.user_id, event.actor) == (viewer.pk, admin)
    # Members set a new one up at once.
    again = type_password(viewer.email)
    assert is_in(again)
    assert set_up_app(again).status_code == 200


def test_others_cannot_reset_anybody(
    alice: Company, charlie: Company, clerk: User
) -> None:
    viewer, admin = alice.people["viewer"], alice.people["admin"]
    give_app(viewer)
    give_app(clerk)
    stranger, staff = charlie.people["admin"], "/staff/people"
    assert reset(viewer, by=signed_in(stranger)) == 404
    assert reset(viewer, by=signed_in(alice.people["uploader"])) == 403
    assert reset(clerk, by=signed_in(admin)) == 404
    assert reset(clerk, by=signed_in(admin), of=staff) == 403
    assert reset(clerk, by=signed_in(clerk), of=staff) == 302
    assert factors_of(viewer.pk).seconds
    assert factors_of(clerk.pk).seconds


def test_an_admin_of_one_tenant_cannot_weaken_a_partner_of_two(
    alice: Company, charlie: Company, clerk: User
) -> None:
    partner = alice.people["uploader"]
    give_app(partner)
    with unit_of_work.acting_for(unit_of_work.STAFF):
        create.add_member(
            charlie.id, user=partner, role=Role.VIEWER, by="test", at=timezone.now()
        )
    admin = signed_in(charlie.people["admin"])
    page = admin.post(f"/people/members/{partner.pk}/reset-factors", follow=True)
    assert "belongs to several companies" in page.content.decode()
    assert factors_of(partner.pk).seconds
    # The billing team can, and both tenants see it.
    assert reset(partner, by=signed_in(clerk), of="/staff/people") == 302
    assert factors_of(partner.pk).seconds == ()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        entries = AuditEntry.objects.filter(act="second-factor-reset")
        assert set(entries.values_list("tenant", flat=True)) == {
            *(alice.id, charlie.id, None)
        }
    # Members do not wait for a new one.
    assert set_up_app(type_password(partner.email)).status_code == 200


def test_staff_wait_a_day_after_a_reset(clerk: User) -> None:
    give_app(clerk)
    other = new_clerk("otto@vendor.example")
    assert reset(clerk, by=signed_in(other), of="/staff/people") == 302
    client = type_password(clerk.email)
    page = client.get(SET_UP)
    assert "You have to wait" in text_of(page)
    answer = set_up_app(client)
    assert answer.status_code == 403
    assert factors_of(clerk.pk).seconds == ()
    assert client.get("/staff/tenants").status_code == 302
    with time_machine.travel(timezone.now() + timedelta(hours=24, minutes=1)):
        client = type_password(clerk.email)
        assert "You have to wait" not in text_of(client.get(SET_UP))
        assert set_up_app(client).status_code == 200


def test_the_last_clerk_is_helped_on_the_machine(clerk: User, capsys: Any) -> None:
    give_app(clerk)
    client = presented(clerk)
    call_command("reset_factors", "Clara@vendor.example")
    assert "has no second factor now" in capsys.readouterr().out
    assert not is_in(client, "/staff/tenants")
    client = type_password(clerk.email)
    assert set_up_app(client).status_code == 200
    with pytest.raises(CommandError, match="Nobody has an account"):
        call_command("reset_factors", "nobody@vendor.example")
