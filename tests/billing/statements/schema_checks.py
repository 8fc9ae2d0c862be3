"""Checks responses of the API about statements: published schemas, and sums.

The sums share no code with the portal.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

from jsonschema_rs import Draft202012Validator

from tests.docs_pages import ROOT

SCHEMAS = ROOT / "billing" / "statements" / "schemas"

# The parts of a statement that its `figures_sha256` covers, by docs/statements.md.
HASHED = (
    *("rules", "catalogue", "completeness", "files"),
    *("totals", "lines", "days", "outside", "doubtful"),
)

# The figures of days that add up to those of the period.
ADDED = ("logins", "used_seconds", "row_seconds")

# The figures of agents and business users that add up to the totals.
SPLIT = ("named_users", *ADDED)

STATES = ("received", "silent", "down", "lost", "missing", "with_us", "pending")
COVERED = ("received", "silent", "down", "lost")

# The states of listed server-days by the count that includes them.
LISTED = {
    "down": {"down"},
    "lost": {"lost"},
    "missing": {"missing", "partial"},
    "with_us": {"with_us"},
}

Document = Mapping[str, Any]


def follows(parse: Callable[[str], object]) -> Callable[[str], bool]:
    """Return a check of a format: whether a text can be parsed."""

    def is_parsed(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return is_parsed


FORMATS = {
    "date-time": follows(datetime.fromisoformat),
    "date": follows(date.fromisoformat),
    "uuid": follows(UUID),
}


@cache
def schema(name: str) -> Document:
    found: Document = json.loads(Path(SCHEMAS / f"{name}.json").read_bytes())
    return found


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(
        dict(schema(name)), formats=FORMATS, validate_formats=True
    )


def schema_faults(value: Any, name: str) -> list[str]:
    """Return each place where a value does not follow a published schema."""
    return [
        f"{'.'.join(map(str, one.instance_path))}: {one.message}"
        for one in _validator(name).iter_errors(value)
    ]


def check_statement(answer: bytes | Document) -> Document:
    """Check a statement; return it."""
    found = _loaded(answer)
    assert schema_faults(found, "statement-1") == []
    assert found["figures_sha256"] == hashed({one: found[one] for one in HASHED})
    _check_sums(found)
    _check_completeness(found)
    _check_days(found)
    if isinstance(answer, bytes):
        # Equal documents are equal bytes, so that their SHA-256 names them.
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        assert answer == text.encode()
    return found


def check_heads(answer: bytes | Document) -> Document:
    """Check a list of heads; return it."""
    found = _loaded(answer)
    assert schema_faults(found, "statement-heads-1") == []
    for head in found["items"]:
        if head["state"] == "issued":
            number = f"{head['tenant']}-{head['period']}-{head['version']}"
            assert head["number"] == number
        if head["version"] is not None and head["replaces"] is not None:
            assert head["replaces"]["version"] == head["version"] - 1
    return found


def check_files(answer: bytes, statement: Document) -> Document:
    """Check the list of the files that a statement was computed from; return it."""
    found = _loaded(answer)
    assert schema_faults(found, "statement-files-1") == []
    stated, listed = statement["files"], found["files"]
    assert stated["manifest_sha256"] == hashlib.sha256(answer).hexdigest()
    assert stated["count"] == len(listed)
    assert stated["bytes"] == sum(one["size"] for one in listed)
    names = ("server", "series", "sequence", "sha256")
    places = [tuple(one[name] for name in names) for one in listed]
    assert places == sorted(places)
    hashes = {one["sha256"] for one in listed}
    assert len(hashes) == len(listed)
    assert not set(stated["unreadable"]) & hashes
    first, last = (statement["period"][name] for name in ("first_day", "last_day"))
    assert all(first <= one["day"] <= last for one in listed)
    assert statement["completeness"]["last_received_day"] == max(
        (one["day"] for one in listed), default=None
    )
    return found


def hashed(value: Any) -> str:
    """Return the SHA-256 of canonical JSON (RFC 8785), for whole numbers."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def by_id(lines: Iterable[Document]) -> dict[str, Document]:
    return {line["id"]: line for line in lines}


def all_days(statement: Document) -> Iterator[Document]:
    yield from statement["days"]
    yield from statement["outside"]


def _loaded(answer: bytes | Document) -> Document:
    found: Document = json.loads(answer) if isinstance(answer, bytes) else answer
    return found


def _check_sums(statement: Document) -> None:
    lines, totals = by_id(statement["lines"]), statement["totals"]
    agent, business = lines["agent"], lines["business"]
    assert len(lines) == len(statement["lines"])
    for name in SPLIT:
        assert agent[name] + business[name] == totals[name], name
    for line in lines.values():
        if line["kind"] == "add_on":
            assert line["id"] == f"add_on:{line['licence_key']}"
            for name in (*SPLIT, "peak"):
                assert line[name] <= agent[name], (line["id"], name)
        assert line["used_seconds"] <= line["row_seconds"]
        # A business user who is an agent at another time is named as an agent.
        if line["id"] != "business":
            assert line["peak"] <= line["named_users"]
        assert line["held_30min"] <= line["peak"] <= totals["peak"]
        assert line["peak_runs"] <= line["peak_seconds"]
    assert totals["peak"] <= agent["peak"] + business["peak"]
    assert totals["logins"] <= totals["rows"]
    entries = statement["catalogue"]["entries"]
    add_ons = [f"add_on:{one['licence_key']}" for one in entries if is_add_on(one)]
    assert list(lines) == ["agent", "business", *add_ons]
    known = {one["licence_key"] for one in entries}
    assert not known & set(statement["catalogue"]["unclassified"])


def is_add_on(entry: Document) -> bool:
    return bool(entry["kind"] == "add_on")


def _check_completeness(statement: Document) -> None:
    stated = statement["completeness"]
    assert stated["owed"] == sum(stated[state] for state in STATES)
    days = statement["days"]
    assert stated["owed"] == sum(day["owed"] for day in days)
    covered = sum(stated[state] for state in COVERED)
    assert covered == sum(day["covered"] for day in days)
    assert all(day["covered"] <= day["owed"] for day in days)
    for count, states in LISTED.items():
        listed = [one for one in stated["days"] if one["state"] in states]
        assert stated[count] == len(listed), count


def _check_days(statement: Document) -> None:
    period, days = statement["period"], statement["days"]
    assert days[0]["day"] == period["first_day"]
    assert days[-1]["day"] == period["last_day"]
    assert days[0]["starts_at"] == period["starts_at"]
    assert days[-1]["ends_at"] == period["ends_at"]
    for one, following in pairwise(days):
        assert one["ends_at"] == following["starts_at"]
    for day in statement["outside"]:
        is_before = day["day"] < period["first_day"]
        assert is_before or day["day"] > period["last_day"]
        assert day["side"] == ("before" if is_before else "after")
    for line in statement["lines"]:
        of_days = [by_id(day["lines"])[line["id"]] for day in all_days(statement)]
        for name in ADDED:
            added = sum(one[name] for one in of_days)
            assert added == line[name], (line["id"], name)
        peaks = {one["peak_at"]: one["peak"] for one in of_days}
        assert max(peaks.values()) == line["peak"]
        assert peaks.get(line["peak_at"]) == line["peak"]
        assert line["named_users"] <= sum(one["named_users"] for one in of_days)
    for day in all_days(statement):
        _check_day(day, [line["id"] for line in statement["lines"]])


def _check_day(day: Document, lines: list[str]) -> None:
    starts = [hour["starts_at"] for hour in day["hours"]]
    assert starts == sorted(set(starts))
    assert starts[:1] == [day["starts_at"]]
    assert starts[-1] < day["ends_at"]
    assert list(by_id(day["lines"])) == lines
    hours = [by_id(hour["lines"]) for hour in day["hours"]]
    assert all(list(hour) == lines for hour in hours)
    for line in day["lines"]:
        assert line["peak"] == max(hour[line["id"]]["peak"] for hour in hours)
        if line["id"] != "business":
            of_line = [hour[line["id"]] for hour in hours]
            assert all(one["peak"] <= one["users"] for one in of_line)
        if line["peak_at"] is not None:
            assert day["starts_at"] <= line["peak_at"] < day["ends_at"]
