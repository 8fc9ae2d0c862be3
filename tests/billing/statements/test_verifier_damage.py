"""The verifier names what is wrong with a package that cannot be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billing.statements import verifier
from tests.billing.statements.evidence_packages import (
    Entries,
    VerifierRun,
    pack,
)
from tests.billing.statements.hand_written_month import entries

pytestmark = pytest.mark.plain


def changed_json(name: str, change: Callable[[Any], object]) -> Entries:
    value: Any = json.loads(entries()[name])
    change(value)
    return {**entries(), name: json.dumps(value)}


ROWS = "user,licences,login,logout,flags\n"
DAMAGED: list[tuple[Entries, str]] = [
    ({}, "users.csv: KeyError"),
    ({**entries(), "statement.json": "{"}, "statement.json: Expecting"),
    ({**entries(), "statement.json": "[" * 100_000}, "statement.json: RecursionError"),
    ({**entries(), "statement.json": "[]"}, "statement.json: TypeError"),
    ({**entries(), "statement.json": "{}"}, "statement.json: KeyError('catalogue')"),
    ({**entries(), "files.json": '{"files": NaN}'}, "files.json: NaN"),
    ({**entries(), "rows.json": '{"files": []}'}, "rows.json: not the files"),
    ({**entries(), "users.csv": ""}, "users.csv: the first line is not user,alike"),
    ({**entries(), "users.csv": "user,alike\n1\n"}, "users.csv, line 2: wrong number"),
    ({**entries(), "users.csv": "user,alike\n1,x\n"}, "users.csv, line 2: invalid"),
    ({**entries(), "users.csv": "user,alike\n1,1\n"}, "rows/0001.csv, line 3: a value"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0\n"}, "rows/0001.csv, line 2: wrong"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,9,8,0\n"}, "line 2: a value is out"),
    (
        {**entries(), "rows/0001.csv": ROWS + "1,A,0,86401,0\n"},
        "line 2: a value is out",
    ),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0,9,8\n"}, "line 2: a value is out"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,-1,9,0\n"}, "line 2: a value is out"),
    ({**entries(), "rows/0001.csv": ROWS + "1,A,0,9.5,0\n"}, "line 2: invalid literal"),
    ({**entries(), "rows/0001.csv": ROWS + f'1,"{"A" * 200_000}",0,9,0\n'}, "Error("),
    (changed_json("statement.json", lambda s: s.update(rules=2)), "version 1"),
    (
        changed_json("statement.json", lambda s: s["period"].update(zone="Mars/Base")),
        "try: pip install tzdata",
    ),
    (
        changed_json(
            "statement.json", lambda s: s["period"].update(last_day="2026-05-04")
        ),
        "have no days",
    ),
    (
        changed_json(
            "statement.json", lambda s: s["period"].update(last_day="9026-05-04")
        ),
        "or more than 150",
    ),
    (
        changed_json("statement.json", lambda s: s["days"].append(s["days"][0])),
        "is stated twice",
    ),
    (
        changed_json(
            "statement.json",
            lambda s: s["catalogue"]["entries"].append(
                {"licence_key": "A", "kind": "ignored"}
            ),
        ),
        "the catalogue has a key twice",
    ),
    (
        changed_json(
            "rows.json",
            lambda r: r["files"][0].update(closed_at="2027-05-05T22:00:00Z"),
        ),
        "open for more than 150 days",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(closed_by="nobody")),
        "rows.json: KeyError('nobody')",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(opened_at="today")),
        "rows.json: time data 'today' does not match",
    ),
    (
        changed_json("rows.json", lambda r: r["files"][0].update(rows="rows/0.csv")),
        "rows/0.csv: KeyError",
    ),
]


@pytest.mark.parametrize(("damaged", "message"), DAMAGED)
def test_a_package_that_cannot_be_read_is_named(
    verified: VerifierRun, damaged: Entries, message: str
) -> None:
    code, output, errors = verified(damaged)
    assert (code, output) == (2, "")
    assert errors.startswith("Cannot verify: ")
    assert errors.count("\n") == 1
    assert message in errors


def test_bytes_that_are_no_archive_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pack(tmp_path, entries())
    whole = path.read_bytes()
    rows = whole.index(b"rows/0001.csv") + 40
    for content in (b"", b"PK", whole[:-30], whole[:rows] + b"?" + whole[rows + 1 :]):
        path.write_bytes(content)
        assert verifier.main([str(path)]) == 2
        assert capsys.readouterr().err.startswith("Cannot verify: ")
    assert verifier.main([str(tmp_path / "none.zip")]) == 2


def test_entries_and_tables_are_bounded(
    verified: VerifierRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifier, "MOST_LINES", 4)
    assert "users.csv, line 5: wrong number" in verified(entries())[2]
    monkeypatch.setattr(verifier, "MOST_BYTES", 30)
    assert "users.csv: more than 30 bytes" in verified(entries())[2]
