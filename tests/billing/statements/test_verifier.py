"""The verifier names every figure of a statement that differs from the evidence."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from billing.statements import verifier
from tests.billing.statements.evidence_packages import (
    HASHED,
    Json,
    Recomputed,
    VerifierRun,
    canonical_sha256,
    entries_of,
    file_of,
    pack,
    signed,
    statement_of,
)
from tests.billing.statements.hand_written_month import (
    ALIKE,
    BERLIN,
    DAYS,
    FIFTH,
    FILES,
    FOURTH,
    SIXTH,
    STATEMENT,
    entries,
)

pytestmark = pytest.mark.plain


def test_a_statement_that_is_right_agrees(verified: VerifierRun) -> None:
    code, output, errors = verified(entries())
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[-1] == "All 552 figures agree."
    assert "totals: 9 compared" in lines
    assert "lines: 39 compared" in lines
    assert "days: 40 compared" in lines
    assert "doubtful: 5 compared" in lines
    assert "completeness, owed, covered, unreadable: taken as stated" in lines


# Every figure, changed


def leaves(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the container and the key of each value that is no container."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, dict | list):
            yield from leaves(inner)
        elif key not in {"id", "day", "side", "owed", "covered"}:
            yield value, key


def differences(statement: Json, found: Json) -> list[str]:
    stated = verifier.stated_figures(deepcopy(statement))
    hashed = {name: statement[name] for name in HASHED}
    figures = found | {"figures_sha256": canonical_sha256(hashed)}
    return [
        path
        for path in stated | figures
        if stated.get(path, ...) != figures.get(path, ...)
    ]


def test_each_figure_that_is_changed_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(pack(tmp_path, entries())) as archive:
        found = verifier.Recount(verifier.EvidencePackage(archive)).run()
    changed = deepcopy(STATEMENT)
    assert differences(changed, found) == []
    # Each figure gets a value of its own, so that its path is known by it.
    keys: list[str] = []
    for part in ("files", "totals", "lines", "days", "outside", "doubtful"):
        for container, key in leaves(changed[part]):
            names_an_hour = "hours" not in container and "day" not in container
            if key != "starts_at" or not names_an_hour:
                container[key] = 900_000 + len(keys)
                keys.append(key)
    stated = verifier.stated_figures(deepcopy(signed(changed)))
    named = differences(signed(changed), found)
    assert sorted(stated[path] - 900_000 for path in named) == list(range(len(keys)))
    assert all(path.endswith(f".{keys[stated[path] - 900_000]}") for path in named)
    assert len(named) == 552 - 4
    assert "lines.add_on:X.held_30min_from" in named
    assert "days.2026-05-05.business.row_seconds" in named
    assert "outside.after.2026-05-07.hours.2026-05-07T01:00:00Z.agent.users" in named


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda s: s["totals"].update(peak=3), "totals.peak: stated 3, recomputed 2"),
        (lambda s: s["totals"].update(peak=2.0), None),
        (
            lambda s: s["lines"][0].update(peak=True),
            "lines.agent.peak: stated true, recomputed 1",
        ),
        (
            lambda s: s["lines"][1].pop("logins"),
            "lines.business.logins: stated nothing, recomputed 3",
        ),
        (
            lambda s: s["totals"].update(price=9),
            "totals.price: stated 9, recomputed nothing",
        ),
        (
            lambda s: s["period"].update(starts_at=FIFTH),
            f'period.starts_at: stated "{FIFTH}", recomputed "{FOURTH}"',
        ),
        (
            lambda s: s["catalogue"].update(unclassified=[]),
            'catalogue.unclassified: stated [], recomputed ["Z"]',
        ),
        (
            lambda s: s["outside"].clear(),
            f'outside.after.2026-05-07.starts_at: stated nothing, recomputed "{SIXTH}"',
        ),
        (
            lambda s: s["outside"][0].update(side="before"),
            f'outside.before.2026-05-07.starts_at: stated "{SIXTH}", '
            "recomputed nothing",
        ),
        (
            lambda s: s["days"][0]["hours"].pop(),
            "days.2026-05-05.hours.2026-05-05T21:00:00Z.agent.peak: stated nothing, "
            "recomputed 1",
        ),
    ],
)
def test_a_difference_is_printed_with_both_values(
    verified: VerifierRun, change: Callable[[Json], object], path: str | None
) -> None:
    statement = deepcopy(STATEMENT)
    change(statement)
    code, output, errors = verified(entries_of(signed(statement), FILES, ALIKE))
    if path is None:
        assert (code, errors) == (
            2,
            f"{errors.partition(':')[0]}: statement.json: 2.0\n",
        )
    else:
        assert code == 1
        assert path in output.splitlines()
        assert " figures differ." in output


def test_a_false_hash_of_the_figures_differs(verified: VerifierRun) -> None:
    changed = STATEMENT | {"completeness": {"owed": 5}}
    code, output, _ = verified(entries_of(changed, FILES, ALIKE))
    assert code == 1
    assert "figures_sha256: stated" in output
    assert "\n1 of 552 figures differ." in output


def test_files_that_do_not_open_are_taken_as_stated(verified: VerifierRun) -> None:
    files = STATEMENT["files"] | {"unreadable": ["0" * 64]}
    code, output, _ = verified(
        entries_of(signed(STATEMENT | {"files": files}), FILES, ALIKE)
    )
    assert (code, output.splitlines()[-1]) == (0, "All 552 figures agree.")


def test_a_list_where_a_figure_belongs_differs(verified: VerifierRun) -> None:
    totals = STATEMENT["totals"] | {"peak": [2]}
    statement = signed(STATEMENT | {"totals": totals})
    code, output, _ = verified(entries_of(statement, FILES, ALIKE))
    assert code == 1
    assert "totals.peak: stated [2], recomputed 2" in output


def test_at_most_twenty_differences_are_printed(verified: VerifierRun) -> None:
    statement = statement_of(FILES, BERLIN, days=DAYS[:1])
    code, output, _ = verified(entries_of(statement, FILES, ALIKE))
    assert code == 1
    assert output.count(", recomputed ") == 20


def test_a_changed_list_of_files_differs(verified: VerifierRun) -> None:
    changed = json.loads(entries()["files.json"])
    changed["files"][0]["server"] = "IC09"
    code, output, _ = verified(entries() | {"files.json": json.dumps(changed)})
    assert code == 1
    assert "files.manifest_sha256: stated" in output
    assert "\n1 of 552 figures differ." in output


def test_a_file_of_another_period_does_not_count(
    recomputed: Recomputed,
) -> None:
    other = file_of("2026-05-04", "2026-05-03T22:00:00Z", FOURTH, [(5, "A", 0, 9, 0)])
    assert recomputed("files.count", [*FILES, other]) == 4
    assert recomputed("files.bytes", [*FILES, other]) == 4_010
    assert recomputed("totals.named_users", [*FILES, other]) == 4


# One figure


def test_one_figure_is_printed_alone(verified: VerifierRun) -> None:
    path = "days.2026-05-05.agent.used_seconds"
    code, output, _ = verified(entries(), "--figure", path)
    assert (code, output) == (0, f"{path}: stated 9900, recomputed 9900\n")
    changed = deepcopy(STATEMENT)
    changed["lines"][0]["peak"] = 7
    package = entries_of(signed(changed), FILES, ALIKE)
    code, output, _ = verified(package, "--figure", "lines.agent.peak")
    assert (code, output) == (1, "lines.agent.peak: stated 7, recomputed 1\n")


def test_a_figure_that_does_not_exist_is_refused(verified: VerifierRun) -> None:
    code, output, errors = verified(entries(), "--figure", "lines.agent.price")
    assert (code, output) == (2, "")
    assert "no figure has the path 'lines.agent.price'" in errors


# Alone


def test_the_program_needs_nothing_installed(tmp_path: Path) -> None:
    program = tmp_path / "verifier.py"
    shutil.copy(verifier.__file__, program)
    command = [sys.executable, "-I", "-S", str(program), str(pack(tmp_path, entries()))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # It runs with the machine's zone data, unlike this process.
    folders = (sysconfig.get_config_var("TZPATH") or "").split(os.pathsep)
    if any(Path(folder, "Europe/Berlin").exists() for folder in folders):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("All 552 figures agree.\n")
    else:
        assert done.returncode == 2
        assert "try: pip install tzdata" in done.stderr
