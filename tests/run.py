"""Runs `make test` and its parts: the engines once, then section after section."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from portal.stack.engines import running_engines  # noqa: E402 - the path comes first
from tests import checks  # noqa: E402 - the same

# pytest's exit codes that are not failures: all passed, and nothing to run.
PASSED, NOTHING_COLLECTED = 0, 5

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")

# Seconds on two cores, as `make test` has to stay within fifteen minutes.
BUDGETS = {
    "install and lint": 90,
    "plain": 15,
    "database": 240,
    "access matrix": 150,
    "browser": 180,
    "faults": 120,
}

# Least coverage of lines and branches, in percent, for files as coverage names them.
# Plain Python has no excuse: no framework, no clock, no network.
# What speaks to the network is no plain Python, wherever it lies.
OMIT = ("usage/usg/client/*",)
COVERAGE: Mapping[str, tuple[int, Sequence[str]]] = {
    "everything": (95, ("portal/*", "usage/*", "billing/*")),
    "usage/usg": (100, ("usage/usg/*",)),
    "usage/disk_space": (
        100,
        tuple(
            f"usage/disk_space/{name}.py"
            for name in (
                *("chart", "days", "estimate", "forecast", "needs", "trends", "weeks"),
            )
        ),
    ),
    "billing/coverage": (100, ("billing/coverage/*",)),
    "billing/statements/compute": (100, ("billing/statements/compute/*",)),
    "billing/statements/charts": (100, ("billing/statements/charts/*",)),
}

# What `make faults` does where its own variables do not say otherwise: pairs of places,
# kills, uploads without a broker, clients and seconds of overlapping sets, uploads to
# two machines and kills of their parts, mutated files and requests, and the most
# seconds for each of these two.
LONG: Mapping[str, str] = {
    "FAULTS_PAIRS": "yes",
    "FAULTS_KILLS": "1000",
    "FAULTS_UPLOADS": "1000",
    "FAULTS_CLIENTS": "50",
    "FAULTS_SECONDS": "600",
    "FAULTS_MACHINE_UPLOADS": "3000",
    "FAULTS_MACHINE_KILLS": "40",
    "FAULTS_FILES": "1000000",
    "FAULTS_REQUESTS": "100000",
    "FAULTS_MOST": "7200",
}


@dataclass
class Section:
    """What came of one section."""

    name: str
    passed: int = 0
    failed: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    remark: str = ""


@dataclass
class RunnerSession:
    """One call of the runner: its environment, and what came of it so far."""

    environment: dict[str, str]
    scratch: Path
    sections: list[Section] = field(default_factory=list)

    @contextmanager
    def section(self, name: str) -> Iterator[Section]:
        """Time a section and keep what came of it."""
        say(f"\n=== {name}")
        section = Section(name)
        started, used = time.monotonic(), processor_seconds()
        yield section
        section.seconds = time.monotonic() - started
        section.processor_seconds = processor_seconds() - used
        self.sections.append(section)

    def pytest(self, section: Section, *arguments: str) -> None:
        """Run pytest, and count from its own report."""
        report = self.scratch / f"{len(self.sections)}.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}"]
        # Who is done takes over from others: the longest tests are not the last.
        command += ["--dist", "worksteal"]
        code = call([*command, *arguments], self.environment)
        count(section, report)
        if code == NOTHING_COLLECTED:
            section.remark = "no tests yet"
        elif code != PASSED and not section.failed:
            # It broke before or after its tests: an interrupt, a plugin, a warning.
            section.failed += 1
            section.remark = f"pytest ended with {code}"


def say(text: str) -> None:
    """Print a line now, before what a child prints next."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def processor_seconds() -> float:
    """Return what all ended children have used: without the engines, which run on."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def call(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command in the project's folder, without a terminal to ask."""
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False
    ).returncode


def count(section: Section, report: Path) -> None:
    """Add up pytest's report."""
    if not report.exists():
        return
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        section.failed += bad
        section.passed += int(suite.get("tests", 0)) - bad - skipped
        if skipped:
            section.remark = f"{skipped} skipped"


def lint(session: RunnerSession) -> None:
    """Run every check of the list; show what the bad ones say."""
    with session.section("install and lint") as section:
        for outcome in checks.run_checks(session.environment):
            say(f"{'ok    ' if outcome.is_good else 'FAILED'} {outcome.check.name}")
            if outcome.is_good:
                section.passed += 1
            else:
                section.failed += 1
                say(outcome.output)


def database(session: RunnerSession) -> None:
    """Run everything that is neither the matrix, nor a browser, nor destructive."""
    with session.section("database") as section:
        marked = "not access and not browser and not faults"
        # A third one works while others wait for the disk, for S3 and for time-outs.
        session.pytest(section, "-n", "3", "-m", marked, *covering())


def access(session: RunnerSession) -> None:
    """Try every URL as the wrong person.

    Without coverage, which costs half as much again: all that is reached here is
    tried closely elsewhere.
    """
    with session.section("access matrix") as section:
        session.pytest(section, "-n", "2", "-m", "access")


def faults(session: RunnerSession) -> None:
    """Kill and cut; three at a time, for most of it is waiting."""
    with session.section("faults") as section:
        session.pytest(section, "-n", "3", "-m", "faults", *covering())


def browser(session: RunnerSession) -> None:
    """Use the pages as people do."""
    with session.section("browser") as section:
        if os.environ.get("WITHOUT_BROWSER") == "1":
            section.remark = "left out (WITHOUT_BROWSER=1)"
            return
        chromium = find_chromium()
        if chromium is None:
            section.failed += 1
            section.remark = "no Chromium; WITHOUT_BROWSER=1 leaves these tests out"
            return
        session.environment["CHROMIUM"] = chromium
        session.pytest(section, "-n", "2", "-m", "browser")


def find_chromium() -> str | None:
    """Find the system's browser; install it where that is possible unasked."""

    def find() -> str | None:
        return next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)

    apt = shutil.which("apt-get")
    if find() is None and apt is not None and os.geteuid() == 0:
        say("installing chromium")
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
            subprocess.run([apt, *step], env=quiet, capture_output=True, check=False)
    return find()


def covering() -> list[str]:
    """Collect coverage; the sections add to one another."""
    return ["--cov", "--cov-append", "--cov-report="]


def coverage(session: RunnerSession) -> None:
    """Hold the coverage of all sections together against its thresholds."""
    say("\n=== coverage")
    section = Section("coverage")
    for name, (least, files) in COVERAGE.items():
        include, omit = ",".join(files), ",".join(() if name == "everything" else OMIT)
        command = [sys.executable, "-m", "coverage", "report", f"--include={include}"]
        command += [f"--omit={omit}"] if omit else []
        command += [f"--fail-under={least}", "--skip-covered", "--show-missing"]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False
        )
        is_absent = "No data to report" in done.stdout
        is_good = done.returncode == 0 or is_absent
        section.passed += is_good
        section.failed += not is_good
        state = "no files yet" if is_absent else "ok" if is_good else "TOO LITTLE"
        say(f"{name}: at least {least} %: {state}")
        if not is_good:
            say(done.stdout)
    session.sections.append(section)


def everything(session: RunnerSession) -> None:
    """Run all sections; a bad one does not keep the next from running."""
    subprocess.run([sys.executable, "-m", "coverage", "erase"], cwd=ROOT, check=False)
    for run in (lint, database, access, browser, faults, coverage):
        run(session)


def plain(session: RunnerSession) -> bool:
    """Run the linter and the tests that need no engine; say whether all is well.

    The answer comes within 15 seconds on 2 cores, before any engine is started.
    """
    with session.section("lint") as section:
        for arguments in (("check", "."), ("format", "--check", ".")):
            code = call(checks.tool("ruff", *arguments), session.environment)
            section.passed += code == 0
            section.failed += code != 0
    with session.section("plain") as section:
        session.pytest(section, "-n", "2", "-m", "plain and not slow", *plain_files())
    return all(section.failed == 0 for section in session.sections)


def plain_files() -> list[str]:
    """List the files with such tests: collecting all others would take longer."""
    return [
        str(path)
        for path in sorted((ROOT / "tests").rglob("test_*.py"))
        if "pytest.mark.plain" in path.read_text(encoding="utf-8")
    ]


def quick(session: RunnerSession) -> None:
    """Run the rest of what is fast and finds most."""
    with session.section("database") as section:
        marked = "not access and not browser and not faults and (slow or not plain)"
        session.pytest(section, "-n", "2", "-m", marked)


def scripts(session: RunnerSession, pattern: str, *arguments: str) -> None:
    """Run programs that are no tests, each for itself."""
    for path in sorted((ROOT / "tests").glob(pattern)):
        with session.section(path.stem) as section:
            code = call([sys.executable, str(path), *arguments], session.environment)
            section.passed += code == 0
            section.failed += code != 0


def bench(session: RunnerSession) -> None:
    """Measure; each benchmark prints a table and writes its JSON."""
    (ROOT / "tests" / "bench" / "results").mkdir(exist_ok=True)
    scripts(session, "bench/bench_*.py")


def fuzz(session: RunnerSession) -> None:
    """Throw damaged input at the readers, for a bounded time."""
    scripts(session, "fuzz/*.py", "--seconds", os.environ.get("FUZZ_SECONDS") or "60")


def breaking(session: RunnerSession) -> None:
    """Break everything, long and at random; the figures are in docs/reliability.md."""
    settings = {**LONG, **session.environment}
    session.environment |= settings
    names = ("failpoints", "broken_store", "full_disk", "broker", "crowd")
    for name in (*names, "kills", "several_machines"):
        with session.section(name.replace("_", " ")) as section:
            session.pytest(section, "-n", "0", f"tests/faults/test_{name}.py")
    for name, count in (("usg", "FAULTS_FILES"), ("requests", "FAULTS_REQUESTS")):
        bounds = ("--rounds", settings[count], "--seconds", settings["FAULTS_MOST"])
        scripts(session, f"fuzz/fuzz_{name}.py", *bounds)


def report(session: RunnerSession) -> bool:
    """Print the table and the sum; say whether all is well."""
    titles = ("passed", "failed", "seconds", "of CPU", "budget")
    say("\n" + "".join([f"{'section':<20}", *(f"{one:>10}" for one in titles)]))
    for section in session.sections:
        budget = BUDGETS.get(section.name, "")
        counts = f"{section.passed:>10}{section.failed:>10}"
        used = f"{section.processor_seconds:>10.1f}"
        times = f"{section.seconds:>10.1f}{used}{budget:>10}"
        say(f"{section.name:<20}{counts}{times}  {section.remark}".rstrip())
    passed = sum(section.passed for section in session.sections)
    failed = sum(section.failed for section in session.sections)
    of_all = sum(section.processor_seconds for section in session.sections)
    say(f"\n{passed} passed, {failed} failed, {of_all:.0f} s of processor time")
    return failed == 0


TARGETS: Mapping[str, Callable[[RunnerSession], None]] = {
    "all": everything,
    "quick": quick,
    "lint": lint,
    "bench": bench,
    "fuzz": fuzz,
    "faults": breaking,
}


# Settings that let Django load where no engine runs; nothing answers at port 9.
NO_ENGINES: Mapping[str, str] = {
    "SECRET_KEY": "only-for-tests-without-engines-0123456789-0123456789-0123456789",
    "MASTER_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "DATABASE_URL": "postgres://nobody@127.0.0.1:9/none",
    "BROKER_URL": "redis://127.0.0.1:9",
}


def main(target: str) -> int:
    """Run a target with its own engines, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="portal-tests-") as name:
        scratch = Path(name)
        common = {
            "VAR": str(scratch / "var"),
            "DJANGO_SETTINGS_MODULE": "portal.settings",
        }
        session = RunnerSession({**os.environ, **NO_ENGINES, **common}, scratch)
        if target == "quick" and not plain(session):
            report(session)
            return 1
        # A benchmark measures what a person would get, fsync and all.
        with running_engines(scratch / "var", durable=target == "bench") as parts:
            session.environment = {**os.environ, **parts, **common}
            # As `make run` does before it serves a page.
            static_files = ["collectstatic", "--no-input", "--verbosity=0"]
            call(checks.manage(*static_files), session.environment)
            TARGETS[target](session)
        return 0 if report(session) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
