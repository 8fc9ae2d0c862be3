"""The inventory of the docs names every use of cryptography and every connection."""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache

import pytest

from portal.env import VARIABLES
from tests.docs_pages import APPS, DOCS, ROOT, code_in, first_cells, rows

pytestmark = pytest.mark.plain

PAGE = DOCS / "inventory.md"

CRYPTOGRAPHY = {"hashlib", "hmac", "secrets", "cryptography", "django.core.signing"}
CRYPTOGRAPHY |= {"fido2"}
CONNECTIONS = {"http.client", "smtplib", "socket", "ssl", "urllib.request", "boto3"}
CONNECTIONS |= {"redis", "requests", "httpx"}
PROGRAMS = {"subprocess", "pty"}
CODE_AS_DATA = {"pickle", "marshal", "shelve", "xml", "yaml", "dill"}

# Jitter of retries and ports that are tried: nothing that has to be unpredictable.
WITH_PLAIN_RANDOM = {
    "portal/jobs/queue.py",
    "portal/stack/ports.py",
    "usage/inbox/fetch.py",
    "usage/usg/client/http.py",
}


@cache
def trees() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    }


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


def importers(wanted: Iterable[str]) -> set[str]:
    """Return the modules that import one of these, or something in one of them."""
    begin = tuple(f"{name}." for name in wanted)
    return {
        path
        for path, tree in trees().items()
        if any(f"{name}.".startswith(begin) for name in imports_of(tree))
    }


def calls_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield f".{node.func.attr}"


def callers(*wanted: str) -> set[str]:
    return {path for path, tree in trees().items() if set(wanted) & {*calls_of(tree)}}


def modules_in(section: str) -> set[str]:
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2]
    named = code_in(re.split(r"^## ", text, maxsplit=1, flags=re.M)[0])
    return {name for name in named if name.endswith(".py")}


def test_every_use_of_cryptography_is_in_the_inventory() -> None:
    assert modules_in("Cryptography") == importers(CRYPTOGRAPHY)


def test_every_module_that_opens_connections_is_in_the_inventory() -> None:
    assert modules_in("Connections") == importers(CONNECTIONS)


def test_every_secret_of_the_environment_is_in_the_inventory() -> None:
    secret = re.compile(r".*(_KEY|_TOKEN|_URL|_ACCESS_KEY_ID)")
    declared = {name for name in VARIABLES if secret.fullmatch(name)}
    named = set(first_cells(PAGE, r"[A-Z][A-Z0-9_]+"))
    assert declared - named == {"S3_ENDPOINT_URL"}
    assert named <= set(VARIABLES)


def test_no_weak_hash_is_used() -> None:
    assert callers(".md5", ".sha1", ".new") & importers({"hashlib"}) == set()


def test_plain_random_numbers_choose_nothing_but_waits_and_ports() -> None:
    assert importers({"random"}) == WITH_PLAIN_RANDOM


def test_programs_are_started_by_the_supervisor_alone() -> None:
    starters = importers(PROGRAMS) | callers(".system", ".popen", ".execv", ".execve")
    assert starters
    assert {path for path in starters if not path.startswith("portal/stack/")} == set()


def test_no_text_is_run_as_code_or_read_by_a_format_that_can() -> None:
    assert callers("eval", "exec", "Template", ".from_string") == set()
    assert importers(CODE_AS_DATA) == set()


def test_each_level_of_data_says_how_it_is_protected_logged_and_kept() -> None:
    levels = [row for row in rows(PAGE) if row[0] in {"secret", "personal", "business"}]
    assert {row[0] for row in levels} == {"secret", "personal", "business"}
    assert [row for row in levels if len(row) != 6 or not all(row)] == []


def test_the_times_to_update_a_package_grow_as_its_fault_is_less_urgent() -> None:
    days = [int(row[1].split()[0]) for row in rows(PAGE) if row[1].endswith(" days")]
    assert days == [3, 14, 60, 90]
