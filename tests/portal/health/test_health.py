"""Health endpoints: the state of each part, and metrics for Prometheus."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.test import Client

import portal
from portal.celery import app
from portal.health import metrics, readiness
from portal.jobs import drain, heartbeat
from portal.stack import ports
from tests.builders import NOW, Company
from tests.journeys.live_server import request, running_portal
from usage.maintenance import metrics as maintenance_metrics

MIGRATIONS = Path(maintenance_metrics.__file__).parents[1] / "migrations"
TOKEN = "a token of the one who watches"


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    for module in (metrics, readiness):
        module.clear_cache()
    yield
    for module in (metrics, readiness):
        module.clear_cache()


def ready() -> tuple[int, dict[str, str]]:
    answer = Client().get("/readyz")
    told = answer.json()
    return answer.status_code, {**told["parts"], "all": told["state"]}


OK = dict.fromkeys(
    ("database", "migrations", "store", "broker", "forwarding", "all"), "ok"
)


def test_all_parts_are_well(db: None) -> None:
    status, states = ready()
    assert status == 200
    assert states.items() >= OK.items()
    assert Client().get("/readyz")["Cache-Control"].startswith("max-age=0")


def test_without_a_broker_it_goes_on(db: None, settings: Any) -> None:
    settings.BROKER_URL = f"redis://:secret@{ports.LOOPBACK}:{ports.find_free()}/0"
    status, states = ready()
    assert status == 200
    assert (states["broker"], states["all"]) == ("degraded", "degraded")
    assert "secret" not in str(states)


def test_files_that_wait_for_s3_too_long_are_seen(alice: Company) -> None:
    alice.send(alice.server.day(date(2026, 5, 7)), at=datetime.now(UTC))
    assert ready()[1]["forwarding"] == "ok"
    readiness.clear_cache()
    alice.send(
        alice.server.day(date(2026, 5, 8)), at=datetime.now(UTC) - timedelta(hours=2)
    )
    status, states = ready()
    assert (status, states["forwarding"]) == (200, "degraded")


def test_without_room_it_is_not_ready(db: None, settings: Any) -> None:
    settings.MAX_FILE_BYTES = 2**60
    status, states = ready()
    assert (status, states["store"], states["all"]) == (503, "failing", "failing")


def test_where_nothing_can_be_written_it_is_not_ready(
    db: None, settings: Any, tmp_path: Path
) -> None:
    settings.VAR = tmp_path / "file"
    settings.VAR.write_text("no folder")
    assert ready()[0] == 503


def test_with_a_migration_missing_it_is_not_ready(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_is_migrated", False)
    name = max(path.stem for path in MIGRATIONS.glob("0*.py"))
    newest = f"app = 'usage' and name = '{name}'"
    with connections["owner"].cursor() as cursor:
        cursor.execute(f"update django_migrations set app = 'x' where {newest}")
        try:
            assert ready()[1]["migrations"] == "failing"
        finally:
            back = newest.replace("usage", "x")
            cursor.execute(f"update django_migrations set app = 'usage' where {back}")
    readiness.clear_cache()
    assert ready()[1]["migrations"] == "ok"


def test_without_a_database_it_is_not_ready_and_serves(
    tmp_path: Path, worker_id: str
) -> None:
    away = f"postgres://nobody:secret@{ports.LOOPBACK}:{ports.find_free()}/x"
    with running_portal(
        tmp_path, database="x", changes={"DATABASE_URL": away}
    ) as running:
        answer = running.send_raw(request("GET", "/readyz"))
        assert answer.status == 503
        parts = answer.json()["parts"]
        assert parts["database"] == parts["migrations"] == "failing"
        assert parts["store"] == "ok"
        assert b"secret" not in answer.body
        assert running.send_raw(request("GET", "/healthz")).status == 200


# Figures

LINE = re.compile(
    r'([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} ([0-9.e+-]+)'
)
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"')

Figures = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Figures:
    """Read the text format as Prometheus does; whatever is not of it fails."""
    found: Figures = {}
    typed: set[str] = set()
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# HELP "):
            assert re.fullmatch(r"# HELP [a-z_]+ [^\n]+", line)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert kind == "gauge"
            assert name not in typed
            typed.add(name)
            continue
        match = LINE.fullmatch(line)
        assert match, line
        assert match[1] in typed
        labels = frozenset(
            (name, re.sub(r"\\(.)", lambda one: {"n": "\n"}.get(one[1], one[1]), value))
            for name, value in LABEL.findall(match[2])
        )
        assert (match[1], labels) not in found
        found[match[1], labels] = float(match[3])
    return found


def figures() -> Figures:
    client = Client(headers={"Authorization": f"Bearer {TOKEN}"})
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return parsed(answer.content.decode())


def of(found: Figures, name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


@pytest.fixture
def watched(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN


def test_figures_are_those_of_the_rows(alice: Company, watched: None) -> None:
    now = datetime.now(UTC)
    data = alice.server.day(date(2026, 5, 7))
    alice.send(data, at=now - timedelta(hours=3))
    alice.send(alice.server.day(date(2026, 5, 8)), at=now - timedelta(days=2))
    alice.send(b"no usage file", at=now)
    found = figures()
    accepted = {"state": "accepted", "how": "api"}
    assert of(found, "portal_files", **accepted) == 2
    assert of(found, "portal_files_last_day", **accepted) == 1
    assert of(found, "portal_files_last_day", state="rejected", how="api") == 1
    assert of(found, "portal_files_stored_bytes", **accepted) > 2 * len(data) - 99
    assert of(found, "portal_files_stored", state="rejected", how="api") == 0
    assert of(found, "portal_work_waiting", kind="forwarding") == 2
    oldest = of(found, "portal_work_oldest_seconds", kind="forwarding")
    assert 48 * 3600 <= oldest < 48 * 3600 + 60
    assert of(found, "portal_work_waiting", kind="settling") == 0
    assert of(found, "portal_work_oldest_seconds", kind="settling") == 0
    assert of(found, "portal_audit_entries") > 3
    assert of(found, "portal_database_pool", state="most") >= 1
    assert any(
        name == "portal_build_info" and ("version", portal.VERSION) in labels
        for name, labels in found
    )


def test_what_waits_for_a_person_is_counted_by_its_reason(
    alice: Company, watched: None
) -> None:
    alice.send(alice.server.day(date(2026, 5, 7)))
    odd = 'a "quote", a \\ and\na line'
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update usage_forwarding set state = 'set-aside', problem = %s", [odd]
        )
    found = figures()
    assert of(found, "portal_work_set_aside", kind="forwarding", reason=odd) == 1


def test_a_file_without_a_verdict_grows_old(
    alice: Company, watched: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert of(figures(), "portal_files_unsettled_oldest_seconds") == 0
    metrics.clear_cache()
    alice.send(alice.server.day(date(2026, 5, 7)), at=NOW)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "update usage_usagefile set state = 'received', settled_at = null"
        )
    age = of(figures(), "portal_files_unsettled_oldest_seconds")
    assert age > (datetime.now(UTC) - NOW).total_seconds() - 60


def test_the_last_success_of_a_task_is_told(alice: Company, watched: None) -> None:
    assert heartbeat.last_successes(["usage.settle"]) == {}
    now = datetime.now(UTC)
    drain.drain(drain.scheduled_tasks(at=now), now=lambda: now)
    told = of(figures(), "portal_task_success_seconds", task="usage.settle")
    assert told == pytest.approx(now.timestamp(), abs=1)


def test_a_worker_notes_what_has_succeeded(db: None) -> None:
    app.loader.import_default_modules()
    assert app.tasks["usage.settle"].apply().successful()
    [(task, at)] = heartbeat.last_successes(["usage.settle", "usage.forward"]).items()
    assert task == "usage.settle"
    assert at == pytest.approx(datetime.now(UTC).timestamp(), abs=30)


def test_a_scrape_costs_little(
    alice: Company, watched: None, django_assert_num_queries: Any
) -> None:
    figures()
    # Of the process itself: when its tasks last succeeded.
    with django_assert_num_queries(1):
        figures()


def test_figures_are_for_who_knows_the_token(db: None, settings: Any) -> None:
    assert Client().get("/metrics").status_code == 404
    settings.METRICS_TOKEN = TOKEN
    for given in (
        "",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        f"Basic {TOKEN}",
        "Bearer \xff",
    ):
        answer = Client(headers={"Authorization": given}).get("/metrics")
        assert answer.status_code == 401, given
        assert b"portal_" not in answer.content


def test_the_version_is_that_of_the_changelog() -> None:
    changelog = (Path(portal.__file__).parents[1] / "CHANGELOG.md").read_text()
    assert re.findall(r"^## (.+)$", changelog, re.M)[0] == portal.VERSION


def test_a_folder_that_is_there_is_left_clean(db: None, settings: Any) -> None:
    assert maintenance_metrics._store(NOW) == "ok"
    assert list((settings.VAR / "usage").iterdir()) == []
