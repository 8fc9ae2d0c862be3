"""*Safe to delete* lists exactly the files accepted and confirmed in the archive."""

from datetime import date, timedelta

import pytest
from django.conf import settings as django_settings

from portal.db import unit_of_work
from portal.jobs.queue import JobState
from tests.builders import NOW, Company
from tests.usage.files.customer_pages import body, confirm, page, signed_in
from usage.models import Forwarding
from usage.review import decide

DAY = date(2026, 5, 1)


def test_nothing_is_safe_before_the_archive_has_confirmed_it(alice: Company) -> None:
    alice.send(alice.server.day(DAY), name="day.usg")
    seen = page(alice, "/safe-to-delete")
    assert "Nothing is safe to delete yet." in seen
    assert "on the way to the archive" in seen
    assert "day.usg" not in seen
    assert body(signed_in(alice).get("/safe-to-delete/SHA256SUMS")) == b""


def test_an_accepted_and_confirmed_file_is_safe_and_nothing_else(
    alice: Company,
) -> None:
    safe, _ = alice.send(alice.server.day(DAY), name="safe.usg")
    alice.send(alice.server.day(DAY + timedelta(days=1)), name="waiting.usg")
    failed, _ = alice.send(alice.server.day(DAY + timedelta(days=2)), name="failed.usg")
    alice.send(alice.writer("IC77").day(DAY), name="held.usg")
    alice.send(b"PK\x03\x04", name="rejected.usg")
    confirm(alice, safe)
    with unit_of_work.acting_for(alice.id):
        Forwarding.objects.filter(file=failed).update(
            state=JobState.FAILED, problem="foreign-bytes", ended_at=NOW
        )
    seen = page(alice, "/safe-to-delete")
    csv = body(signed_in(alice).get("/safe-to-delete/list.csv")).decode()
    sums = body(signed_in(alice).get("/safe-to-delete/SHA256SUMS")).decode()
    assert "1 file, 1 KB," in seen
    for name in ("waiting.usg", "failed.usg", "held.usg", "rejected.usg"):
        assert name not in seen + csv + sums
    for text in (seen, csv, sums):
        assert "safe.usg" in text
    for why in ("on the way to the archive", "set aside", "Held: somebody"):
        assert why in seen


def test_a_confirmed_file_that_counts_no_more_is_not_safe(alice: Company) -> None:
    first, _ = alice.send(alice.server.day(DAY), name="first.usg")
    confirm(alice)
    alice.server.sequence, alice.server.previous = 0, None
    second, _ = alice.send(
        alice.server.day(DAY, zone="Europe/Vienna"), name="second.usg"
    )
    decide.choose(
        alice.id,
        file_id=second.pk,
        seen=[first.pk, second.pk],
        by="clerk",
        at=NOW,
        reason="A test.",
    )
    seen = page(alice, "/safe-to-delete")
    assert "first.usg" not in seen
    assert "Refused by decision" in seen


def test_it_is_counted_and_handed_out_by_server(alice: Company) -> None:
    other = alice.registered("IC02")
    alice.send(alice.server.day(DAY), name="one.usg")
    alice.send(other.day(DAY), name="two.usg")
    confirm(alice)
    seen = page(alice, "/safe-to-delete")
    assert "2 files" in seen
    found = {file.server.name: file.server.pk for file in alice.files() if file.server}
    of_one = page(alice, "/safe-to-delete", server=str(found["IC02"]))
    assert "two.usg" in of_one
    assert "one.usg" not in of_one
    path = f"/safe-to-delete/SHA256SUMS?server={found['IC02']}"
    sums = body(signed_in(alice).get(path)).decode()
    assert sums.endswith("  two.usg\n")
    assert sums.count("\n") == 1


@pytest.mark.parametrize("wanted", ["0", "-1", "x", "9" * 40, "\0"])
def test_a_server_without_safe_files_is_not_found(alice: Company, wanted: str) -> None:
    for path in ("/safe-to-delete", "/safe-to-delete/list.csv"):
        assert signed_in(alice).get(path, {"server": wanted}).status_code == 404


def test_another_tenants_server_is_not_found(alice: Company, charlie: Company) -> None:
    alice.send(alice.server.day(DAY), name="day.usg")
    confirm(alice)
    [file] = alice.files()
    client = signed_in(charlie)
    wanted = {"server": str(file.server_id)}
    assert client.get("/safe-to-delete", wanted).status_code == 404
    assert "day.usg" not in page(charlie, "/safe-to-delete")


def test_without_an_archive_nothing_is_safe_and_the_page_says_so(
    alice: Company, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(django_settings, "FORWARDING", False)
    file, _ = alice.send(alice.server.day(DAY))
    seen = page(alice, "/safe-to-delete")
    assert "this portal forwards no files to an archive" in seen
    assert "this portal forwards no files" in page(alice, f"/files/{file.pk}")
