"""Every problem code: a file that has it, its text, its place in the docs."""

import re
from pathlib import Path

import pytest

from tests.samples.usg import cases
from usage.usg import SPECS, Code, Severity, read
from usage.usg.problems import Problem, shown, worst

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs" / "usg-format.md"


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.code.value)
def test_a_file_with_one_thing_wrong_has_exactly_that_problem(case: cases.Case) -> None:
    reading = read(case.build(), cases.expected_for(case.limits))
    assert [problem.code for problem in reading.problems] == [case.code]
    assert reading.outcome is SPECS[case.code].severity
    refused = reading.outcome is Severity.REJECT
    assert (reading.day is None) is refused
    [problem] = reading.problems
    assert "%(" not in problem.title + problem.advice
    assert problem.title.isprintable()
    assert problem.advice.isprintable()


def test_every_code_has_a_file() -> None:
    assert {case.code for case in cases.CASES} == set(Code)


def test_every_code_has_words() -> None:
    assert set(SPECS) == set(Code)
    for spec in SPECS.values():
        assert spec.title.endswith(".")
        assert spec.advice.endswith(".")
        assert spec.severity is not Severity.ACCEPT


def test_every_code_is_in_the_docs_with_its_severity() -> None:
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| (reject|hold|warn) \|", DOCS.read_text(), re.M
    )
    assert dict(rows) == {
        code.value: spec.severity.value for code, spec in SPECS.items()
    }


def test_a_file_fares_as_its_worst_problem() -> None:
    warning = Problem(Code.OFFSET_DIFFERS, "x")
    holding = Problem(Code.CLOCK_AHEAD, "x")
    refusing = Problem(Code.SEAL_BROKEN, "x")
    assert worst([]) is Severity.ACCEPT
    assert worst([warning]) is Severity.WARN
    assert worst([holding, warning]) is Severity.HOLD
    assert worst([holding, refusing, warning]) is Severity.REJECT


def test_what_a_sender_wrote_is_cut_and_made_printable() -> None:
    assert shown("a\x00b\u202ec") == "a\ufffdb\ufffdc"
    assert len(shown("x" * 10_000)) == 61
    assert shown(12) == "12"
