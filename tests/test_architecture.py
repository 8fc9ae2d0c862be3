"""Rules no linter holds: sizes, names, readers of clock and environment, templates."""

import ast
import re
import tokenize
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RunSQL

from portal.checks import every_address_has_an_endpoint
from portal.env import VARIABLES
from portal.models import Tenant

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parent.parent
APPS = ("portal", "usage", "billing")

# A page on a screen, and what one sitting reads.
LONGEST_FUNCTION = 45
LONGEST_MODULE = 300

# Looked up in, not read through: one list of settings, or of tables, is easier to find
# than two. The verifier is given to strangers, and so is one file.
LISTS = {
    "portal/settings.py": 400,
    "usage/models/files.py": 350,
    "billing/statements/verifier.py": 400,
}

# Names that say where code was put, not what it is.
JUNK_DRAWERS = {"services", "utils", "util", "helpers", "core", "common", "misc", "lib"}

MODULES = [
    path
    for name in APPS
    for path in sorted((ROOT / name).rglob("*.py"))
    if "migrations" not in path.parts
]
OURS = [*MODULES, ROOT / "manage.py", *sorted((ROOT / "tests").rglob("*.py"))]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
REQUIREMENTS = sorted(ROOT.glob("requirements*.txt"))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return found


def layers_of(container: str) -> list[list[str]]:
    """Return the layers of an app, from endpoints to plain Python."""
    [contract] = [one for one in contracts() if one.get("containers") == [container]]
    return [re.split(r" *[|:] *", layer) for layer in contract["layers"]]


# Sizes and names


def test_a_module_is_read_in_one_sitting() -> None:
    lengths = {shown(path): len(path.read_text().splitlines()) for path in MODULES}
    long = {
        path: n for path, n in lengths.items() if n > LISTS.get(path, LONGEST_MODULE)
    }
    assert long == {}


def test_a_function_fits_on_a_page() -> None:
    lengths = {
        f"{shown(path)}: {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


def test_no_module_is_a_junk_drawer() -> None:
    assert [
        shown(path)
        for path in MODULES
        if {path.stem, *path.relative_to(ROOT).parts[:-1]} & JUNK_DRAWERS
    ] == []


# Modules that stand beside the packages of an app, at most: those that frameworks
# look for by name, and those that connect the apps.
MOST_AT_THE_ROOT = {"portal": 16, "usage": 12, "billing": 12}


def test_an_app_is_made_of_packages() -> None:
    for app, most in MOST_AT_THE_ROOT.items():
        found = [path.name for path in MODULES if path.parent == ROOT / app]
        assert len(found) - 1 <= most, found  # without __init__.py


def test_every_module_says_what_it_does() -> None:
    silent = [shown(path) for path in MODULES if not ast.get_docstring(tree_of(path))]
    assert silent == []


# Names that a framework gives.
OF_FRAMEWORKS = {"Command", "Meta"}


def test_a_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for path in OURS:
        for node in tree_of(path).body:
            if isinstance(node, ast.ClassDef) and node.name not in OF_FRAMEWORKS:
                places.setdefault(node.name, []).append(shown(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_test_module_is_imported_by_another() -> None:
    assert [
        f"{shown(path)} imports {imported}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for imported in imports_of(tree_of(path))
        if re.match(r"tests\.(\w+\.)*test_", imported)
    ] == []


# Contracts, endpoints and walls


def test_plain_python_is_held_to_be_plain() -> None:
    [plain] = [
        one for one in contracts() if "usage.usg" in one.get("source_modules", "")
    ]
    below = layers_of("usage")[layers_of("usage").index(["models", "signals"]) + 1 :]
    assert below == [["usg"]]
    layers = layers_of("billing")
    assert layers[layers.index(["models", "date_ranges"]) + 1 :] == [["coverage"]]
    of_statements = {f"billing.statements.{name}" for name in ("charts", "compute")}
    assert set(plain["source_modules"]) == {
        *("usage.usg", "billing.coverage"),
        *("usage.disk_space.chart", "usage.disk_space.needs"),
        *of_statements,
    }


def test_every_contract_of_an_app_is_exhaustive() -> None:
    contained = [one for one in contracts() if "containers" in one]
    assert {one["containers"][0] for one in contained} >= set(APPS)
    assert all(one["exhaustive"] for one in contained)


def test_every_address_has_an_endpoint() -> None:
    assert every_address_has_an_endpoint(None) == []


def test_every_table_of_a_tenant_is_protected_by_a_migration() -> None:
    tables = {
        model._meta.db_table
        for model in apps.get_models()
        if model is Tenant
        or any(field.related_model is Tenant for field in model._meta.fields)
    }
    assert tables
    assert tables == set(protected_tables())


def protected_tables() -> Iterator[str]:
    """Yield every table on which a migration forces row security."""
    for migration in MigrationLoader(None).disk_migrations.values():
        for operation in migration.operations:
            if isinstance(operation, RunSQL):
                yield from re.findall(
                    r"alter table (\w+) force row level security", str(operation.sql)
                )


# Files that may speak HTTP: endpoints by their name, and others whose subject it is.
ENDPOINTS = {"api", "checks", "forms", "schemas", "urls", "views"}
OF_HTTP = {
    "portal/accounts/adapter.py",
    "portal/accounts/client_address.py",
    "portal/accounts/known_browsers.py",
    "portal/accounts/login_redirect.py",
    "portal/accounts/password_links.py",
    "portal/accounts/receivers.py",
    "portal/accounts/sign_in_tries.py",
    "portal/http/any_host.py",
    "portal/http/api_docs.py",
    "portal/http/body_slots.py",
    "portal/http/context_processors.py",
    "portal/http/downloads.py",
    "portal/http/identify.py",
    "portal/http/log_formatter.py",
    "portal/http/middleware.py",
    "portal/http/multipart_forms.py",
    "portal/http/no_store.py",
    "portal/http/plain_http.py",
    "portal/http/previous_page.py",
    "portal/http/request_bodies.py",
    "portal/http/request_time.py",
    "portal/http/sheets.py",
    "portal/http/sign_in_again.py",
    "portal/http/way_back.py",
    "portal/pages/filters.py",
    "portal/pages/home.py",
    "portal/pages/staff_navigation.py",
    "portal/people/links.py",
    "portal/second_factor/presented_form.py",
    "portal/second_factor/stage.py",
    "portal/tenants/expected_tenant.py",
    "usage/uploads/form_upload.py",
    "usage/uploads/request_body.py",
}


def is_endpoint(path: Path) -> bool:
    """Say whether a file takes requests: by its name, or by the end of it."""
    return bool(ENDPOINTS & {path.stem, path.stem.rpartition("_")[2]})


def test_inner_code_knows_no_http() -> None:
    assert [
        f"{shown(path)} imports {imported}"
        for path in MODULES
        if not is_endpoint(path) and shown(path) not in OF_HTTP
        for imported in imports_of(tree_of(path))
        if re.match(r"django\.(http|shortcuts|urls)\b|ninja\b", imported)
    ] == []


def imports_of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield from (f"{module}.{alias.name}" for alias in names)


def test_reads_never_import_endpoints() -> None:
    endpoints = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in MODULES
        if {"api", "urls", "views"} & {path.stem, path.stem.rpartition("_")[2]}
    }
    assert endpoints
    assert [
        f"{shown(path)} imports {imported}"
        for path in MODULES
        if {"queries", "sql"} & {path.stem, path.stem.rpartition("_")[2]}
        for imported in imports_of(tree_of(path))
        if imported in endpoints or imported.rpartition(".")[0] in endpoints
    ] == []


# They read the clock besides endpoints: tasks, commands, and what surrounds requests.
# The mail folder dates its files.
OF_TIME = {
    "portal/accounts/adapter.py",
    "portal/accounts/receivers.py",
    "portal/accounts/sessions.py",
    "portal/http/context_processors.py",
    "portal/http/identify.py",
    "portal/http/middleware.py",
    "portal/http/request_time.py",
    "portal/mail/file_backend.py",
    "portal/pages/home.py",
    "usage/usg/__main__.py",
    "usage/usg/client/stand_alone.py",
}


# Endpoints that may read it, by the name of their file.
READERS = {"api", "tasks", "views"}


def reads_the_clock(path: Path) -> bool:
    """Say whether a module calls now(), by whatever name it has imported it."""
    tree = tree_of(path)
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "now"
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "timezone"}
        for node in ast.walk(tree)
    ) or any(name.endswith("timezone.now") for name in imports_of(tree))


def test_only_endpoints_read_the_clock() -> None:
    readers = [path for path in MODULES if reads_the_clock(path)]
    assert readers
    assert [
        shown(path)
        for path in readers
        if not READERS & {path.stem, path.stem.rpartition("_")[2]}
        and "management" not in path.parts
        and shown(path) not in OF_TIME
    ] == []


def test_nothing_asks_the_linter_to_overlook_the_clock() -> None:
    assert [
        shown(path)
        for path in MODULES
        if any("noqa: TID251" in comment for comment in comments_of(path))
    ] == []


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    names = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in MODULES
    }
    graph = {
        name: {
            found
            for imported in imported_at_start(path)
            for found in (imported, imported.rpartition(".")[0])
            if found in names and found != name
        }
        for name, path in names.items()
    }
    # Raises CycleError, which names the circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(names)


def imported_at_start(path: Path) -> Iterator[str]:
    """Yield what a module imports when it is loaded, not what its functions do."""
    for node in tree_of(path).body:
        yield from imports_of(ast.Module(body=[node], type_ignores=[]))


def test_the_mark_of_plain_tests_is_written_out() -> None:
    # make quick finds the files by it.
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        marks = re.findall(r"mark\.plain\b", text)
        assert len(marks) == len(re.findall(r"pytest\.mark\.plain\b", text)), path


# Exceptions and habits


def comments_of(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type == tokenize.COMMENT:
                yield token.string


def test_every_exception_to_a_rule_says_why() -> None:
    reasoned = (
        r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \S"
        r"|# type: ignore\[[\w, -]+\]  # \S"
        r"|# pragma: no cover - \S"
    )
    assert [
        f"{shown(path)}: {comment}"
        for path in OURS
        for comment in comments_of(path)
        if re.search(r"# (noqa|type: ignore|pragma: no cover)\b", comment)
        and not re.search(reasoned, comment)
    ] == []


def test_nothing_is_printed() -> None:
    assert [
        f"{shown(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "breakpoint"}
    ] == []


# They only say where the settings are.
NAMERS = {"manage.py", "portal/celery.py", "portal/wsgi.py"}

# Runs on customers' servers, where there is no portal.
ELSEWHERE = {"usage/usg/client/stand_alone.py": "USG_TOKEN"}

# Not ours: where programs are found, for the children of the stack.
THEIRS = {"PATH"}


def test_the_environment_is_read_in_one_place() -> None:
    """In `portal.env`, that is, and in the stack, which has to start without it."""
    reads = r"\bos\.environ\b(?:\.\w+)?|from os import .*\benviron\b|\bgetenv\b"
    for path in (ROOT / "manage.py", *MODULES):
        source = path.read_text(encoding="utf-8")
        used = set(re.findall(reads, source))
        if shown(path) in NAMERS:
            assert used == {"os.environ.setdefault"}, shown(path)
        elif shown(path) in ELSEWHERE:
            assert used == {"os.environ.get"}, shown(path)
        elif shown(path) != "portal/env.py" and "stack" not in path.parts:
            assert used == set(), shown(path)
        named = set(re.findall(r'\bos\.environ(?:\.get\(|\[)"(\w+)"', source))
        ours = set(VARIABLES) | THEIRS | {ELSEWHERE.get(shown(path), "")}
        assert named <= ours, shown(path)


# Templates

TRANSLATED = re.compile(
    r"{% *blocktranslate\b.*?{% *endblocktranslate *%}"
    r"|{% *comment\b.*?{% *endcomment *%}|{#.*?#}",
    re.S,
)
# Names of headers and commands are the same in every language.
VERBATIM = re.compile(r"<(code|kbd|pre)\b.*?</\1>", re.S)
SPOKEN = r"\b(?:alt|title|placeholder|aria-label|aria-description)=\"([^\"]*)\""


def test_a_template_has_no_inline_style_script_or_handler() -> None:
    inline = re.compile(
        r"<style\b|\sstyle=|\son[a-z]+=|javascript:|<script\b(?![^>]*\bsrc=)", re.I
    )
    assert [
        f"{shown(path)}: {found}"
        for path in TEMPLATES
        for found in inline.findall(path.read_text(encoding="utf-8"))
    ] == []


def untranslated(html: str) -> list[str]:
    html = VERBATIM.sub("", TRANSLATED.sub("", html))
    html = re.sub(r"{%.*?%}|{{.*?}}", "", html, flags=re.S)
    text = re.sub(r"<[^>]*>", " ", html, flags=re.S)
    return re.findall(r"[^\W\d_]{2,}", " ".join([text, *re.findall(SPOKEN, html)]))


def test_every_text_of_a_template_is_marked_for_translation() -> None:
    left = {
        shown(path): untranslated(path.read_text(encoding="utf-8"))
        for path in TEMPLATES
    }
    assert {path: words for path, words in left.items() if words} == {}


def test_a_text_that_is_not_marked_is_found() -> None:
    assert (
        untranslated("<p>{% translate 'Yes' %} {{ name }} <code>GET</code></p>") == []
    )
    assert untranslated("<p>Hello {{ name }}</p>") == ["Hello"]
    assert untranslated('<img alt="A map">') == ["map"]


# Parts that stand below all apps.
SHARED_TEMPLATES = {"base.html", "components", "emails"}
APP_TAGS = {
    path.stem: path.relative_to(ROOT).parts[0]
    for app in APPS
    for path in (ROOT / app / "templatetags").glob("*.py")
}


def references_of(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a template loads, extends or includes, and the app that has it."""
    html = path.read_text(encoding="utf-8")
    for name in re.findall(r"{% *(?:extends|include) +[\"']([^\"']+)", html):
        owner = name.split("/")[0]
        yield name, "portal" if owner in SHARED_TEMPLATES else owner
    for names in re.findall(r"{% *load +([\w ]+?) *%}", html):
        for name in names.split():
            yield name, APP_TAGS.get(name, "portal")


def test_templates_refer_to_each_other_as_modules_import() -> None:
    wrong = []
    for path in (*TEMPLATES, *sorted((ROOT / "templates").rglob("*.txt"))):
        owner = path.relative_to(ROOT / "templates").parts[0]
        own = "portal" if owner in SHARED_TEMPLATES else owner
        for name, other in references_of(path):
            if APPS.index(other) > APPS.index(own):
                wrong.append(f"{shown(path)} refers to {name}")
    assert wrong == []


def test_a_template_lies_in_a_folder_of_its_package() -> None:
    folders = {
        path.parent.relative_to(ROOT / "templates").as_posix() for path in TEMPLATES
    }
    assert [
        name
        for name in sorted(folders - {".", "components", "emails"})
        if not (ROOT / name / "__init__.py").exists()
    ] == []


# Requirements


def test_requirements_are_pinned_with_hashes_and_name_no_index() -> None:
    pin = re.compile(r"[a-z0-9][a-z0-9.-]*(\[[a-z0-9,-]+\])?==\S+ .*--hash=sha256:")
    assert len(REQUIREMENTS) == len(list(ROOT.glob("requirements*.in")))
    for path in REQUIREMENTS:
        text = path.read_text(encoding="utf-8").replace("\\\n", " ")
        assert "://" not in text, path.name
        lines = [one for one in text.splitlines() if one and not one.startswith("#")]
        assert lines, path.name
        assert [line[:80] for line in lines if not pin.match(line)] == []
