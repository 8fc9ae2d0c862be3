"""Follows the links of the table that goes through the vendor's document."""

import ast
import re
from functools import cache

import pytest
from django.urls import Resolver404, resolve

from tests.docs_pages import DOCS, ROOT, code_in, rows

pytestmark = pytest.mark.plain

LINES = [row for row in rows(DOCS / "vendor-document.md") if row[0].startswith("V")]


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_statement_of_the_document_is_listed_once() -> None:
    assert [row[0] for row in LINES] == [f"V{number}" for number in range(20)]


@pytest.mark.parametrize("line", LINES, ids=lambda row: row[0])
def test_each_page_of_a_line_has_an_address(line: list[str]) -> None:
    pages = [found for found in code_in(line[2]) if found.startswith("/")]
    # The links to documents are followed with those of all pages of the docs.
    assert pages or re.search(r"\]\([a-z-]+\.md", line[2])
    assert [page for page in pages if not is_served(page)] == []


def is_served(page: str) -> bool:
    try:
        resolve(page)
    except Resolver404:
        return False
    return True


@pytest.mark.parametrize("line", LINES, ids=lambda row: row[0])
def test_each_test_of_a_line_exists(line: list[str]) -> None:
    tests = [found.split("::") for found in code_in(line[3])]
    assert tests
    assert [test for path, test in tests if test not in functions_of(path)] == []
