"""Tenants on staff pages: opened with all they need, and actions for them."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from billing.onboarding import enrol
from billing.onboarding.setup_file import make_setup_file
from portal.db import unit_of_work
from portal.models import (
    ApiToken,
    AuditEntry,
    Invitation,
    Membership,
    StaffRole,
    Tenant,
    User,
)
from tests.billing.staff.staff_clients import signed_in, staff
from tests.billing.staff.staff_data import DAY, facts, many
from tests.builders import NOW, Company
from tests.portal.people.invited import send_mails
from usage.forwarding import forward
from usage.models import (
    FileState,
    SealingKey,
    Server,
    ServerRequest,
    ServerRequestKind,
    UsageFile,
)
from usage.review.queries import proposed_keys
from usage.sender.package import sender_file
from usage.sender.script import sender_script
from usage.servers import requests as server_requests
from usage.storage import archive
from usage.usg import fingerprint
from usage.usg.keyfiles import Purpose, public_key

PLACE = {
    "number": "200001",
    "name": "Trial Company",
    "zone": "Europe/Berlin",
    "first_owed_on": "2026-04-28",
    "licence_keys": ["I3_FEATURE_USAGE_TRACKING_LOCAL"],
    "admin_name": "Ida Trial",
    "admin_email": "Ida@trial.example",
}


@pytest.fixture
def clerk(db: None) -> Client:
    return signed_in(staff(StaffRole.CLERK))


# Opening a tenant


def test_a_tenant_is_opened_with_all_that_it_needs(clerk: Client) -> None:
    answer = clerk.post("/staff/open-tenant", PLACE, follow=True)
    assert answer.redirect_chain == [("/staff/tenants/200001", 302)]
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get()
        invitation = Invitation.objects.get()
        acts = set(AuditEntry.objects.values_list("act", "actor"))
    assert (invitation.address, invitation.name, invitation.role) == (
        "ida@trial.example",
        "Ida Trial",
        "admin",
    )
    # Nobody is put into a company: there is no account and no member yet.
    assert not User.objects.filter(email="ida@trial.example").exists()
    wanted = {
        *("tenant-opened", "licences-recorded", "key-made", "person-invited"),
        # The page of the tenant, to which opening leads.
        "tenant-looked-at",
    }
    assert {act for act, _ in acts} == wanted
    assert {actor for _, actor in acts} == {"clerk@vendor.example"}
    with unit_of_work.acting_for(tenant.pk, reading=True):
        key = SealingKey.objects.get()
    assert "Next: hand over the server set-up." in answer.content.decode()
    servers = clerk.get("/staff/tenants/200001/servers").content.decode()
    assert key.fingerprint in servers


def test_a_portal_without_tenants_offers_to_open_the_first(clerk: Client) -> None:
    for address in ("/staff/", "/staff/tenants"):
        page = clerk.get(address).content.decode()
        assert "No tenants yet" in page
        assert "Open the first tenant" in page
    auditor = signed_in(staff(StaffRole.AUDITOR))
    assert "Open the first tenant" not in auditor.get("/staff/").content.decode()
    clerk.post("/staff/open-tenant", PLACE)
    assert "No tenants yet" not in clerk.get("/staff/?period=2026-01").content.decode()


def test_a_tenant_without_a_licence_leads_to_its_licence(clerk: Client) -> None:
    place = {name: value for name, value in PLACE.items() if name != "licence_keys"}
    page = clerk.post("/staff/open-tenant", place, follow=True).content.decode()
    assert "Next: record a licence key." in page
    assert "/staff/tenants/200001/settings" in page


def test_the_folder_of_the_mails_is_named_while_no_mail_server_is_set(
    clerk: Client, settings: Any
) -> None:
    settings.EMAIL_BACKEND = "portal.mail.file_backend.FolderBackend"
    page = clerk.post("/staff/open-tenant", PLACE, follow=True).content.decode()
    assert f"a file in {settings.EMAIL_FILE_PATH}" in page


def test_the_page_says_that_the_first_file_is_on_its_way_to_the_archive(
    alice: Company, clerk: Client, settings: Any
) -> None:
    archive.prepare()
    page = f"/staff/tenants/{alice.number}"
    told = "is being forwarded to the archive"
    assert told not in clerk.get(page).content.decode()
    alice.send(alice.server.day(DAY))
    assert told in clerk.get(page).content.decode()
    settings.FORWARDING = False
    assert told not in clerk.get(page).content.decode()
    settings.FORWARDING = True
    forward.forward_waiting(now=lambda: NOW)
    assert told not in clerk.get(page).content.decode()


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

    monkeypatch.setattr(enrol, "invite_member", broken)
    assert clerk.post("/staff/open-tenant", PLACE).status_code == 500
    assert facts(alice) == before
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not Invitation.objects.exists()


def test_a_partner_is_invited_and_gets_no_second_sign_in(
    alice: Company, clerk: Client
) -> None:
    email = alice.people["uploader"].email
    clerk.post("/staff/open-tenant", {**PLACE, "admin_email": email.upper()})
    user = User.objects.get(email=email)
    assert Membership.objects.filter(user=user).count() == 1
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert Invitation.objects.get().address == email


def test_the_admins_of_a_tenant_are_told_of_a_set_up(
    alice: Company, clerk: Client
) -> None:
    clerk.post(f"/staff/tenants/{alice.number}/set-up")
    [told] = send_mails()
    assert told.to == [alice.people["admin"].email]
    assert "A server set-up for Alice Assurance was downloaded." in told.body
    assert "clerk@vendor.example downloaded it" in told.body


# Acts for one tenant


def test_another_key_is_issued_and_the_older_one_stays(
    alice: Company, clerk: Client
) -> None:
    page = f"/staff/tenants/{alice.number}"
    clerk.post(f"{page}/key")
    with unit_of_work.acting_for(alice.id, reading=True):
        prints = [key.fingerprint for key in SealingKey.objects.all()]
    shown = clerk.get(f"{page}/servers").content.decode()
    assert len(prints) == 2
    assert all(one in shown for one in prints)


def test_the_set_up_is_one_file_with_a_token_that_works(
    alice: Company, clerk: Client, api: Callable[..., Any]
) -> None:
    answer = clerk.post(f"/staff/tenants/{alice.number}/set-up")
    assert answer["Content-Disposition"] == (
        'attachment; filename="usage-portal-A-100.zip"'
    )
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(BytesIO(answer.content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    token = files.pop("usage.token").decode().strip()
    assert api("GET", "/files", token=token).status_code == 200
    key = public_key(files.pop("sealing.key.pub"), Purpose.SEALING)
    assert key == alice.sealing_public
    assert files.pop("usage-sender.pyz") == sender_file(settings.PORTAL_ADDRESS)
    assert files.pop("usage-sender.ps1") == sender_script(settings.PORTAL_ADDRESS)
    ((name, data),) = files.items()
    assert name == "READ-ME-FIRST.txt"
    text = data.decode("utf-8-sig")
    assert "A-100" in text
    assert fingerprint(alice.sealing_public) in text
    assert token not in text
    assert "&" not in text
    assert all(line.endswith("\r") for line in text.split("\n")[:-1])
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="set-up-handed-over")
    assert entry.actor == "clerk@vendor.example"
    page = clerk.get(f"/staff/tenants/{alice.number}/servers").content.decode()
    assert token not in page
    assert "server set-up" in page


def test_without_a_sealing_key_there_is_no_set_up_and_no_token(
    db: None, clerk: Client
) -> None:
    many(1)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get()
    assert make_setup_file(tenant, by="test", at=NOW) is None
    answer = clerk.post(f"/staff/tenants/{tenant.number}/set-up", follow=True)
    assert "Issue a sealing key first" in answer.content.decode()
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        assert not ApiToken.objects.exists()


def test_a_revoked_token_lets_nobody_in(
    alice: Company, clerk: Client, api: Callable[..., Any]
) -> None:
    with unit_of_work.acting_for(alice.id, reading=True):
        token = ApiToken.objects.get()
    for _ in range(2):
        clerk.post(f"/staff/tenants/{alice.number}/tokens/{token.pk}/revoke")
    assert api("GET", "/files", token=alice.token).status_code == 401
    with unit_of_work.acting_for(alice.id, reading=True):
        assert AuditEntry.objects.filter(act="token-revoked").count() == 1


def test_a_key_is_confirmed_on_behalf_of_the_customer_with_a_reason(
    alice: Company, clerk: Client
) -> None:
    writer = alice.writer("IC02")
    file, _ = alice.send(writer.day(DAY))
    with unit_of_work.acting_for(alice.id, reading=True):
        [(key, waiting)] = proposed_keys()
    assert (key.fingerprint, waiting) == (fingerprint(writer.pair.public), 1)
    address = f"/staff/tenants/{alice.number}/server-keys/{key.pk}/confirm"
    answer = clerk.post(address, {"reason": " "}, follow=True)
    assert "needs a reason" in answer.content.decode()
    clerk.post(address, {"reason": "Read to me by Ms Trial"})
    with unit_of_work.acting_for(alice.id, reading=True):
        assert UsageFile.objects.get(pk=file.pk).state == FileState.ACCEPTED
        entry = AuditEntry.objects.filter(act="server-key-confirmed").last()
    assert entry is not None
    assert entry.details["reason"] == "Read to me by Ms Trial"
    assert entry.actor == "clerk@vendor.example"


def asked(company: Company) -> ServerRequest:
    with unit_of_work.acting_for(company.id, reading=True):
        server = Server.objects.get()
    change = server_requests.ServerChange(
        server_id=server.pk,
        kind=ServerRequestKind.LAST_DAY,
        day=DAY,
        reason="sold <it>",
    )
    request = server_requests.request_change(
        company.id, change=change, by="admin@a-100.example", at=NOW
    )
    assert request is not None
    return request


def test_a_request_of_a_customer_is_approved_on_their_page(
    alice: Company, clerk: Client
) -> None:
    request = asked(alice)
    page = f"/staff/tenants/{alice.number}"
    tab = f"{page}/to-decide"
    assert "“<bdi>sold &lt;it&gt;</bdi>”" in clerk.get(tab).content.decode()
    waiting = clerk.get("/staff/held").content.decode()
    assert f"{tab}#request-{request.pk}" in waiting
    address = f"{page}/requests/{request.pk}"
    clerk.post(f"{address}/approve")
    with unit_of_work.acting_for(alice.id, reading=True):
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
    with unit_of_work.acting_for(alice.id, reading=True):
        assert Server.objects.get().retired_on is None
