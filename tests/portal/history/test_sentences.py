"""Entries are sentences in the reader's language, whatever somebody wrote into them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from portal.history import presenters
from portal.history.presenters import TrailReader
from portal.models import AuditEntry

TENANT = TrailReader("Europe/Berlin", is_staff=False)
STAFF = TrailReader("UTC", is_staff=True)

PEOPLE = {"ada@a.example": "Ada Admin", "clara@v.example": "Clara Clerk"}

HOSTILE = '<script>alert(1)</script>{actor}"\u202e'


def entry(act: str, *, by_staff: bool = False, **changes: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "number": 1,
        "at": datetime(2026, 5, 20, 18, tzinfo=UTC),
        "actor": "clara@v.example" if by_staff else "ada@a.example",
        "act": act,
        "subject": "IC01",
        "details": {},
        "previous": bytes(32),
        "digest": bytes(32),
        "by_staff": by_staff,
    }
    return AuditEntry(**{**fields, **changes})


def sentence(one: AuditEntry, reader: TrailReader = TENANT) -> str:
    return presenters.sentence_text(one, PEOPLE, reader)


def details(one: AuditEntry, reader: TrailReader = TENANT) -> dict[str, str]:
    shown = presenters.shown_details(one, reader)
    return {detail.label: detail.value for detail in shown}


pytestmark = pytest.mark.plain


def test_an_act_is_a_sentence_with_the_name_of_the_person() -> None:
    confirmed = entry("server-key-confirmed", details={"key": "12AB-34CD"})
    said = "Ada Admin confirmed the key 12AB-34CD of server IC01."
    assert sentence(confirmed) == said
    assert presenters.sentence_html(confirmed, PEOPLE, TENANT) == (
        '<bdi class="name">Ada Admin</bdi> confirmed the key'
        ' <bdi class="name">12AB-34CD</bdi> of server <bdi class="name">IC01</bdi>.'
    )


def test_staff_appear_by_name_and_as_billing_staff() -> None:
    looked = entry("tenant-looked-at", by_staff=True, subject="")
    html = presenters.sentence_html(looked, PEOPLE, TENANT)
    assert html.startswith('<bdi class="name">Clara Clerk</bdi> (billing staff) looked')
    assert presenters.actor_cell(looked, PEOPLE, TENANT) == "Clara Clerk"
    assert presenters.actor_cell(looked, PEOPLE, STAFF) == "clara@v.example"


@pytest.mark.parametrize(
    ("actor", "shown"),
    [
        ("the portal", "The portal"),
        ("retention", "The portal"),
        ("token nightly", "API token nightly"),
        ("command line", "An operator of the portal"),
        ("gone@a.example", "gone@a.example"),
    ],
)
def test_others_appear_as_what_they_are(actor: str, shown: str) -> None:
    assert sentence(entry("inbox-retried", actor=actor)).startswith(f"{shown} had ")


def test_codes_days_and_instants_are_texts() -> None:
    extended = entry(
        "deadline-extended",
        subject="2026-05",
        details={
            "deadline_at": "2026-06-04T22:00:00+00:00",
            "was": "2026-06-02T22:00:00+00:00",
        },
    )
    assert sentence(extended) == (
        "Ada Admin extended the late-from time of May 2026 to Fri 5 June 2026, 00:00"
        " CEST."
    )
    assert details(extended) == {"Before": "Wed 3 June 2026, 00:00 CEST"}
    chosen = entry("reminders-chosen", subject="b@a.example", details={"wanted": True})
    assert sentence(chosen).endswith("gets reminders: yes.")
    added = entry("member-added", subject="b@a.example", details={"role": "admin"})
    assert sentence(added).endswith("with the role tenant admin.")
    bad = entry("file-rejected", details={"name": "d.usg", "problems": "file-empty"})
    assert details(bad)["Problems"] == "The file is empty."


def test_a_detail_that_an_entry_lacks_is_a_dash() -> None:
    assert sentence(entry("server-key-confirmed")) == (
        "Ada Admin confirmed the key \N{EN DASH} of server IC01."
    )


def test_reasons_that_staff_give_each_other_are_hidden_from_the_tenant() -> None:
    decided = entry(
        "late-decided",
        by_staff=True,
        subject="2026-05",
        details={"consequence": "penalty", "was": "", "reason": "They never answer."},
    )
    assert details(decided) == {}
    assert details(decided, STAFF) == {"Reason": "They never answer."}
    refused = entry("file-refused", details={"name": "d.usg", "reason": "A copy."})
    assert details(refused) == {"Reason": "A copy."}


@pytest.mark.parametrize("act", ["token-issued", "no-such-act", HOSTILE[:60]])
def test_hostile_text_is_shown_as_it_is_and_does_nothing(act: str) -> None:
    given = {HOSTILE: HOSTILE, "name": HOSTILE, "scope": HOSTILE}
    one = entry(act, actor=HOSTILE, subject=HOSTILE, details=given)
    html = presenters.sentence_html(one, PEOPLE, STAFF)
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{actor}" in html
    assert HOSTILE in sentence(one, STAFF)
    assert HOSTILE in details(one, STAFF).values()


@pytest.mark.parametrize(
    "broken",
    [[], "text", 7, None, {"day": "2026-99-99"}, {"at": "2026-05-20T99:99"}, {"a": []}],
)
def test_an_entry_that_somebody_has_tampered_with_is_shown(broken: Any) -> None:
    one = entry("users-listed", details=broken)
    assert sentence(one)
    details(one)
