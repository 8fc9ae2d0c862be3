"""Follows the table of ASVS requirements: each number once, with a test or a reason."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache

import pytest
from django.urls import Resolver404, resolve

from tests.docs_pages import APPS, DOCS, ROOT, code_in, rows

pytestmark = pytest.mark.plain

# The requirements of version 5.0.0, by section: those of level 1, then of level 2.
LEVELS = """
1.1 - 1-2; 1.2 1-5 6-9; 1.3 1-2 3-11; 1.4 - 1-3; 1.5 1 2; 2.1 1 2-3; 2.2 1-2 3;
2.3 1 2-4; 2.4 - 1; 3.2 1-2 -; 3.3 1 2-4; 3.4 1-2 3-6; 3.5 1-3 4-5; 3.7 - 1-2;
4.1 1 2-3; 4.2 - 1; 4.3 - 1-2; 4.4 1 2-4; 5.1 - 1; 5.2 1-2 3; 5.3 1-2 -; 5.4 - 1-3;
6.1 1 2-3; 6.2 1-8 9-12; 6.3 1-2 3-4; 6.4 1-2 3-4; 6.5 - 1-5; 6.6 - 1-3; 6.8 - 1-4;
7.1 - 1-3; 7.2 1-4 -; 7.3 - 1-2; 7.4 1-2 3-5; 7.5 - 1-2; 7.6 - 1-2; 8.1 1 2;
8.2 1-2 3; 8.3 1 -; 8.4 - 1; 9.1 1-3 -; 9.2 1 2-4; 10.1 - 1-2; 10.2 - 1-2;
10.3 - 1-4; 10.4 1-5 6-11; 10.5 - 1-5; 10.6 - 1-2; 10.7 - 1-3; 11.1 - 1-2;
11.2 - 1-3; 11.3 1-2 3; 11.4 1 2-4; 11.5 - 1; 11.6 - 1; 12.1 1 2-3; 12.2 1-2 -;
12.3 - 1-4; 13.1 - 1; 13.2 - 1-5; 13.3 - 1-2; 13.4 1 2-5; 14.1 - 1-2; 14.2 1 2-4;
14.3 1 2-3; 15.1 1 2-3; 15.2 1 2-3; 15.3 1 2-7; 16.1 - 1; 16.2 - 1-5; 16.3 - 1-4;
16.4 - 1-3; 16.5 - 1-3; 17.1 - 1; 17.2 - 1-4; 17.3 - 1-2
"""

NUMBER = re.compile(r"\d+\.\d+\.\d+")
TEST = re.compile(r"tests/\S+\.py::test_\w+")
NOT_MET = re.compile(r"\bnot met: .{20,}")

ROWS = [row for row in rows(DOCS / "asvs.md") if NUMBER.match(row[0])]
APPLYING = [row for row in ROWS if len(row) == 4]
EXCLUDED = [row for row in ROWS if len(row) == 2]


def numbers_of(level: int) -> Iterator[str]:
    for entry in LEVELS.split(";"):
        section, *spans = entry.split()
        first, _, last = spans[level - 1].partition("-")
        if first:
            yield from (
                f"{section}.{number}"
                for number in range(int(first), int(last or first) + 1)
            )


def test_the_list_of_numbers_is_that_of_version_5_0_0() -> None:
    assert len({*numbers_of(1)}) == 70
    assert len({*numbers_of(2)}) == 183
    assert {*numbers_of(1)} & {*numbers_of(2)} == set()


def test_every_requirement_of_levels_1_and_2_is_in_one_of_the_tables_once() -> None:
    assert len(ROWS) == len(APPLYING) + len(EXCLUDED)
    listed = [number for row in ROWS for number in NUMBER.findall(row[0])]
    assert sorted(listed) == sorted([*numbers_of(1), *numbers_of(2)])


def test_every_row_that_applies_has_a_test_or_says_what_is_not_met() -> None:
    assert [
        row[0]
        for row in APPLYING
        if not (TEST.search(row[3]) or NOT_MET.search(row[3]))
    ] == []


def test_every_row_that_does_not_apply_says_why() -> None:
    assert EXCLUDED
    assert [row[0] for row in EXCLUDED if len(row[1]) < 15] == []


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", APPLYING, ids=lambda row: row[0])
def test_each_test_of_a_row_exists(row: list[str]) -> None:
    named = [found for found in code_in(row[3]) if found.startswith("tests/")]
    split = [found.split("::") for found in named]
    assert [found for path, found in split if found not in functions_of(path)] == []


@pytest.mark.parametrize("row", APPLYING, ids=lambda row: row[0])
def test_each_page_and_module_of_a_row_exists(row: list[str]) -> None:
    named = code_in(row[2])
    assert [
        name for name in named if name.startswith("/") and not is_served(name)
    ] == []
    modules = [
        name for name in named if re.fullmatch(rf"({'|'.join(APPS)})(\.[a-z_]+)+", name)
    ]
    for module in modules:
        importlib.import_module(module)


def is_served(page: str) -> bool:
    try:
        resolve(page)
    except Resolver404:
        return False
    return True
