"""Builds evidence packages by hand: rows, files and a statement with its figures."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Row = tuple[int, str, int, int, int]  # user, licences, login, logout, flags
Entries = dict[str, str]  # of a package, by name

# Verifies entries with options: exit code, output, errors.
VerifierRun = Callable[..., tuple[int, str, str]]

# Recomputes the figure of a path from files: what the verifier prints.
Recomputed = Callable[..., Any]

HASHED = ["rules", "catalogue", "completeness", "files", "totals", "lines"]
HASHED += ["days", "outside", "doubtful"]
CATALOGUE = [("A", "agent"), ("B", "business"), ("I", "ignored"), ("X", "add_on")]
LINES = ["agent", "business", "add_on:X"]
NO_SUMS = {"named_users": 0, "logins": 0, "used_seconds": 0, "row_seconds": 0}
NO_PEAK = {"peak": 0, "peak_at": None}
NO_RUNS = {"peak_seconds": 0, "peak_runs": 0}
NOT_HELD = {"held_30min": 0, "held_30min_from": None}
DOUBTS = [
    "no_logout",
    "cut_by_restart",
    "cut_by_crash",
    "alike_groups",
    "assigned_day_rows",
]


def canonical_sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_of(
    day: str,
    opened_at: str,
    closed_at: str,
    rows: list[Row],
    *,
    server: str = "IC01",
    offset: int = 0,
    closed_by: str = "midnight",
    assigned_day: str | None = None,
) -> Json:
    return {
        "listed": {"server": server, "day": day, "assigned_day": assigned_day},
        "opened": {
            "opened_at": opened_at,
            "opened_offset": offset,
            "closed_at": closed_at,
            "closed_by": closed_by,
        },
        "rows": rows,
    }


def manifest_of(files: list[Json]) -> Json:
    facts = [
        {
            **file["listed"],
            "series": "00000000-0000-0000-0000-000000000001",
            "sequence": number,
            "sha256": f"{number:064x}",
            "size": 1000 + number,
        }
        for number, file in enumerate(files, 1)
    ]
    return {"files": facts}


def lines_of(given: dict[str, Json], without: Json) -> list[Json]:
    return [{"id": line, **without, **given.get(line, {})} for line in LINES]


def day_of(
    starts_at: str,
    ends_at: str,
    hours: list[str],
    lines: dict[str, Json],
    in_hours: dict[tuple[str, str], tuple[int, int]],
    **names: str,
) -> Json:
    """Return a day; `in_hours` gives peak and users by hour and line."""
    quiet = {"peak": 0, "users": 0}
    return {
        **names,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "owed": 0,
        "covered": 0,
        "lines": lines_of(lines, {**NO_PEAK, **NO_SUMS}),
        "hours": [
            {
                "starts_at": hour,
                "lines": lines_of(
                    {
                        line: dict(zip(quiet, figures, strict=True))
                        for (at, line), figures in in_hours.items()
                        if at == hour
                    },
                    quiet,
                ),
            }
            for hour in hours
        ],
    }


def statement_of(files: list[Json], period: Json, **parts: Any) -> Json:
    """Return a statement in which whatever is not given is zero."""
    manifest = manifest_of(files)
    lines: dict[str, Json] = parts.pop("lines", {})
    statement = {
        "schema": "https://portal.example/statement-1.json",
        "period": period,
        "rules": 1,
        "catalogue": {
            "version": 1,
            "entries": [{"licence_key": key, "kind": kind} for key, kind in CATALOGUE],
            "unclassified": parts.pop("unclassified", []),
        },
        "completeness": {"owed": 4, "received": 4, "days": []},
        "files": {
            "count": len(files),
            "bytes": sum(file["size"] for file in manifest["files"]),
            "manifest_sha256": canonical_sha256(manifest),
        },
        "totals": {**NO_SUMS, "rows": 0, **NO_PEAK, **NO_RUNS}
        | parts.pop("totals", {}),
        "lines": [
            {
                **line,
                "kind": line["id"].partition(":")[0],
                "licence_key": line["id"].partition(":")[2] or None,
                "unit": "users",
            }
            for line in lines_of(lines, {**NO_SUMS, **NO_PEAK, **NO_RUNS, **NOT_HELD})
        ],
        "doubtful": dict.fromkeys(DOUBTS, 0) | parts.pop("doubtful", {}),
        "days": [],
        "outside": [],
        **parts,
    }
    return signed(statement)


def signed(statement: Json) -> Json:
    hashed = {name: statement[name] for name in HASHED}
    return deepcopy(statement) | {"figures_sha256": canonical_sha256(hashed)}


def entries_of(
    statement: Json, files: list[Json], alike: dict[int, int]
) -> dict[str, str]:
    """Return the entries of a package by their names."""
    listed = manifest_of(files)["files"]
    opened = [
        {
            "sha256": one["sha256"],
            **file["opened"],
            "rows": f"rows/{one['sequence']:04}.csv",
        }
        for one, file in zip(listed, files, strict=True)
    ]
    entries = {
        "statement.json": json.dumps(statement),
        "files.json": json.dumps({"files": listed}),
        "rows.json": json.dumps({"files": opened}),
        "users.csv": csv_of("user,alike", list(alike.items())),
    }
    for facts, file in zip(opened, files, strict=True):
        rows = csv_of("user,licences,login,logout,flags", file["rows"])
        entries[facts["rows"]] = rows
    return entries


def csv_of(header: str, rows: list[Any]) -> str:
    lines = [header, *(",".join(str(cell) for cell in row) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def pack(folder: Path, entries: dict[str, str]) -> Path:
    path = folder / "evidence.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path
