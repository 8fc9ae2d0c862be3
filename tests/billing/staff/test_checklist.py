"""The way of a new customer to the first forwarded file."""

from typing import Any

import pytest

from billing.onboarding.checklist import ChecklistStep, CustomerProgress, checklist

pytestmark = pytest.mark.plain

OPENED: dict[str, Any] = {
    "has_licence": True,
    "fingerprint": "66da7a33f7413a8bcc5e3d193f4ce4db",
    "admins": ["Ida"],
    "invited": [],
    "is_handed_over": False,
    "held": 0,
    "forwards": True,
}


def steps(**changed: Any) -> list[ChecklistStep]:
    return checklist(CustomerProgress(**{**OPENED, **changed}))


def ahead(**changed: Any) -> ChecklistStep:
    (found,) = [step for step in steps(**changed) if step.is_next]
    return found


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"has_licence": False}, "licence", "nothing is owed, and nobody is reminded"),
        ({"fingerprint": ""}, "key", "seal their files for this key"),
        ({"admins": []}, "admin", "able to sign in"),
        ({}, "set-up", "key, token, sender"),
        ({"is_handed_over": True}, "file", "server of the tenant sends it"),
        ({"is_handed_over": True, "held": 1}, "accepted", "1 file is held until"),
        ({"is_handed_over": True, "held": 2}, "accepted", "2 files are held until"),
    ],
)
def test_the_first_open_step_is_next(
    changed: dict[str, Any], code: str, said: str
) -> None:
    found = ahead(**changed)
    assert (found.code, found.is_done) == (code, False)
    assert said in found.text
    assert found.next_text.startswith("Next: ")


def test_without_forwarding_the_checklist_has_no_such_step() -> None:
    codes = [step.code for step in steps(forwards=False)]
    assert codes[-2:] == ["accepted", "reminder"]
    assert [step.code for step in steps()][-3:] == ["accepted", "forwarded", "reminder"]


def test_an_invited_admin_is_named_until_somebody_has_accepted() -> None:
    texts = {}
    for admins in ([], ["Ida"]):
        found = steps(admins=admins, invited=["it@trial.example"])
        [texts[len(admins)]] = [one.text for one in found if one.code == "admin"]
    assert texts == {0: "it@trial.example; not accepted yet.", 1: "Ida"}
    assert ahead(admins=[], invited=["it@trial.example"]).code == "set-up"
    assert ahead(admins=[], invited=[]).code == "admin"
