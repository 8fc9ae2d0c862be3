"""A reader and a writer made from the format's page agree with the portal's.

`make fuzz` compares more files than the suite has time for.
"""

import ast
import sys
from pathlib import Path

import pytest

from tests.fuzz.fuzz_second_reader import (
    EXPECTED,
    by_the_portal,
    by_the_second_reader,
    run,
)
from tests.samples.usg import cases
from tests.usage.usg.second import damage, keys
from tests.usage.usg.second.body import COLUMNS
from usage.usg import Code, Severity

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("name", EXPECTED["files"])
def test_the_second_reader_finds_in_each_test_vector_what_is_stated(name: str) -> None:
    entry = dict(EXPECTED["files"][name])
    data = (damage.GOLDEN / name).read_bytes()
    assert by_the_second_reader(data, entry.pop("limits")) == entry


@pytest.mark.slow
def test_both_readers_agree_on_random_and_damaged_files() -> None:
    counted = run(seed=1, rounds=1_000)
    # The deepest checks were reached, and files of each outcome were compared.
    assert set(Severity) <= set(counted)
    assert len(set(Code) - set(counted)) <= 2, set(Code) - set(counted)


def test_the_portal_reads_what_the_second_writer_writes() -> None:
    for number in range(50):
        make = damage.Damage(f"written {number}")
        header, content = make.day()
        found = by_the_portal(make.around(header, content), {})
        assert found["outcome"] == "accept", found["problems"]
        assert found["header"] == header
        columns = zip(*(content[name] for name in COLUMNS), strict=True)
        written = [
            (content["users"][user], content["licence_sets"][held], flags)
            for user, held, _, _, flags in columns
        ]
        rows = found["rows"]
        assert [(row["user"], row["licences"], row["flags"]) for row in rows] == written


def test_the_second_reader_reads_what_the_portal_writes() -> None:
    found = by_the_second_reader(cases.good(), {})
    assert (found["outcome"], found["totals"]["rows"]) == ("accept", 4)


def test_the_second_implementation_uses_nothing_of_the_portal() -> None:
    imported = set()
    for path in Path(keys.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
    own = {name for name in imported if name.startswith("tests.usage.usg.second")}
    others = {name.split(".")[0] for name in imported - own}
    assert others <= {*sys.stdlib_module_names, "cryptography", "zstandard"}
