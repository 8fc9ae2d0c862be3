"""Compares the docs with the code: all is named there, and what is named exists."""

import argparse
import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from billing.calendar_view import text as calendar_text
from billing.coverage.chain import CellReason, CellReasonCode
from portal.celery import app
from portal.env import VARIABLES
from portal.error_text import TEXTS
from portal.http.endpoints import ENDPOINTS
from tests.access.documented import DOCUMENTED
from tests.docs_pages import (
    APPS,
    DOCS,
    PAGES,
    ROOT,
    bash_blocks,
    code_in,
    first_cells,
    rows,
)
from usage.files import problems
from usage.usg import SPECS, Severity
from usage.usg.__main__ import parser as usg_parser

pytestmark = pytest.mark.plain

FOLDERS = (*APPS, "tests", "docs", "templates")
DECISIONS = DOCS / "decisions"

# How a system check of ours is called.
CHECK = r"(?:portal|usage|billing)\.[EW]\d{3}"

# How the table of variables says that there is no default.
NO_DEFAULT = "\N{EN DASH}"

# Made by commands, so not there in a fresh clone.
MADE_LATER = {"tests/bench/results/"}


def sources() -> Iterator[tuple[Path, str]]:
    for name in APPS:
        for path in sorted((ROOT / name).rglob("*.py")):
            yield path, path.read_text(encoding="utf-8")


# Settings and checks


def test_every_variable_is_documented_with_its_default() -> None:
    told = {
        name: row[1].strip("`")
        for name, row in first_cells(
            DOCS / "configuration.md", r"[A-Z][A-Z0-9_]*"
        ).items()
    }
    declared = {
        variable.name: {None: NO_DEFAULT, "": "empty"}.get(
            variable.default, variable.default
        )
        for variable in VARIABLES.values()
    }
    assert told == declared


def test_every_system_check_is_documented() -> None:
    modules = [path for path, _ in sources() if path.name == "checks.py"]
    raised = {name for path in modules for name in re.findall(CHECK, path.read_text())}
    assert set(first_cells(DOCS / "configuration.md", CHECK)) == raised


# Codes and their sentences


def test_every_refusal_is_documented_with_its_status() -> None:
    told = {
        code: int(row[1])
        for code, row in first_cells(DOCS / "api.md", r"[a-z]+(-[a-z]+)*").items()
        if re.fullmatch(r"[45]\d\d", row[1])
    }
    assert told == {code: text.status for code, text in TEXTS.items()}


def test_every_problem_of_the_company_is_documented_with_its_severity() -> None:
    told = {
        code: row[1]
        for code, row in first_cells(DOCS / "api.md", r"[a-z]+(-[a-z]+)*").items()
        if row[1] in set(Severity)
    }
    own = set(problems._TEXTS) - {code.value for code in SPECS}
    assert told == {code: problems._TEXTS[code].severity.value for code in own}


def test_every_reason_of_a_cell_is_documented_and_has_its_sentence() -> None:
    assert set(CellReasonCode) <= set(first_cells(DOCS / "api.md", r"[a-z ]+"))
    for code in CellReasonCode:
        told = calendar_text.reason_text(
            CellReason(code, first_sequence=7, last_sequence=9)
        )
        assert told.endswith(".")
        assert "%(" not in told


def placeholders(*texts: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)[ds]", " ".join(texts)))


def raised() -> Iterator[tuple[str, set[str]]]:
    """Yield each refusal that the code makes, with the names of its parameters."""
    for _, source in sources():
        for node in ast.walk(ast.parse(source)):
            match node:
                case ast.Call(
                    func=ast.Name("Refused" | "Unavailable"),
                    args=[ast.Constant(str(code))],
                    keywords=keywords,
                ):
                    yield code, {keyword.arg or "" for keyword in keywords}


def test_every_refusal_is_made_somewhere_with_what_its_sentences_need() -> None:
    made: dict[str, set[str]] = {}
    for code, given in raised():
        text = TEXTS[code]
        assert placeholders(text.title, text.advice) == given, code
        made[code] = given
    assert set(TEXTS) == set(made)


def test_the_problem_of_a_taken_number_has_its_sentences() -> None:
    params = {"sequence": "1041", "other": "IC01.usg"}
    told = problems.describe(
        {"code": problems.SEQUENCE_TAKEN, "where": "header", "params": params}
    )
    assert "1041" in told["title"]
    assert "IC01.usg" in told["advice"]


# Endpoints, tasks, commands


def test_every_endpoint_is_documented_with_all_that_is_declared() -> None:
    assert DOCUMENTED == ENDPOINTS


def test_every_task_is_documented_and_every_scheduled_one_exists() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.split(".")[0] in APPS}
    pattern = rf"({'|'.join(APPS)})\.[a-z_]+"
    assert set(first_cells(DOCS / "architecture.md", pattern)) == ours
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert scheduled <= ours


# Former names of commands, which scripts may still use, and the present ones.
FORMER_COMMANDS = {"this_is_the_one": "claim_mail"}


def test_every_command_of_ours_is_documented() -> None:
    ours = {name for name, owner in get_commands().items() if owner in APPS}
    ours -= FORMER_COMMANDS.keys()
    text = " ".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert ours - named == set()
    assert named - set(get_commands()) == set()


def test_a_former_name_of_a_command_runs_the_present_one() -> None:
    for former, present in FORMER_COMMANDS.items():
        found = load_command_class("portal", former)
        assert type(found) is type(load_command_class("portal", present))


def test_every_command_of_ours_says_what_it_is_for() -> None:
    for name, owner in get_commands().items():
        if owner in APPS:
            assert load_command_class(str(owner), name).help, name


# Architecture


def layers_in_the_picture(app: str) -> list[set[str]]:
    """Return the rows of an app's part of the picture, the upper ones first."""
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    picture = page.split("```")[1]
    part = re.search(rf"^{app}/(.*?)(?=^   \||\Z)", picture, re.M | re.S)
    assert part is not None
    rows = (row.split("--")[0] for row in part[1].splitlines())
    return [set(re.findall(r"[a-z_]+", row)) for row in rows if row.strip()]


@pytest.mark.parametrize("name", APPS)
def test_the_picture_of_the_layers_is_the_contract(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    [contract] = [
        one
        for one in project["tool"]["importlinter"]["contracts"]
        if one.get("containers") == [name]
    ]
    layers = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    assert layers_in_the_picture(name) == layers


# Folders that Django gives their names.
OF_DJANGO = {"management", "migrations", "models", "static", "templatetags"}


def test_every_package_is_in_the_table_of_packages() -> None:
    packages = {
        f"{name}/{path.parent.name}/"
        for name in APPS
        for path in (ROOT / name).glob("*/__init__.py")
        if path.parent.name not in OF_DJANGO
    }
    named = set(first_cells(DOCS / "architecture.md", rf"({'|'.join(APPS)})/\w+/"))
    assert named == packages


# Pages


def test_every_relative_link_leads_somewhere() -> None:
    assert [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in target and not leads_somewhere(page, target)
    ] == []


def leads_somewhere(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    found = (page.parent / path).resolve() if path else page
    return found.exists() and (not anchor or anchor in anchors(found))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def named_in_pages(pattern: str) -> Iterator[tuple[Path, str]]:
    """Yield what stands between backticks and is like the pattern."""
    for page in PAGES:
        for named in code_in(page.read_text(encoding="utf-8")):
            if re.fullmatch(pattern, named):
                yield page, named


def test_every_file_that_is_named_exists() -> None:
    known = {path.name for path in ROOT.glob("*")} | {
        path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.*")
    }
    alone = named_in_pages(r"[\w.-]+\.(py|md|toml|in|html|css)")
    assert [(page.name, name) for page, name in alone if name not in known] == []
    placed = named_in_pages(rf"({'|'.join(FOLDERS)})/[\w./-]*")
    assert [
        (page.name, name)
        for page, name in placed
        if not (ROOT / name).exists() and name not in MADE_LATER
    ] == []


def test_every_name_of_the_code_exists() -> None:
    app.loader.import_default_modules()
    named = named_in_pages(rf"({'|'.join(APPS)})(\.\w+)+(\(\))?")
    assert [
        (page.name, name)
        for page, name in named
        if name not in app.tasks
        and not re.fullmatch(CHECK, name)
        and not is_there(name.removesuffix("()"))
    ] == []


def is_there(name: str) -> bool:
    """Say whether a dotted name is a module, or something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_every_target_of_make_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z]+):", makefile, re.M)
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    named = re.findall(r"(?:`|^    )(?:[A-Z]+=\S+ )*make ([a-z]+)\b", text, re.M)
    assert set(named) - set(targets) == set()


def test_the_readme_begins_with_how_to_run_and_how_to_test() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\n    make run\n" in readme
    assert "\n    make test\n" in readme
    for page in sorted(DOCS.glob("*.md")):
        assert f"(docs/{page.name})" in readme, page.name


def test_commands_that_readme_shows_have_these_options() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = "\n".join(bash_blocks(readme)).replace("\\\n", " ")
    found = re.findall(r"(manage\.py|usage\.usg|usage-sender\.pyz) (\S+)(.*)", shown)
    assert {name for _, name, _ in found} >= {
        "setup",
        "emulate",
        "send",
        "fingerprints",
    }
    subcommands = next(
        action.choices
        for action in usg_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    for program, name, rest in found:
        if program == "manage.py":
            command = load_command_class(get_commands()[name], name)
            options = command.create_parser("manage.py", name)._option_string_actions
        else:
            options = subcommands[name]._option_string_actions
        assert set(re.findall(r"(?<= )--[a-z-]+", rest)) <= set(options), name


def test_the_changelog_has_a_section_for_what_is_not_released() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", changelog, re.M)[0] == "Unreleased"


def test_every_decision_has_its_own_number_and_says_it() -> None:
    found = sorted(DECISIONS.glob("*.md"))
    numbers = [path.name[:4] for path in found]
    assert len(set(numbers)) == len(numbers)
    for path, number in zip(found, numbers, strict=True):
        title = path.read_text(encoding="utf-8").splitlines()[0]
        assert re.match(rf"# 0*{int(number)}[.:] ", title), path.name


def test_every_dependency_has_its_reason() -> None:
    listed = {
        match[1]
        for path in ROOT.glob("requirements*.in")
        for match in re.finditer(r"^([a-z][a-z0-9-]*)", path.read_text(), re.M)
    }
    explained = {
        name
        for row in rows(DECISIONS / "0009-dependencies.md")
        for name in row[0].split(", ")
    }
    assert listed == explained - {"package", "---"}


def test_the_licence_is_apache_2() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n" in licence
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    assert "[Apache-2.0](LICENSE)" in (ROOT / "README.md").read_text(encoding="utf-8")
