"""Every process computes with the pinned zone data, whatever the machine has."""

import os
import re
import subprocess
import sys
import zoneinfo
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings

from billing.coverage import periods
from portal import zones
from portal.errors import Refused
from portal.forms import zone_choices
from portal.tenants import create
from tests import zone_files
from usage.usg import peek
from usage.usg.__main__ import main as usg_command
from usage.usg.zones import find_zone

pytestmark = [pytest.mark.plain, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
# Its rules changed in 2026: older data give this deadline an hour too early.
ZONE, DAY = "Africa/Casablanca", date(2026, 12, 4)
# What the machine's data say: a clock of no other place.
ODD = zone_files.fixed_zone(5 * 3600 + 17 * 60, "ODD")

DEADLINE = (
    "from billing.coverage.periods import Period, deadline_at, zone_named;"
    f"print('found', int(deadline_at(Period(2026, 11), zone_named('{ZONE}'))"
    ".timestamp()))"
)
SHOWN = (
    "import zoneinfo, datetime;"
    "print('found', int(datetime.datetime(2026, 12, 5, tzinfo=zoneinfo.ZoneInfo("
    f"'{ZONE}')).timestamp()))"
)
WSGI = "portal.wsgi:application"
PYTHON = (sys.executable, "-W", "ignore")
# Commands of every kind, with what they read; `{conf}` is the web server's settings.
ENTRIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "manage.py": ((*PYTHON, "manage.py", "shell", "-v", "0", "-c", DEADLINE), ""),
    "web server": (
        (*PYTHON, "-m", "gunicorn", "--check-config", "--config", "{conf}", WSGI),
        "",
    ),
    "celery": (
        (*PYTHON, "-m", "celery", "-A", "portal.celery", "shell", "--python"),
        f"{DEADLINE}\n",
    ),
    "plain Python of billing": ((*PYTHON, "-c", DEADLINE), ""),
    "plain Python of usage": ((*PYTHON, "-c", f"import usage.usg;{SHOWN}"), ""),
    "stack": ((*PYTHON, "-c", f"import portal.stack.commands;{SHOWN}"), ""),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the zone data of a machine, and what sets it as Python's default."""
    folder = tmp_path_factory.mktemp("machine")
    for name in (ZONE, "localtime", "posixrules", "Mars/Base", "right/Europe/Berlin"):
        path = folder / "zoneinfo" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(ODD)
    (folder / "python").mkdir()
    (folder / "python" / "sitecustomize.py").write_text(
        "import sysconfig\n"
        f"sysconfig.get_config_vars()['TZPATH'] = {str(folder / 'zoneinfo')!r}\n"
    )
    (folder / "conf.py").write_text(
        f"exec(open({str(ROOT / 'portal/stack/gunicorn_conf.py')!r}).read())\n"
        f"import atexit\natexit.register(lambda: exec({DEADLINE!r}))\n"
    )
    return folder


def environment(machine: Path, way: str) -> dict[str, str]:
    """Let `zoneinfo` find the machine's data by its variable or by its default."""
    given = {k: v for k, v in os.environ.items() if k != "PYTHONTZPATH"}
    if way == "variable":
        return {**given, "PYTHONTZPATH": str(machine / "zoneinfo")}
    return {**given, "PYTHONPATH": str(machine / "python")}


def found_by(argv: tuple[str, ...], script: str, env: dict[str, str]) -> int:
    done = subprocess.run(
        argv,
        input=script,
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    [shown] = re.findall(r"found (\d+)", done.stdout)
    return int(shown)


@pytest.mark.parametrize("way", ["variable", "default"])
def test_python_alone_would_read_the_machines_data(machine: Path, way: str) -> None:
    odd = zone_files.Clock.read(ODD).ends_of([DAY])[0]
    env = environment(machine, way)
    assert found_by((*PYTHON, "-c", SHOWN), "", env) == odd


# What needs long to start is tried by one way.
BY_DEFAULT = ["plain Python of billing", "plain Python of usage", "stack"]


@pytest.mark.parametrize(
    ("way", "entry"),
    [
        *(("variable", one) for one in ENTRIES),
        *(("default", one) for one in BY_DEFAULT),
    ],
)
def test_the_deadline_is_that_of_the_pinned_data_in_every_process(
    machine: Path, way: str, entry: str
) -> None:
    clock = zone_files.Clock.read(zone_files.pinned_bytes(ZONE))
    argv, script = ENTRIES[entry]
    argv = tuple(one.format(conf=machine / "conf.py") for one in argv)
    found = found_by(argv, script, environment(machine, way))
    assert found == clock.ends_of([DAY])[0]


def test_the_emulator_writes_days_of_the_pinned_data(
    machine: Path, tmp_path: Path
) -> None:
    command = (*PYTHON, "-m", "usage.usg", "emulate", str(tmp_path / "usage"))
    options = ("--from", str(DAY), "--to", str(DAY), "--servers", "1", "--users", "1")
    habits = ("--days-off", "0", "--restarts", "0", "--crashes", "0")
    subprocess.run(
        (*command, "--keys", str(tmp_path), "--zone", ZONE, *options, *habits),
        env=environment(machine, "variable"),
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [path] = (tmp_path / "usage").iterdir()
    header = peek(path.read_bytes())
    assert header is not None
    clock = zone_files.Clock.read(zone_files.pinned_bytes(ZONE))
    assert int(header.closed_at.timestamp()) == clock.ends_of([DAY])[0]


def test_the_test_process_reads_the_pinned_zone_data_only() -> None:
    assert zoneinfo.TZPATH == ()


# Names


@pytest.fixture
def machines_names(machine: Path) -> Iterator[None]:
    """Let `zoneinfo` read the machine's data after all: its names are not ours."""
    zoneinfo.reset_tzpath(to=(str(machine / "zoneinfo"),))
    yield
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()


NO_NAMES = [
    "localtime", "posixrules", "Mars/Base", "right/Europe/Berlin", "leapseconds",
    "zone.tab", "europe/berlin", "Europe", "Europe/Berlin ", "../Europe/Berlin", "",
]  # fmt: skip


@pytest.mark.parametrize("name", [*NO_NAMES, "Factory"])
def test_a_zone_that_the_pinned_data_do_not_name_is_refused(
    machines_names: None, name: str
) -> None:
    with pytest.raises(Refused, match="zone-unknown"):
        create.require_zone(name)
    assert name not in zones.names()
    assert name == "" or name not in dict(zone_choices())


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_file_in_a_zone_that_the_pinned_data_do_not_name_has_none(
    machines_names: None,
    name: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_zone(name) is None
    assert periods.zone_named(name) is periods.LAST_PLACE_ON_EARTH
    days = ["--from", "2026-05-01", "--to", "2026-05-01", "--keys", "keys"]
    with pytest.raises(SystemExit, match="2"):
        usg_command(["emulate", "directory", *days, "--zone", name])
    assert "there is no time zone" in capsys.readouterr().err


def test_every_name_of_the_pinned_data_is_a_zone() -> None:
    assert zones.names() == set(zone_files.pinned_names()) - {"Factory"}
    for name in zones.names():
        create.require_zone(name)
        assert find_zone(name) is not None


# PostgreSQL has zone data of its own.


def test_no_statement_lets_postgresql_compute_with_a_zone() -> None:
    """UTC has no rules; the ORM computes with the active zone, which is UTC too."""
    assert settings.TIME_ZONE == "UTC"
    named = re.compile(
        r"at\s+time\s+zone\s+(?!'UTC')|timezone\(%|timezone\.(activate|override)"
        r"|\b(Trunc|Extract)\w*\([^)]*tzinfo",
        re.IGNORECASE,
    )
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for app in ("portal", "usage", "billing")
        for path in sorted((ROOT / app).rglob("*.py"))
        for match in named.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []
