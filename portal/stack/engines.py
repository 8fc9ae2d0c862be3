"""Describes the three engines for the supervisor, and starts them for tests."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import environ, getpid
from pathlib import Path
from signal import SIGTERM
from urllib.parse import urlsplit

from portal.stack import (
    database,
    folder,
    launch,
    log,
    ports,
    postgresql,
    seaweed,
    settings,
    valkey,
)
from portal.stack.children import Part
from portal.stack.supervisor import Supervisor

# The line by which `python -m portal.stack engines` says that they are up.
READY = "READY"

# A first start creates a cluster, some seconds; a busy machine takes its time.
START_TIMEOUT = 90.0

STOP_TIMEOUT = 20.0

# Not resolved: the tests run copies of the project that link to this folder.
ROOT = Path(__file__).absolute().parent.parent.parent


class DidNotStartError(Exception):
    """The engines did not come up."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is going to run in a folder, and what it was told."""

    var: Path
    secrets: settings.Secrets
    ports: settings.Ports
    values: dict[str, str]
    durable: bool = True


def make_plan(
    var: Path,
    *,
    web_port: int,
    durable: bool = True,
    environment: Mapping[str, str] = environ,
) -> Plan:
    """Decide on ports, the same as last time where they are free."""
    kept = settings.load_secrets(var)
    before = folder.read_private(var / folder.PARTS_FILE)
    taken = {web_port}

    def choose(name: str) -> int:
        port = _port_of(before.get(name, ""))
        if port is None or port in taken or not ports.is_free(port):
            port = ports.find_free(taken)
        taken.add(port)
        return port

    at = settings.Ports(
        web=web_port,
        database=choose("DATABASE_URL"),
        broker=choose("BROKER_URL"),
        store=choose("S3_ENDPOINT_URL"),
    )
    values = settings.describe_parts(kept, at, environment)
    return Plan(var=var, secrets=kept, ports=at, values=values, durable=durable)


def _port_of(url: str) -> int | None:
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError:
        return None
    return port if parsed.hostname == ports.LOOPBACK else None


def start_engines(
    supervisor: Supervisor, plan: Plan, environment: Mapping[str, str] = environ
) -> list[str]:
    """Start those engines that nothing replaces, all at once; wait for them."""
    started = time.monotonic()
    parts = list(_describe_engines(plan, environment))
    for part in parts:
        supervisor.start(part)
    supervisor.wait_ready(parts, START_TIMEOUT)
    if settings.is_database_ours(environment):
        database.prepare_database(
            settings.superuser_url(plan.secrets, plan.ports.database),
            database=settings.DATABASE,
            owner_password=plan.secrets.owner_password,
            app_password=plan.secrets.app_password,
        )
    folder.write_private(plan.var / folder.PARTS_FILE, plan.values)
    names = [part.name for part in parts]
    if names:
        log.log_line(f"{', '.join(names)}: up after {time.monotonic() - started:.1f} s")
    return names


def _describe_engines(plan: Plan, environment: Mapping[str, str]) -> Iterator[Part]:
    if settings.is_store_ours(environment):
        yield seaweed.describe_server(
            plan.var / "s3",
            plan.ports.store,
            key=plan.secrets.s3_access_key,
            secret=plan.secrets.s3_secret_key,
            bucket=settings.BUCKET,
        )
    if settings.is_broker_ours(environment):
        yield valkey.describe_server(
            plan.var / "valkey", plan.ports.broker, plan.secrets.broker_password
        )
    if settings.is_database_ours(environment):
        data = plan.var / "postgres"
        postgresql.create_cluster(
            data, plan.secrets.superuser_password, durable=plan.durable
        )
        yield postgresql.describe_server(
            data,
            plan.ports.database,
            superuser_url=settings.superuser_url(plan.secrets, plan.ports.database),
            durable=plan.durable,
        )


@contextmanager
def running_engines(var: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Run all three engines, of their own and whatever the environment says.

    Yields the content of `parts.json`. For tests and benchmarks, which must never
    reach the parts of a real installation. What the engines say goes to
    `engines.log` in the folder; `durable=False` lets PostgreSQL skip its fsyncs.
    """
    var = var.resolve()
    var.mkdir(mode=folder.PRIVATE_FOLDER, parents=True, exist_ok=True)
    folder.close_to_others(var)
    journal = var / "engines.log"
    parent, signal_number = str(getpid()), str(int(SIGTERM))
    argv = [sys.executable, "-I", "-S", launch.__file__, parent, signal_number]
    argv += [sys.executable, "-m", "portal.stack", "engines", "--var", str(var)]
    argv += [] if durable else ["--not-durable"]
    own = {k: v for k, v in environ.items() if k not in settings.REPLACING}
    with journal.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            argv,
            cwd=ROOT,
            env=own,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        _wait_for_ready(process, journal)
        yield folder.read_private(var / folder.PARTS_FILE)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)
        process.kill()
        process.wait()


def _wait_for_ready(process: subprocess.Popen[bytes], journal: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        said = journal.read_text(errors="replace")
        if READY in said.splitlines():
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    message = f"the engines did not start:\n{journal.read_text(errors='replace')}"
    raise DidNotStartError(message)
