"""Staff see a server's key with the files it signed, and end or retire keys."""

import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from io import BytesIO
from threading import Barrier, Thread
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.test import Client

from billing.onboarding.setup_file import make_setup_file
from billing.staff import key_views
from billing.statements.file_opener import FileOpener
from portal.db import unit_of_work
from portal.errors import Refused
from portal.models import AuditEntry, StaffRole, Tenant
from tests.billing.staff.staff_clients import staff_client
from tests.builders import NOW, Company, Writer
from usage import tenant_keys
from usage.files import staff_queries
from usage.models import FileState, KeyState, SealingKey, ServerKey, UsageFile
from usage.servers import end_keys
from usage.usg import fingerprint
from usage.usg.keyfiles import Purpose, public_key

DAY = date(2026, 5, 7)
WHY = "The tenant told us on the telephone."


@pytest.fixture
def clerk(db: None) -> Client:
    return staff_client(StaffRole.CLERK)


def key_of(company: Company, server: str = "IC01") -> ServerKey:
    with unit_of_work.acting_for(company.id, reading=True):
        return ServerKey.objects.get(server__name=server)


def address(company: Company, key: ServerKey) -> str:
    return f"/staff/tenants/{company.number}/server-keys/{key.pk}"


def shown(client: Client, path: str, **sent: str) -> str:
    """Return a page, or the one that follows a form."""
    with time_machine.travel(NOW, tick=False):
        answer = client.post(path, sent, follow=True) if sent else client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


# Signing keys


def test_the_accepted_files_of_a_revoked_key_are_listed_in_pages(
    alice: Company, clerk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_views, "FILES_A_PAGE", 2)
    days = [DAY + timedelta(days=number) for number in range(4)]
    files = [
        alice.send(
            alice.server.day(day),
            name=f"{day}.usg",
            at=NOW - timedelta(hours=4 - number),
        )[0]
        for number, day in enumerate(days)
    ]
    key, since = key_of(alice), NOW - timedelta(hours=3)
    with unit_of_work.acting_for(alice.id, reading=True):
        zone = Tenant.objects.get().zone
    assert zone == "Europe/Berlin"
    page = address(alice, key)
    seen = shown(
        clerk, f"{page}/revoke", day=str(since.date()), time="17:00", reason=WHY
    )
    assert "3 accepted files were received since the key was revoked" in seen
    assert "1 to 2 of 4" in seen
    first, second = (
        shown(clerk, f"{page}?kind=since&page={number}") for number in (1, 2)
    )
    for file, text in zip(files[1:], (second, first, first), strict=True):
        assert f"/staff/held/{file.pk}" in text
    assert f"/staff/held/{files[0].pk}" not in first + second
    assert f"/staff/held/{files[0].pk}" in shown(clerk, f"{page}?page=2")
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}
    assert "revoked" in shown(clerk, f"/staff/tenants/{alice.number}/servers")


def test_a_clerk_refuses_a_key_and_then_decides_about_each_of_its_files(
    alice: Company, clerk: Client
) -> None:
    writer = alice.writer("IC77")
    held = [alice.send(writer.day(DAY + timedelta(days=one)))[0] for one in (0, 1)]
    key = key_of(alice, "IC77")
    waiting = f"/staff/tenants/{alice.number}/to-decide"
    assert f"server-keys/{key.pk}#refuse" in shown(clerk, waiting)
    seen = shown(clerk, f"{address(alice, key)}/refuse", reason=WHY)
    assert "2 files that are held for it wait for the billing team." in seen
    listed = shown(clerk, "/staff/held?kind=ended")
    assert all(str(file.pk) in listed for file in held)
    assert "Refused server key" in listed
    assert str(held[0].pk) in shown(clerk, waiting)
    assert "Accept this file" in shown(clerk, f"/staff/held/{held[0].pk}")
    shown(clerk, f"/staff/held/{held[0].pk}/signature", reason=WHY)
    shown(clerk, f"/staff/held/{held[1].pk}/refuse", reason=WHY)
    with unit_of_work.acting_for(alice.id, reading=True):
        states = [UsageFile.objects.get(pk=file.pk).state for file in held]
    assert states == [FileState.ACCEPTED, FileState.REFUSED]


def test_an_accepted_file_can_be_refused_on_its_page_once_its_key_is_revoked(
    alice: Company, clerk: Client
) -> None:
    file, _ = alice.send(alice.server.day(DAY))
    page = f"/staff/held/{file.pk}"
    assert "Refuse this file" not in shown(clerk, page)
    shown(clerk, f"{address(alice, key_of(alice))}/revoke", reason=WHY)
    assert "Refuse this file" in shown(clerk, page)
    shown(clerk, f"{page}/refuse", reason=WHY)
    assert alice.files()[0].state == FileState.REFUSED


@pytest.mark.parametrize("act", ["refuse", "revoke"])
def test_without_a_reason_the_form_is_shown_again(
    alice: Company, clerk: Client, act: str
) -> None:
    alice.send(alice.writer("IC77").day(DAY))
    key = key_of(alice, "IC77" if act == "refuse" else "IC01")
    answer = clerk.post(f"{address(alice, key)}/{act}", {"reason": " "})
    assert answer.status_code == 422
    assert "This field is required." in answer.content.decode()


def test_the_second_of_an_admin_and_a_clerk_is_told(
    alice: Company, clerk: Client
) -> None:
    key = key_of(alice)
    end_keys.revoke_key(alice.id, key_id=key.pk, by="admin", at=NOW, reason="First.")
    seen = shown(clerk, f"{address(alice, key)}/revoke", reason=WHY)
    assert "your decision was not made" in seen
    assert "“First.”" in seen


def test_an_auditor_sees_the_key_and_no_form(alice: Company) -> None:
    auditor = staff_client(StaffRole.AUDITOR)
    page = address(alice, key_of(alice))
    assert "Revoke this key" not in shown(auditor, page)
    assert auditor.post(f"{page}/revoke", {"reason": WHY}).status_code == 403
    assert key_of(alice).state == KeyState.CONFIRMED


# Sealing keys


def sealing(company: Company) -> list[SealingKey]:
    with unit_of_work.acting_for(company.id, reading=True):
        return list(SealingKey.objects.order_by("pk"))


def issue(company: Company) -> SealingKey:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        at = NOW + timedelta(minutes=len(sealing_prints(company)))
        return tenant_keys.make_sealing_key(company.id, by="test", at=at)


def sealing_prints(company: Company) -> list[str]:
    keys = SealingKey.objects.filter(tenant=company.id)
    return list(keys.values_list("fingerprint", flat=True))


def retire(company: Company, key: SealingKey, *, reason: str = WHY) -> SealingKey:
    with unit_of_work.acting_for(unit_of_work.STAFF):
        return tenant_keys.retire_sealing_key(
            company.id, key_id=key.pk, by="clerk", at=NOW, reason=reason
        )


def handed_out(company: Company) -> bytes:
    """Return the public key in a set-up that is made now."""
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get(pk=company.id)
    made = make_setup_file(tenant, by="test", at=NOW)
    assert made is not None
    with zipfile.ZipFile(BytesIO(made.data)) as packed:
        return public_key(packed.read("sealing.key.pub"), Purpose.SEALING)


def test_files_sealed_for_a_retired_key_open_and_the_key_is_not_handed_out(
    alice: Company,
) -> None:
    [old] = sealing(alice)
    before, _ = alice.send(alice.server.day(DAY))
    new = issue(alice)
    retire(alice, old)
    # The server goes on sealing for the retired key until it gets a new set-up.
    after, _ = alice.send(alice.server.day(DAY + timedelta(days=1)))
    assert (before.state, after.state) == (FileState.ACCEPTED, FileState.ACCEPTED)
    with unit_of_work.acting_for(alice.id, reading=True):
        opener = FileOpener.of(Tenant.objects.get())
    assert [opener.read(file).sessions for file in (before, after)] == [1, 1]
    assert handed_out(alice) == bytes(new.public) != bytes(old.public)
    alice.server.sealing_public = bytes(new.public)
    later, _ = alice.send(alice.server.day(DAY + timedelta(days=2)))
    assert later.state == FileState.ACCEPTED


def test_if_the_newest_key_is_retired_the_one_before_it_is_handed_out(
    alice: Company,
) -> None:
    [old] = sealing(alice)
    retire(alice, issue(alice))
    assert handed_out(alice) == bytes(old.public)
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        rows = staff_queries.tenants("", None, size=5).rows
    assert [row.fingerprint for row in rows] == [old.fingerprint]


def test_the_last_key_in_use_is_not_retired_and_a_retired_one_not_again(
    alice: Company, charlie: Company
) -> None:
    [old] = sealing(alice)
    with pytest.raises(Refused, match="sealing-key-needed"):
        retire(alice, old)
    issue(alice)
    with pytest.raises(Refused, match="reason-needed"):
        retire(alice, old, reason=" ")
    with pytest.raises(Refused, match="not-found"):
        retire(charlie, old)
    assert retire(alice, old).retired_at == NOW
    with pytest.raises(Refused, match="decided-already"):
        retire(alice, old)
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.get(act="key-retired")
    assert (entry.subject, entry.details) == (old.fingerprint, {"reason": WHY})


def test_of_two_who_retire_the_last_two_keys_at_once_one_is_refused(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_of_work, "LOCK_TIMEOUT", "20s")
    issue(alice)
    found = at_once(*(lambda key=key: retire(alice, key) for key in sealing(alice)))
    assert found == ["done", "sealing-key-needed"]
    assert sum(key.retired_at is None for key in sealing(alice)) == 1


def at_once(*acts: Callable[[], object]) -> list[str]:
    together, found = Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        try:
            together.wait(10)
            act()
            found.append("done")
        except Refused as refusal:
            found.append(refusal.code)
        finally:
            connection.close()

    threads = [Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return sorted(found)


def test_a_clerk_retires_a_key_on_the_tab_of_the_servers(
    alice: Company, clerk: Client
) -> None:
    tab = f"/staff/tenants/{alice.number}/servers"
    [old] = sealing(alice)
    path = f"/staff/tenants/{alice.number}/sealing-keys/{old.pk}/retire"
    assert "once another one is issued" in shown(clerk, tab)
    assert "Issue a new sealing key first" in shown(clerk, path, reason=WHY)
    shown(clerk, f"/staff/tenants/{alice.number}/key", reason="")
    assert path in shown(clerk, tab)
    assert "A decision needs a reason." in shown(clerk, path, reason=" ")
    assert "The sealing key is retired." in shown(clerk, path, reason=WHY)
    seen = shown(clerk, tab)
    assert path not in seen
    assert f"“{WHY}”" in seen
    [_, new] = sealing(alice)
    assert seen.index(new.fingerprint) < seen.index(old.fingerprint)


def test_nobody_brings_a_retired_key_back(alice: Company) -> None:
    [old] = sealing(alice)
    issue(alice)
    retire(alice, old)
    back: dict[str, Any] = {"retired_at": None, "retired_by": "", "retire_reason": ""}
    with unit_of_work.acting_for(unit_of_work.STAFF):
        assert SealingKey.objects.filter(pk=old.pk).update(**back) == 0
    with (
        pytest.raises(IntegrityError),
        unit_of_work.acting_for(unit_of_work.STAFF),
        transaction.atomic(),
    ):
        SealingKey.objects.update(retired_at=NOW)


def test_a_server_that_is_set_up_anew_seals_for_the_key_in_use(alice: Company) -> None:
    [old] = sealing(alice)
    issue(alice)
    retire(alice, old)
    writer = Writer(
        tenant=alice.number,
        name="IC01",
        zone=alice.zone,
        sealing_public=handed_out(alice),
        pair=alice.server.pair,
    )
    assert alice.send(writer.day(DAY))[0].state == FileState.ACCEPTED
    assert fingerprint(writer.sealing_public) != old.fingerprint
