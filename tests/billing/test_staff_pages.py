"""The pages of the billing staff: who may come in, what they show, what they change."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.staff.setup_file import hand_over
from billing.staff.tenant_views import TENANTS_A_PAGE
from portal import access, tenants
from portal.doors import LONGEST_FORM
from portal.members import May
from portal.models import ApiToken, AuditEntry, Membership, StaffRole, Tenant, User
from portal.registry import DOORS
from tests.builders import NOW, PASSWORD, Company
from usage import intake, requests
from usage.models import FileState, SealingKey, Server, UsageFile
from usage.server_request import Kind, ServerRequest
from usage.undecided import proposed_keys
from usage.usg import fingerprint

DAY = date(2026, 5, 7)
PLACE = {
    "number": "200001",
    "name": "Trial Company",
    "zone": "Europe/Berlin",
    "first_owed_on": "2026-04-28",
    "licence_keys": ["I3_FEATURE_USAGE_TRACKING_LOCAL"],
    "admin_name": "Ida Trial",
    "admin_email": "Ida@trial.example",
}


def staff(role: str) -> User:
    with access.acting_for(access.STAFF):
        return tenants.add_person(
            email=f"{role}@vendor.example",
            name=role.title(),
            password=PASSWORD,
            staff_role=role,
            at=NOW,
        )


def signed_in(person: User, **wish: Any) -> Client:
    client = Client(raise_request_exception=False, **wish)
    client.force_login(person)
    return client


@pytest.fixture
def clerk(db: None) -> Client:
    return signed_in(staff(StaffRole.CLERK))


@pytest.fixture
def auditor(db: None) -> Client:
    return signed_in(staff(StaffRole.AUDITOR))


def held_file(company: Company) -> UsageFile:
    return company.send(company.writer("IC02").day(DAY), name="strange.usg")[0]


def conflict(company: Company) -> tuple[UsageFile, UsageFile]:
    first, _ = company.send(company.server.day(DAY), name="first.usg")
    company.server.sequence -= 1
    company.server.previous = None
    second, _ = company.send(company.server.day(DAY, zone="UTC"), name="second.usg")
    return first, second


def reading(company: Company, file: UsageFile) -> list[str]:
    """The addresses that show something."""
    tenant = f"/staff/tenants/{company.number}"
    pages = ["/staff/tenants", tenant, f"{tenant}/files", "/staff/held", "/staff/inbox"]
    return [*pages, f"/staff/held/{file.pk}"]


def acting(company: Company, file: UsageFile) -> list[str]:
    """The addresses that change something."""
    tenant = f"/staff/tenants/{company.number}"
    person = company.people["admin"].pk
    files = [
        f"/staff/held/{file.pk}/{act}"
        for act in ("day", "refuse", "choose", "both", "reopen")
    ]
    return [
        *files,
        "/staff/open-tenant",
        "/staff/inbox/1/retry",
        f"{tenant}/key",
        f"{tenant}/set-up",
        f"{tenant}/upload",
        f"{tenant}/people/{person}/invite",
        f"{tenant}/tokens/1/revoke",
        f"{tenant}/server-keys/2/confirm",
    ]


def facts(company: Company) -> list[int]:
    """Count whatever an act could have changed."""
    with access.acting_for(access.STAFF, reading=True):
        models = (AuditEntry, Tenant, SealingKey, ApiToken, UsageFile)
        refused = UsageFile.objects.filter(state=FileState.REFUSED)
        return [*(model._default_manager.count() for model in models), refused.count()]


# Who may come in


def test_a_clerk_sees_every_page(alice: Company, clerk: Client) -> None:
    for address in reading(alice, held_file(alice)):
        assert clerk.get(address).status_code == 200, address


def test_an_auditor_sees_every_page_and_no_button_that_acts(
    alice: Company, auditor: Client
) -> None:
    file = held_file(alice)
    _, second = conflict(alice)
    for address in [*reading(alice, file), f"/staff/held/{second.pk}"]:
        answer = auditor.get(address)
        assert answer.status_code == 200, address
        page = answer.content.decode()
        main = page[page.index("<main") :]
        forms = [
            part for part in main.split("<form")[1:] if "method=" in part.split(">")[0]
        ]
        assert all("<button" not in form.split("</form>")[0] for form in forms)
        assert "/staff/open-tenant" not in main


def test_an_auditor_changes_nothing(alice: Company, auditor: Client) -> None:
    file = held_file(alice)
    before = facts(alice)
    for address in acting(alice, file):
        assert auditor.post(address, {"reason": "I say so"}).status_code == 403
    assert auditor.get("/staff/open-tenant").status_code == 403
    assert facts(alice) == before


@pytest.mark.parametrize("role", ["admin", "uploader", "viewer"])
def test_people_of_a_tenant_see_nothing_of_it(
    alice: Company, charlie: Company, role: str
) -> None:
    file = held_file(alice)
    before = facts(alice)
    for company in (alice, charlie):
        client = signed_in(company.people[role])
        for address in reading(alice, file):
            answer = client.get(address)
            assert answer.status_code == 403, address
            assert b"strange.usg" not in answer.content
        for address in acting(alice, file):
            assert client.post(address, {"reason": "I say so"}).status_code == 403
    assert facts(alice) == before


def test_nobody_is_asked_to_sign_in(alice: Company) -> None:
    file = held_file(alice)
    for address in reading(alice, file):
        answer = Client().get(address)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in")


def test_a_token_is_no_member_of_the_staff(alice: Company) -> None:
    headers = {"Authorization": f"Bearer {alice.issue('manage')}"}
    answer = Client(headers=headers).get("/staff/tenants")
    assert answer.status_code == 302


def test_a_forged_form_changes_nothing(alice: Company) -> None:
    client = signed_in(staff(StaffRole.CLERK), enforce_csrf_checks=True)
    file = held_file(alice)
    before = facts(alice)
    for address in acting(alice, file):
        assert client.post(address, {"reason": "I say so"}).status_code == 403, address
    assert facts(alice) == before


def test_what_there_is_not_is_not_found(alice: Company, clerk: Client) -> None:
    nothing = "11111111-1111-1111-1111-111111111111"
    for address in ("/staff/tenants/999", f"/staff/held/{nothing}"):
        assert clerk.get(address).status_code == 404
    for address in (
        "/staff/tenants/999/key",
        f"/staff/held/{nothing}/refuse",
        f"/staff/tenants/{alice.number}/tokens/999/revoke",
        f"/staff/tenants/{alice.number}/server-keys/999/confirm",
        f"/staff/tenants/{alice.number}/people/999/invite",
    ):
        assert clerk.post(address, {"reason": "why"}).status_code == 404, address


def test_a_key_of_another_tenant_is_not_confirmed_here(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    held_file(alice)
    with access.acting_for(alice.id, reading=True):
        [(key, _)] = proposed_keys()
    address = f"/staff/tenants/{charlie.number}/server-keys/{key.pk}/confirm"
    assert clerk.post(address, {"reason": "why"}).status_code == 404


def test_staff_without_a_tenant_begin_at_the_desk(clerk: Client) -> None:
    assert clerk.get("/")["Location"] == "/staff/"


# The list


def many(count: int, *, first: int = 0) -> None:
    with access.acting_for(access.STAFF):
        Tenant.objects.bulk_create(
            Tenant(
                number=f"9{number:05}",
                name=f"Company {number:05}",
                zone="Asia/Kolkata",
                first_owed_on=DAY,
                created_at=NOW,
            )
            for number in range(first, first + count)
        )


def queries_of(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


def test_the_lists_cost_the_same_for_3_tenants_and_for_60(
    alice: Company, clerk: Client
) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY))
    many(2)
    addresses = ["/staff/tenants", "/staff/held"]
    few = [queries_of(clerk, address) for address in addresses]
    many(57, first=2)
    for number in range(5):
        alice.send(alice.writer(f"NEW{number}").day(DAY))
    assert [queries_of(clerk, address) for address in addresses] == few


def test_the_page_of_a_tenant_costs_the_same_with_more_of_everything(
    alice: Company, clerk: Client
) -> None:
    page, files = (f"/staff/tenants/{alice.number}{end}" for end in ("", "/files"))
    held_file(alice)
    alice.send(alice.server.day(DAY))
    few = [queries_of(clerk, page), queries_of(clerk, files)]
    for data in alice.server.days(DAY + timedelta(days=1), DAY + timedelta(days=9)):
        alice.send(data)
    for number in range(3):
        alice.send(alice.writer(f"NEW{number}").day(DAY))
        alice.issue("read")
    assert [queries_of(clerk, page), queries_of(clerk, files)] == few


def test_the_list_is_searched_and_paged(alice: Company, clerk: Client) -> None:
    many(TENANTS_A_PAGE)
    first = clerk.get("/staff/tenants").content.decode()
    assert "Alice Assurance" in first
    assert "?page=2" in first
    second = clerk.get("/staff/tenants?page=2").content.decode()
    assert "Alice Assurance" not in second
    found = clerk.get("/staff/tenants?q=a-1").content.decode()
    assert "Alice Assurance" in found
    assert "Company 00001" not in found
    assert "No tenant has" in clerk.get("/staff/tenants?q=zzz").content.decode()


def test_the_list_says_what_there_is_of_each(alice: Company, clerk: Client) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY))
    page = clerk.get("/staff/tenants").content.decode()
    with access.acting_for(alice.id, reading=True):
        assert SealingKey.objects.get().fingerprint in page
    assert "20 May 2026, 20:00" in page
    assert "CEST" in page


def test_without_tenants_the_way_to_the_first_is_shown(
    clerk: Client, auditor: Client
) -> None:
    assert "Open the first tenant" in clerk.get("/staff/tenants").content.decode()
    assert "Open the first" not in auditor.get("/staff/tenants").content.decode()


# Opening a tenant


def test_a_tenant_is_opened_with_all_that_it_needs(clerk: Client) -> None:
    answer = clerk.post("/staff/open-tenant", PLACE, follow=True)
    assert answer.redirect_chain == [("/staff/tenants/200001", 302)]
    with access.acting_for(access.STAFF, reading=True):
        tenant = Tenant.objects.get()
        admin = Membership.objects.select_related("user").get(role="admin").user
        acts = set(AuditEntry.objects.values_list("act", "actor"))
    assert (admin.email, admin.name) == ("ida@trial.example", "Ida Trial")
    assert not admin.has_usable_password()
    wanted = {"tenant-opened", "licences-recorded", "key-made", "member-added"}
    assert {act for act, _ in acts} == wanted
    assert {actor for _, actor in acts} == {"clerk@vendor.example"}
    with access.acting_for(tenant.pk, reading=True):
        key = SealingKey.objects.get()
    page = answer.content.decode()
    assert key.fingerprint in page
    assert "Next: hand over the server set-up." in page


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("number", "A-100", "already"),
        ("number", "../etc", "letters"),
        ("name", "", "required"),
        ("zone", "Mars/Olympus", "valid choice"),
        ("first_owed_on", "2026-02-30", "valid date"),
        ("licence_keys", ["I3_OTHER"], "valid choice"),
        ("admin_email", "nobody", "valid email"),
    ],
)
def test_a_field_that_is_wrong_is_told_there_and_nothing_is_opened(
    alice: Company, clerk: Client, field: str, value: Any, said: str
) -> None:
    before = facts(alice)
    answer = clerk.post("/staff/open-tenant", {**PLACE, field: value})
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert said in str(errors[field])
    assert facts(alice) == before


def test_what_fails_in_the_middle_leaves_nothing_half_done(
    alice: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = facts(alice)

    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(tenants, "add_member", broken)
    assert clerk.post("/staff/open-tenant", PLACE).status_code == 500
    assert facts(alice) == before
    assert not User.objects.filter(email="ida@trial.example").exists()


def test_a_partner_gets_one_more_tenant_and_no_second_sign_in(
    alice: Company, clerk: Client
) -> None:
    email = alice.people["uploader"].email
    clerk.post("/staff/open-tenant", {**PLACE, "admin_email": email.upper()})
    user = User.objects.get(email=email)
    assert user.has_usable_password()
    assert Membership.objects.filter(user=user).count() == 2


# Acts for one tenant


def test_another_key_is_issued_and_the_older_one_stays(
    alice: Company, clerk: Client
) -> None:
    page = f"/staff/tenants/{alice.number}"
    clerk.post(f"{page}/key")
    with access.acting_for(alice.id, reading=True):
        prints = [key.fingerprint for key in SealingKey.objects.all()]
    shown = clerk.get(page).content.decode()
    assert len(prints) == 2
    assert all(one in shown for one in prints)


def test_the_set_up_is_one_file_with_a_token_that_works(
    alice: Company, clerk: Client, api: Callable[..., Any]
) -> None:
    answer = clerk.post(f"/staff/tenants/{alice.number}/set-up")
    text = answer.content.decode()
    assert answer["Content-Disposition"] == (
        'attachment; filename="usage-portal-A-100.txt"'
    )
    assert "no-store" in answer["Cache-Control"]
    token = next(part for part in text.split() if part.startswith("usg_"))
    assert api("GET", "/files", token=token).status_code == 200
    key = "\r\n".join(
        ("usg-key 1", "kind: sealing-public", f"public: {alice.sealing_public.hex()}")
    )
    for part in (key, "http://", "A-100", "keys signing", "Content-Digest", "curl"):
        assert part in text
    assert "&" not in text.replace("$", "").split("PowerShell")[0]
    with access.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="set-up-handed-over")
    assert entry.actor == "clerk@vendor.example"
    page = clerk.get(f"/staff/tenants/{alice.number}").content.decode()
    assert token not in page
    assert "server set-up" in page


def test_without_a_sealing_key_there_is_no_set_up_and_no_token(
    db: None, clerk: Client
) -> None:
    many(1)
    with access.acting_for(access.STAFF, reading=True):
        tenant = Tenant.objects.get()
    assert hand_over(tenant, by="test", at=NOW) is None
    answer = clerk.post(f"/staff/tenants/{tenant.number}/set-up", follow=True)
    assert "Issue a sealing key first" in answer.content.decode()
    with access.acting_for(access.STAFF, reading=True):
        assert not ApiToken.objects.exists()


def test_a_revoked_token_lets_nobody_in(
    alice: Company, clerk: Client, api: Callable[..., Any]
) -> None:
    with access.acting_for(alice.id, reading=True):
        token = ApiToken.objects.get()
    for _ in range(2):
        clerk.post(f"/staff/tenants/{alice.number}/tokens/{token.pk}/revoke")
    assert api("GET", "/files", token=alice.token).status_code == 401
    with access.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="token-revoked").count() == 1


def test_a_key_is_confirmed_on_behalf_of_the_customer_with_a_reason(
    alice: Company, clerk: Client
) -> None:
    writer = alice.writer("IC02")
    file, _ = alice.send(writer.day(DAY))
    with access.acting_for(alice.id, reading=True):
        [(key, waiting)] = proposed_keys()
    assert (key.fingerprint, waiting) == (fingerprint(writer.pair.public), 1)
    address = f"/staff/tenants/{alice.number}/server-keys/{key.pk}/confirm"
    answer = clerk.post(address, {"reason": " "}, follow=True)
    assert "needs a reason" in answer.content.decode()
    clerk.post(address, {"reason": "Read to me by Ms Trial"})
    with access.acting_for(alice.id, reading=True):
        assert UsageFile.objects.get(pk=file.pk).state == FileState.ACCEPTED
        entry = AuditEntry.objects.filter(act="server-key-confirmed").last()
    assert entry is not None
    assert entry.details["reason"] == "Read to me by Ms Trial"
    assert entry.actor == "clerk@vendor.example"


def test_who_has_never_signed_in_gets_the_link_again(
    alice: Company, clerk: Client, mailoutbox: list[Any]
) -> None:
    person = alice.people["viewer"]
    address = f"/staff/tenants/{alice.number}/people/{person.pk}/invite"
    answer = clerk.post(address, follow=True)
    assert "on its way to viewer@a-100.example" in answer.content.decode()
    with access.acting_for(access.STAFF):
        User.objects.filter(pk=person.pk).update(last_login=NOW)
    assert clerk.post(address).status_code == 404


def asked(company: Company) -> ServerRequest:
    with access.acting_for(company.id, reading=True):
        server = Server.objects.get()
    wish = requests.Wish(
        server_id=server.pk, kind=Kind.LAST_DAY, day=DAY, reason="sold <it>"
    )
    request = requests.ask(company.id, wish=wish, by="admin@a-100.example", at=NOW)
    assert request is not None
    return request


def test_a_request_of_a_customer_is_approved_on_their_page(
    alice: Company, clerk: Client
) -> None:
    request = asked(alice)
    page = f"/staff/tenants/{alice.number}"
    assert "“sold &lt;it&gt;”" in clerk.get(page).content.decode()
    waiting = clerk.get("/staff/held").content.decode()
    assert f"{page}#request-{request.pk}" in waiting
    address = f"{page}/requests/{request.pk}"
    clerk.post(f"{address}/approve")
    with access.acting_for(alice.id, reading=True):
        assert Server.objects.get().retired_on == DAY
    answer = clerk.post(f"{address}/refuse", {"reason": "no"}, follow=True)
    assert "your decision was not made" in answer.content.decode()


def test_a_request_of_a_customer_is_refused_for_a_reason(
    alice: Company, charlie: Company, clerk: Client
) -> None:
    request = asked(alice)
    page = f"/staff/tenants/{alice.number}"
    foreign = f"/staff/tenants/{charlie.number}/requests/{request.pk}/approve"
    assert clerk.post(foreign).status_code == 404
    address = f"{page}/requests/{request.pk}/refuse"
    answer = clerk.post(address, {"reason": ""}, follow=True)
    assert "needs a reason" in answer.content.decode()
    answer = clerk.post(address, {"reason": "It still writes"}, follow=True)
    assert "The request is refused." in answer.content.decode()
    assert "sold" not in answer.content.decode()
    with access.acting_for(alice.id, reading=True):
        assert Server.objects.get().retired_on is None


# Uploading for them


def usg(name: str, data: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def test_files_are_uploaded_on_behalf_of_a_customer(
    alice: Company, clerk: Client
) -> None:
    days = alice.server.days(DAY, DAY + timedelta(days=1))
    files = [usg(f"{number}.usg", data) for number, data in enumerate(days)]
    files.append(usg("notes.usg", b"hello"))
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, {"files": files, "end": "end"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert page.count("Accepted") == 2
    assert "Rejected" in page
    assert "not a usage file" in page
    assert "cut on its way" not in page
    with access.acting_for(alice.id, reading=True):
        kept = list(UsageFile.objects.filter(state=FileState.ACCEPTED))
        entries = AuditEntry.objects.filter(act="file-accepted")
        actors = set(entries.values_list("actor", flat=True))
    name = "clerk@vendor.example for the customer"
    assert {(one.how, one.sent_by) for one in kept} == {("form", name)}
    assert actors == {name}


def test_a_form_that_was_cut_is_noticed(alice: Company, clerk: Client) -> None:
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, {"files": [usg("1.usg", alice.server.day(DAY))]})
    assert "cut on its way" in answer.content.decode()
    assert [one.state for one in alice.files()] == [FileState.ACCEPTED]


def test_a_form_that_is_too_large_is_not_even_begun(
    alice: Company, clerk: Client
) -> None:
    address = f"/staff/tenants/{alice.number}/upload"
    answer = clerk.post(address, b"", "multipart/form-data; boundary=x")
    assert answer.status_code != 413
    length = str(LONGEST_FORM + 1)
    answer = clerk.generic(
        "POST", address, b"", "multipart/form-data", CONTENT_LENGTH=length
    )
    assert answer.status_code == 413
    assert "256 MB" in answer.content.decode()


# Deciding


def test_a_day_is_assigned_by_the_page(alice: Company, clerk: Client) -> None:
    data = alice.server.day(DAY, zone="Mars/Olympus")
    file, _ = alice.send(data)
    page = f"/staff/held/{file.pk}"
    assert "Its clock or zone cannot be right" in clerk.get(page).content.decode()
    answer = clerk.post(f"{page}/day", {"day": "soon", "reason": "x"}, follow=True)
    assert "valid date" in answer.content.decode()
    answer = clerk.post(
        f"{page}/day", {"day": "2026-05-07", "reason": "as told"}, follow=True
    )
    assert "is now: accepted" in answer.content.decode()
    assert "It counts." in answer.content.decode()
    again = {"day": "2026-05-07", "reason": "x"}
    answer = clerk.post(f"{page}/day", again, follow=True)
    assert "Look at what is there now" in answer.content.decode()


def test_a_file_is_refused_and_taken_back_by_the_page(
    alice: Company, clerk: Client
) -> None:
    file = held_file(alice)
    page = f"/staff/held/{file.pk}"
    answer = clerk.post(f"{page}/refuse", {"reason": ""}, follow=True)
    assert "needs a reason" in answer.content.decode()
    answer = clerk.post(f"{page}/refuse", {"reason": "not theirs"}, follow=True)
    assert "It does not count, by decision." in answer.content.decode()
    answer = clerk.post(f"{page}/reopen", {"reason": "theirs after all"}, follow=True)
    assert "is now: held" in answer.content.decode()


def test_of_two_files_one_is_chosen_by_the_page(alice: Company, clerk: Client) -> None:
    first, second = conflict(alice)
    alice.server.previous = bytes(second.sha256)
    alice.send(alice.server.day(DAY + timedelta(days=1)), name="third.usg")
    page = f"/staff/held/{second.pk}"
    shown = clerk.get(page).content.decode()
    assert "Two files claim number 1 of IC01." in shown
    assert "because number 2 follows it" in shown
    wish = {
        "counts": str(second.pk),
        "seen": [str(first.pk), str(second.pk)],
        "reason": "snapshot",
    }
    assert clerk.post(f"{page}/choose", {**wish, "counts": "x"}).status_code == 404
    answer = clerk.post(f"{page}/choose", wish, follow=True)
    assert "second.usg is now: accepted" in answer.content.decode()
    answer = clerk.post(f"{page}/choose", wish, follow=True)
    assert "your decision was not made" in answer.content.decode()


def test_of_two_files_both_count_by_the_page(alice: Company, clerk: Client) -> None:
    first, second = conflict(alice)
    page = f"/staff/held/{second.pk}"
    assert f'formaction="{page}/both"' in clerk.get(page).content.decode()
    wish = {
        "apart": str(second.pk),
        "seen": [str(first.pk), str(second.pk)],
        "reason": "put back",
    }
    answer = clerk.post(f"{page}/both", wish, follow=True)
    assert "second.usg is now: accepted" in answer.content.decode()
    answer = clerk.post(f"{page}/both", wish, follow=True)
    assert "your decision was not made" in answer.content.decode()


@pytest.mark.parametrize("kind", ["key", "time", "conflict"])
def test_held_files_are_listed_by_what_they_wait_for(
    alice: Company, charlie: Company, clerk: Client, kind: str
) -> None:
    alice.send(alice.writer("IC02").day(DAY), name="a-key.usg")
    charlie.send(charlie.server.day(DAY, zone="Mars/Olympus"), name="a-time.usg")
    conflict(alice)
    names = {"key": "a-key.usg", "time": "a-time.usg", "conflict": "second.usg"}
    everything = clerk.get("/staff/held").content.decode()
    assert all(name in everything for name in names.values())
    shown = clerk.get(f"/staff/held?kind={kind}").content.decode()
    assert {name for name in names.values() if name in shown} == {names[kind]}


def test_the_files_of_a_tenant_are_filtered(alice: Company, clerk: Client) -> None:
    held_file(alice)
    alice.send(alice.server.day(DAY), name="good.usg")
    page = f"/staff/tenants/{alice.number}/files"
    shown = clerk.get(f"{page}?state=held&how=api&server=IC02").content.decode()
    assert "strange.usg" in shown
    assert "good.usg" not in shown
    assert "No such files" in clerk.get(f"{page}?how=inbox").content.decode()
    assert clerk.get(f"{page}?state=x&after=x&server=%00").status_code == 200


def test_every_door_of_the_staff_asks_for_staff() -> None:
    # What one says about oneself changes nothing for a tenant.
    own = {"staff-mail-digest"}
    for name, methods in DOORS.items():
        if name.startswith("staff-"):
            assert set(methods.values()) <= {May.STAFF_READ, May.STAFF_ACT}, name
            if name not in own:
                assert methods.get("POST", May.STAFF_ACT) == May.STAFF_ACT, name


def test_names_are_shown_as_they_are_and_never_as_markup(
    alice: Company, clerk: Client
) -> None:
    alice.send(alice.writer("IC02").day(DAY), name="<b>x</b>.usg")
    shown = intake.shown_name("<b>x</b>.usg")
    for address in ("/staff/held", f"/staff/tenants/{alice.number}"):
        assert f"<th>{shown}" not in clerk.get(address).content.decode()
        assert "<b>x</b>" not in clerk.get(address).content.decode()


def test_staff_are_told_which_held_files_are_theirs_to_decide(
    alice: Company, clerk: Client
) -> None:
    alice.send(alice.server.day(DAY - timedelta(days=1)))
    alice.send(alice.writer("IC02").day(DAY), name="a-key.usg")
    page = f"/staff/tenants/{alice.number}"
    for address in (page, "/staff/held"):
        shown = clerk.get(address).content.decode()
        assert "their tenant admin confirms it" in shown
    shown = clerk.get(page).content.decode()
    assert "1 file waits until a tenant admin confirms a key." in shown
    assert "for you to decide" not in shown
    alice.send(alice.server.day(DAY, zone="Mars/Olympus"), name="a-time.usg")
    shown = clerk.get(page).content.decode()
    assert "1 file waits for your decision." in shown
    assert "2 files are held, 1 of them for you to decide" in shown
    assert "Up to 400 files and 256 MB at once" in shown
