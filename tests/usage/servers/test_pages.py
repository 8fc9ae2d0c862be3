"""The page *Servers*: keys to confirm, owed days to change, servers to register."""

from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.accounts.caller import Caller
from portal.db import unit_of_work
from portal.models import AuditEntry, Role
from portal.pages.tiles import Tile
from tests.builders import NOW, Company
from tests.usage.files.customer_pages import page, signed_in
from usage.models import (
    FileState,
    KeyState,
    Server,
    ServerKey,
    ServerRequest,
    ServerRequestKind,
)
from usage.servers import requests as server_requests
from usage.servers.keys import JudgedFiles
from usage.servers.requests import ServerChange
from usage.servers.text import judged_text
from usage.tiles import TILES
from usage.uploads import judge
from usage.usg import new_signing_pair
from usage.usg.keyfiles import Purpose, public_text

DAY = date(2026, 5, 1)


def post(company: Company, act: str, role: str = "admin", **sent: Any) -> Any:
    client = signed_in(company, role)
    return client.post(f"/servers/{act}", sent, follow=True)


def server(company: Company, name: str = "IC01") -> Server:
    with unit_of_work.acting_for(company.id, reading=True):
        return Server.objects.get(name=name)


def request_last_day(company: Company) -> ServerRequest:
    change = ServerChange(
        server_id=server(company).pk,
        kind=ServerRequestKind.LAST_DAY,
        day=DAY,
        reason="Gone.",
    )
    found = server_requests.request_change(company.id, change=change, by="ada", at=NOW)
    assert found is not None
    return found


def proposed(company: Company) -> ServerKey:
    for data in company.writer("IC77").days(DAY, date(2026, 5, 3)):
        file, _ = company.send(data)
        assert file.state == FileState.HELD
    with unit_of_work.acting_for(company.id, reading=True):
        return ServerKey.objects.select_related("server").get(state=KeyState.PROPOSED)


def test_each_server_says_what_it_owes_and_what_it_wrote_last(alice: Company) -> None:
    alice.send(alice.server.day(DAY))
    alice.send(alice.server.day(date(2026, 5, 2)))
    seen = page(alice, "/servers")
    for words in (
        *(
            "1 server writes usage files.",
            "IC01",
            "Tue 28 April 2026",
            "as all servers",
        ),
        *("in use", "Sat 2 May 2026", "number 2", "confirmed", "CEST"),
    ):
        assert words in seen
    assert "2 accepted files of IC01" in seen


def test_a_tenant_without_servers_reads_how_to_begin(charlie: Company) -> None:
    seen = page(charlie, "/servers", role="admin")
    assert "none yet" in seen
    assert "Register a server" in seen


def test_an_admin_confirms_a_key_and_its_held_files_are_judged(
    alice: Company,
) -> None:
    key = proposed(alice)
    seen = page(alice, "/servers", role="admin")
    assert "3 held files" in seen
    assert key.fingerprint in seen
    answer = post(alice, "confirm-key", server="IC77", fingerprint=key.fingerprint)
    shown = answer.content.decode()
    assert f"The key {key.fingerprint} of IC77 is confirmed. 3 files of IC77" in shown
    assert "3 files of IC77 are accepted." in shown
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}


def test_files_that_cannot_be_judged_at_once_are_being_checked(
    alice: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = proposed(alice)
    monkeypatch.setattr(judge, "judge_file", lambda *_, **__: 1 / 0)
    answer = post(alice, "confirm-key", server="IC77", fingerprint=key.fingerprint)
    assert "3 files of IC77 are being checked." in answer.content.decode()


def test_what_became_of_held_files_is_named_without_empty_counts() -> None:
    assert judged_text(JudgedFiles(0, 0, 0), server="IC1") == ""
    assert judged_text(JudgedFiles(1_200, 1, 0), server="IC1") == (
        "1,200 files of IC1 are accepted."
        " 1 file of IC1 is still held for another reason."
    )


@pytest.mark.parametrize("role", ["viewer", "uploader"])
def test_others_read_whom_to_ask(alice: Company, role: str) -> None:
    key = proposed(alice)
    seen = page(alice, "/servers", role=role)
    assert key.fingerprint in seen
    assert "admin@a-100.example" in seen
    for button in ("Confirm this key", "Change the owed days", "Register this server"):
        assert button not in seen
    answer = post(
        alice, "confirm-key", role, server="IC77", fingerprint=key.fingerprint
    )
    assert answer.status_code == 403


def test_a_key_of_another_tenant_is_not_there(alice: Company, charlie: Company) -> None:
    key = proposed(alice)
    for role in Role.values:
        assert key.fingerprint not in page(charlie, "/servers", role=role)
        answer = post(
            charlie, "confirm-key", role, server="IC77", fingerprint=key.fingerprint
        )
        assert answer.status_code == (404 if role == "admin" else 403)
    assert {file.state for file in alice.files()} == {FileState.HELD}


def test_a_retirement_waits_for_the_staff_and_can_be_withdrawn(alice: Company) -> None:
    answer = post(
        alice,
        "change",
        server=str(server(alice).pk),
        what="last-day",
        day="2026-05-07",
        reason="Switched off.",
    )
    seen = answer.content.decode()
    assert "Your request is waiting for the billing team" in seen
    assert "asked for: Thu 7 May 2026" in seen
    assert "“Switched off.”" in seen
    with unit_of_work.acting_for(alice.id, reading=True):
        request = ServerRequest.objects.get()
    seen = post(alice, "withdraw", request=str(request.pk)).content.decode()
    assert "is withdrawn" in seen
    assert "asked for" not in seen


def test_an_earlier_first_day_takes_effect_at_once(alice: Company) -> None:
    answer = post(
        alice,
        "change",
        server=str(server(alice).pk),
        what="first-day",
        day="2026-04-01",
        reason="",
    )
    assert "The owed days are changed." in answer.content.decode()
    assert server(alice).first_owed_on == date(2026, 4, 1)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"what": "last-day", "day": ""}, "Which day is it?"),
        ({"what": "last-day", "day": "31.4.2026"}, "Enter a valid date"),
        ({"what": "last-day", "day": "0026-05-01"}, "more than ten years away"),
        ({"what": "last-day", "day": "2026-05-07"}, "A decision needs a reason."),
        ({"what": "in-use", "day": "", "reason": "x"}, "That is so already."),
        ({"what": "all", "day": "2026-05-07"}, "Select a valid choice"),
    ],
)
def test_a_change_that_cannot_be_is_told_beside_its_field(
    alice: Company, sent: dict[str, str], text: str
) -> None:
    answer = post(alice, "change", server=str(server(alice).pk), **sent)
    assert text in answer.content.decode()
    assert "field-error" in answer.content.decode()


def test_a_decision_of_the_staff_is_shown_with_its_reason(alice: Company) -> None:
    request = request_last_day(alice)
    server_requests.refuse(
        alice.id, request_id=request.pk, by="clerk", at=NOW, reason="It wrote on."
    )
    seen = page(alice, "/servers")
    assert "“It wrote on.”" in seen
    assert "refused" in seen


def test_a_request_of_another_tenant_cannot_be_withdrawn(
    alice: Company, charlie: Company
) -> None:
    request = request_last_day(alice)
    assert post(charlie, "withdraw", request=str(request.pk)).status_code == 404
    for wrong in ("", "x", "9" * 40, "-1", "²"):
        assert post(alice, "withdraw", request=wrong).status_code == 404
    assert "Gone." not in page(charlie, "/servers", role="admin")
    answer = post(
        charlie,
        "change",
        server=str(request.server_id),
        what="first-day",
        day="2026-04-01",
    )
    assert "Select a valid choice" in answer.content.decode()
    assert server(alice).first_owed_on is None


@pytest.mark.parametrize("as_file", [True, False])
def test_a_server_is_registered_by_its_public_key(
    alice: Company, as_file: bool
) -> None:
    writer = alice.writer("IC88")
    alice.send(writer.day(DAY))
    text = public_text(Purpose.SIGNING, writer.pair.public)
    key: dict[str, Any] = {"key_text": text.replace("\n", "\r\n")}
    if as_file:
        key = {"key_file": SimpleUploadedFile("IC88.key.pub", text.encode())}
    answer = post(alice, "register", name="IC88", **key)
    assert "IC88 is registered" in answer.content.decode()
    assert {file.state for file in alice.files()} == {FileState.ACCEPTED}
    with unit_of_work.acting_for(alice.id, reading=True):
        entry = AuditEntry.objects.filter(act="server-key-confirmed").last()
    assert entry is not None
    assert entry.actor == "admin@a-100.example"


def test_a_private_key_is_refused_and_not_shown_again(alice: Company) -> None:
    pair = new_signing_pair()
    text = public_text(Purpose.SIGNING, pair.public).replace("-public", "-private")
    text += f"private: {pair.private.hex()}\n"
    seen = post(alice, "register", name="IC88", key_text=text).content.decode()
    assert "This is the private key" in seen
    assert pair.private.hex() not in seen


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({"name": "IC88"}, "Paste the key, or choose its file."),
        ({"name": "IC88", "key_text": "ssh-ed25519 AAAA"}, "not the public key file"),
        ({"name": "IC88", "key_text": "usg-key 1\nkind"}, "not the public key file"),
        ({"name": "IC88", "key_text": "ü"}, "not the public key file"),
        ({"name": "a/b", "key_text": "x"}, "cannot be the name of a server"),
        ({"name": "", "key_text": "x"}, "This field is required."),
    ],
)
def test_what_is_no_server_or_no_key_is_told(
    alice: Company, sent: dict[str, str], text: str
) -> None:
    assert text in post(alice, "register", **sent).content.decode()


@pytest.mark.parametrize("act", ["confirm-key", "change", "withdraw", "register"])
def test_every_act_needs_the_token_of_a_page(alice: Company, act: str) -> None:
    client = signed_in(alice, "admin", enforce_csrf_checks=True)
    assert client.post(f"/servers/{act}", {}).status_code == 403
    assert client.get(f"/servers/{act}").status_code == 405


def test_the_home_page_says_how_files_and_servers_are(alice: Company) -> None:
    seen = page(alice, "/")
    for words in ("No file yet.", "Nothing is confirmed", "1 server writes"):
        assert words in seen
    proposed(alice)
    alice.send(alice.server.day(DAY))
    seen = page(alice, "/")
    for words in ("4 files since May 2026.", "3 held", "1 key is to be confirmed"):
        assert words in seen
    request_last_day(alice)
    with unit_of_work.acting_for(alice.id):
        ServerKey.objects.update(state=KeyState.CONFIRMED, decided_at=NOW)
    assert "1 request waits for the billing team" in page(alice, "/")


@pytest.mark.parametrize("tile", TILES, ids=lambda tile: tile.url_name)
def test_a_tile_asks_two_questions_at_most(alice: Company, tile: Tile) -> None:
    proposed(alice)
    with unit_of_work.acting_for(alice.id, reading=True):
        with CaptureQueriesContext(connection) as captured:
            tile.load_state(Caller("viewer", alice.id, frozenset()), NOW)
        assert len(captured) <= 2
