"""The published JSON Schemas: what they refuse, and how they are published."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from jsonschema_rs import meta

from tests.billing.statements.schema_checks import (
    HASHED,
    SCHEMAS,
    check_heads,
    check_statement,
    schema,
    schema_faults,
)
from tests.billing.statements.statement_tenants import (
    AFTER,
    FIRST,
    MEMBERS,
    issue_version,
    open_tenant,
    send_day,
)

NAMES = sorted(path.stem for path in SCHEMAS.glob("*.json"))

Change = Callable[[Any], Any]

# Changes that make a document invalid: the name of each says what is wrong.
STATEMENT: dict[str, Change] = {
    "an unknown key": lambda one: one.update(price=1),
    "an unknown key of a line": lambda one: one["lines"][0].update(users=1),
    "a part is missing": lambda one: one.pop("doubtful"),
    "a figure is missing": lambda one: one["days"][0]["lines"][0].pop("logins"),
    "a negative count": lambda one: one["totals"].update(logins=-1),
    "a fraction": lambda one: one["totals"].update(used_seconds=1.5),
    "a number as text": lambda one: one["totals"].update(rows="1"),
    "a peak of 0 with an instant": lambda one: one["totals"].update(peak=0),
    "a peak without an instant": lambda one: one["lines"][0].update(peak_at=None),
    "a peak without a run": lambda one: one["lines"][0].update(peak_runs=0),
    "held by nobody from an instant": lambda one: one["lines"][0].update(held_30min=0),
    "a day without a peak has an instant": lambda one: one["days"][0]["lines"][
        0
    ].update(peak_at="2026-04-28T08:00:00Z"),
    "an instant with an offset": lambda one: one["period"].update(
        starts_at="2026-04-28T00:00:00+02:00"
    ),
    "an instant that does not exist": lambda one: one["period"].update(
        starts_at="2026-04-31T00:00:00Z"
    ),
    "a day that does not exist": lambda one: one["days"][0].update(day="2026-02-30"),
    "a hash in upper case": lambda one: one.update(figures_sha256="AB" * 32),
    "an unknown state": lambda one: one["statement"].update(state="final"),
    "issued without a number": lambda one: one["statement"].update(number=None),
    "issued without an instant": lambda one: one["statement"].update(issued_at=None),
    "provisional with a version": lambda one: one["statement"].update(
        state="provisional"
    ),
    "a first version that replaces one": lambda one: one["statement"].update(version=1),
    "a later version without a reason": lambda one: one["statement"].update(reason=""),
    "a later version without differences": lambda one: one.update(differences=[]),
    "an issued version with unknown keys": lambda one: one["catalogue"].update(
        unclassified=["X"]
    ),
    "an issued version with pending days": lambda one: one["completeness"].update(
        pending=1
    ),
    "an unknown kind": lambda one: one["lines"][2].update(kind="other"),
    "an add-on without a key": lambda one: one["lines"][2].update(licence_key=None),
    "lines in another order": lambda one: one["lines"].reverse(),
    "a server-day in an unknown state": lambda one: one["completeness"]["days"][
        0
    ].update(state="gone"),
    "an unknown cause": lambda one: one["differences"][0].update(because=["clock"]),
    "other rules": lambda one: one.update(rules=2),
}
HEADS: dict[str, Change] = {
    "an unknown key": lambda one: one.update(count=1),
    "an issued head without a position": lambda one: one["items"][1].update(
        position=None
    ),
    "a provisional head with a number": lambda one: one["items"][0].update(number="1"),
    "an instant with a fraction": lambda one: one["items"][1].update(
        issued_at="2026-06-03T09:00:00.5Z"
    ),
    "a second version that replaces none": lambda one: one["items"][1].update(
        replaces=None
    ),
    "a position of 0": lambda one: one["items"][1].update(position=0),
    "a next of 0": lambda one: one.update(next=0),
}
FILES: dict[str, Change] = {
    "an unknown key": lambda one: one["files"][0].update(name="day.usg"),
    "a number of 0": lambda one: one["files"][0].update(sequence=0),
    "no day": lambda one: one["files"][0].update(day=None),
    "a series that is no UUID": lambda one: one["files"][0].update(series="1"),
    "a file twice": lambda one: one["files"].append(one["files"][0]),
}


@pytest.fixture
def answers(db: None) -> dict[str, bytes]:
    """Answers of the API about a second version, which is not complete."""
    with time_machine.travel(AFTER, tick=False):
        company = open_tenant("A-1")
        issue_version(company, reason="no files")
        send_day(company, FIRST)
        issue_version(company, reason="a late file")
        reader = MEMBERS["viewer"](company)
        return {
            "statement-1": reader.statement().content,
            "statement-heads-1": reader.get("/statements").content,
            "statement-files-1": reader.statement("/files").content,
        }


def test_changes_that_make_an_answer_invalid_are_refused(
    answers: dict[str, bytes],
) -> None:
    check_statement(answers["statement-1"])
    check_heads(answers["statement-heads-1"])
    accepted = []
    for name, changes in (
        ("statement-1", STATEMENT),
        ("statement-heads-1", HEADS),
        ("statement-files-1", FILES),
    ):
        valid = json.loads(answers[name])
        assert schema_faults(valid, name) == []
        for what, change in changes.items():
            changed = copy.deepcopy(valid)
            change(changed)
            if not schema_faults(changed, name):
                accepted.append(f"{name}: {what}")
    assert accepted == []


@pytest.mark.plain
@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_valid_and_describe_themselves(name: str) -> None:
    found = schema(name)
    meta.validate(dict(found))
    assert found["$id"] == f"/api/v1/schemas/{name}.json"
    assert found["title"]
    assert found["description"].endswith(".")
    open_objects = [
        part
        for part in parts_of(found)
        if "object" in part.get("type", ())
        and part != {"type": "object"}
        and (
            part.get("additionalProperties") is not False
            or set(part["required"]) != set(part["properties"])
        )
    ]
    assert open_objects == []


def parts_of(value: Any) -> list[dict[str, Any]]:
    """Return all objects within a value, itself included."""
    if isinstance(value, list):
        return [part for one in value for part in parts_of(one)]
    if not isinstance(value, dict):
        return []
    return [value, *(part for one in value.values() for part in parts_of(one))]


@pytest.mark.plain
def test_the_schema_names_the_parts_that_are_hashed() -> None:
    text = schema("statement-1")["properties"]["figures_sha256"]["description"]
    assert all(f"`{name}`" in text for name in HASHED)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_published_to_everybody(name: str, api: Any) -> None:
    response = api("GET", f"/schemas/{name}.json")
    assert response.status_code == 200
    assert response["Content-Type"] == "application/schema+json"
    assert response.content == (SCHEMAS / f"{name}.json").read_bytes()


@pytest.mark.parametrize("name", ["statement-2", "..%2Fx", "*", "a.json"])
def test_other_schemas_are_not_found(api: Any, name: str) -> None:
    assert api("GET", f"/schemas/{name}.json").status_code == 404
