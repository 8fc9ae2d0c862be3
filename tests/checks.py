"""The checks of `make lint`, `make test` and the pre-commit hook, in one list."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = Path(sys.executable).parent
SOURCES = ("portal", "usage", "billing", "tests", "manage.py")
TEMPLATES = "templates"
DJANGO = "5.2"

# As many as the smallest machine has cores: more would only take turns.
AT_ONCE = 2

# What an installation that people reach has set; `check --deploy` judges that.
DEPLOYED = {
    "DEBUG": "no",
    "PORTAL_ADDRESS": "https://portal.example",
    "ALLOWED_HOSTS": "portal.example",
    "TRUSTED_PROXY": "yes",
}


@dataclass(frozen=True)
class Check:
    """A command that has to succeed."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a check went."""

    check: Check
    is_good: bool
    output: str


def tool(name: str, *arguments: str) -> tuple[str, ...]:
    """Make a command of one of the environment's own programs."""
    return (str(SCRIPTS / name), *arguments)


def manage(*arguments: str) -> tuple[str, ...]:
    """Make a command of `manage.py`."""
    return (sys.executable, str(ROOT / "manage.py"), *arguments)


def list_checks() -> Iterator[Check]:
    """List them, the longest first."""
    yield Check("types (mypy)", tool("mypy", *SOURCES))
    yield Check("imports (import-linter)", tool("lint-imports", "--no-cache"))
    yield Check(
        "migrations are complete",
        manage("makemigrations", "--check", "--dry-run"),
    )
    yield Check(
        "deployment (check --deploy)",
        manage("check", "--deploy", "--fail-level", "WARNING"),
        DEPLOYED,
    )
    yield Check("lint (ruff)", tool("ruff", "check", "."))
    yield Check("format (ruff)", tool("ruff", "format", "--check", "."))
    yield Check("spelling (codespell)", tool("codespell"))
    yield Check("dependencies (deptry)", tool("deptry", "."))
    yield Check(
        f"Django {DJANGO} forms (django-upgrade)",
        tool("django-upgrade", "--target-version", DJANGO, "--check", *python_files()),
    )
    templates = [str(path) for path in sorted((ROOT / TEMPLATES).rglob("*.html"))]
    if templates:
        yield Check("templates (djlint)", tool("djlint", "--lint", TEMPLATES))
        yield Check(
            "form of templates (djade)",
            tool("djade", "--target-version", DJANGO, "--check", *templates),
        )


def python_files() -> list[str]:
    """List our sources, for a tool that takes no folders."""
    found = [ROOT / "manage.py"]
    for folder in SOURCES[:-1]:
        found += sorted((ROOT / folder).rglob("*.py"))
    return [str(path) for path in found]


def run_checks(environment: Mapping[str, str]) -> list[Outcome]:
    """Run all of them, two at a time; in the order of the list."""

    def run(check: Check) -> Outcome:
        done = subprocess.run(
            check.command,
            cwd=ROOT,
            env={**environment, **check.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(check, done.returncode == 0, done.stdout.strip())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(run, list_checks()))
