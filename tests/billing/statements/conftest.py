"""Runs a test with each of the counters, or with the verifier."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from billing.statements import verifier
from tests.billing.statements import brute_force, duckdb_figures
from tests.billing.statements.evidence_packages import (
    Entries,
    Json,
    Recomputed,
    VerifierRun,
    entries_of,
    pack,
    statement_of,
)
from tests.billing.statements.hand_written_month import ALIKE, BERLIN
from tests.billing.statements.small_months import FiguresOf


@pytest.fixture(params=[brute_force.figures_of, duckdb_figures.figures_of])
def figures_of(request: pytest.FixtureRequest) -> FiguresOf:
    return request.param  # type: ignore[no-any-return]  # params are untyped


@pytest.fixture
def verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> VerifierRun:
    """Return a function that verifies entries: exit code, output, errors."""

    def verify(entries: Entries, *options: str) -> tuple[int, str, str]:
        code = verifier.main([str(pack(tmp_path, entries)), *options])
        output = capsys.readouterr()
        return code, output.out, output.err

    return verify


@pytest.fixture
def recomputed(tmp_path: Path) -> Recomputed:
    """Return a function that recomputes a figure of files, whatever is stated."""
    # Most tests ask for several figures of the same files.
    known: dict[str, Json] = {}

    def of(path: str, files: list[Json], **period: str) -> Any:
        content = json.dumps([files, period])
        if content not in known:
            statement = statement_of(files, BERLIN | period)
            package = pack(tmp_path, entries_of(statement, files, ALIKE))
            with zipfile.ZipFile(package) as archive:
                recount = verifier.Recount(verifier.EvidencePackage(archive))
                known[content] = recount.run()
        return known[content][path]

    return of
