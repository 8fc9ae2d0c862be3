"""`make run`: starts all parts of the portal, from an empty folder to a first page."""

import http.client
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from portal.stack import engines, log, ports, settings
from portal.stack.children import Part
from portal.stack.supervisor import FailedError, Supervisor

# After a kill -9 the web server of the earlier run needs a moment to notice.
WAIT_FOR_EARLIER = 30.0

# From a cold disk, with two cores and others at work on them.
WEB_TIMEOUT = 90.0

# Tasks wait for the database and for S3, hardly for the processor.
LEAST_TASKS = 2
MOST_TASKS = 4

CELERY = ("celery", "--quiet", "--app", "portal.celery")

# Seconds for gunicorn itself, beside those that requests in progress get.
MARGIN = 5.0

# Files that are sent to S3 at once. A hanging S3 holds these processes and no others.
FORWARDS = 2

# One refresher process is enough; more would wait for the same tenants' locks.
REFRESHERS = 1

# Celery reports every task twice. What a task did is said by the task.
CHATTER = "INFO celery."

# How the log names steps whose own names are too long for its column.
STEP_NAMES = {"prepare_bucket": "bucket", "collectstatic": "static"}

DEMO_DONE = "demo.done"

# Celery warns about root at every start. Its reason, that a pickled message can
# run anything, does not apply: ours are JSON.
NO_WARNING_AS_ROOT = "ignore:You're running the worker with superuser privileges"


class PortTakenError(Exception):
    """Something else listens where the portal is to answer."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What whoever starts the portal may choose."""

    var: Path
    port: int
    wants_demo: bool


class Run:
    """One run of the whole portal."""

    def __init__(self, options: RunOptions, supervisor: Supervisor) -> None:
        self._options = options
        self._supervisor = supervisor
        self._engines: list[str] = []
        self._apps: list[str] = []
        self.plan = engines.make_plan(options.var, web_port=options.port)
        self._environment = {
            **os.environ,
            "VAR": str(options.var),
            "PORT": str(options.port),
            "PYTHONUNBUFFERED": "1",
            # The people of the demo have no phones. Pages of the staff show this
            # setting.
            "STAFF_SECOND_FACTOR": os.environ.get("STAFF_SECOND_FACTOR")
            or ("no" if options.wants_demo else "yes"),
            "PYTHONWARNINGS": NO_WARNING_AS_ROOT,
        }

    def bring_up(self) -> None:
        """Take the steps in their order; each needs what the one before it made."""
        started = time.monotonic()
        self._engines = engines.start_engines(self._supervisor, self.plan)
        self._manage("migrate", "--no-input")
        self._manage("collectstatic", "--no-input", "--verbosity=0")
        self._manage("prepare_bucket")
        self._make_demo()
        self._start_apps()
        log.log_line(f"ready after {time.monotonic() - started:.0f} s")
        self._log_next_steps()

    def stop(self) -> None:
        """Stop everything, the last first: who comes in, what works, the engines."""
        for part in reversed(self._apps):
            self._supervisor.stop([part])
        self._supervisor.stop(self._engines)

    def _make_demo(self) -> None:
        done = self._options.var / DEMO_DONE
        if not self._options.wants_demo or done.exists():
            return
        log.log_line("first start: making the demo data (DEMO=no leaves it out)")
        self._manage("demo", "--silent")
        # Only now: what was interrupted is made again at the next start.
        done.touch()

    def _manage(self, *arguments: str, is_stamped: bool = True) -> None:
        name = STEP_NAMES.get(arguments[0], arguments[0])
        started = time.monotonic()
        argv = [sys.executable, "manage.py", *arguments]
        code = self._supervisor.run(
            Part(
                name=name,
                argv=argv,
                cwd=engines.ROOT,
                environment=self._environment,
                is_stamped=is_stamped,
            )
        )
        if code:
            message = f"manage.py {name} failed (exit code {code}), see above"
            raise FailedError(message)
        if is_stamped:
            log.log_line(f"done in {time.monotonic() - started:.1f} s", name)

    def _start_apps(self) -> None:
        parts = list(describe_apps(self._options, self._environment))
        for part in parts:
            self._apps.append(part.name)
            self._supervisor.start(part)
        self._supervisor.wait_ready(parts, WEB_TIMEOUT)

    def _log_next_steps(self) -> None:
        log.log_line(f"the portal answers at {self.plan.values['PORTAL_ADDRESS']}")
        if (self._options.var / DEMO_DONE).exists():
            self._manage("demo", "--sign-ins", is_stamped=False)
        else:
            log.log_line(
                "create the first account of the billing staff in a second terminal:"
            )
            log.log_line(f"  {first_command(self._options.var)}")
            log.log_line('then follow "The first day" in README.md')
        log.log_line("Ctrl-C stops it")


def first_command(var: Path) -> str:
    """Return the command that creates the first account, for a portal in `var`."""
    is_default = var == engines.ROOT / "var"
    other = "" if is_default else f"VAR={shlex.quote(str(var))} "
    return f"{other}.venv/bin/python manage.py setup --staff-email YOU@EXAMPLE.COM"


def describe_apps(
    options: RunOptions, environment: Mapping[str, str]
) -> Iterator[Part]:
    """Describe what runs beside the engines."""
    configuration = Path(__file__).with_name("gunicorn_conf.py")
    web = ("gunicorn", "--config", str(configuration), "portal.wsgi:application")
    tasks = min(max(os.cpu_count() or 1, LEAST_TASKS), MOST_TASKS)
    worker = describe_worker("worker", "celery", tasks)
    forwarder = describe_worker("forwarder", "forward", FORWARDS)
    refresher = describe_worker("refresher", "refresh", REFRESHERS)
    beat = (
        *(*CELERY, "beat", "--loglevel", "WARNING"),
        # No pid file: after a crash it would keep the next one from starting.
        *("--pidfile=", f"--schedule={options.var / 'beat-schedule'}"),
    )
    is_serving = partial(is_healthy, options.port)
    describe = partial(_describe_app, environment=environment)
    yield describe("worker", worker)
    yield describe("forwarder", forwarder)
    yield describe("refresher", refresher)
    yield describe("beat", beat)
    # Last, so that it is the first to be stopped: TERM lets requests end. Where we
    # have died there is nothing left to end them with. Its workers notice that their
    # master has gone; a signal that it could handle might come before it does.
    yield describe(
        "web",
        web,
        stop_with=signal.SIGTERM,
        patience=settings.REQUESTS_END_WITHIN + MARGIN,
        is_ready=is_serving,
    )


def _describe_app(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    stop_with: signal.Signals = signal.SIGKILL,
    **options: Any,
) -> Part:
    """Describe a part; all of Celery's work is in rows: killed, it loses none."""
    return Part(
        name=name,
        argv=[sys.executable, "-m", *command],
        cwd=engines.ROOT,
        environment=environment,
        stop_with=stop_with,
        is_shown=lambda line: CHATTER not in line,
        **options,
    )


def describe_worker(name: str, queue: str, processes: int) -> tuple[str, ...]:
    """Describe a Celery worker that does what one queue brings."""
    return (
        *(*CELERY, "worker"),
        *("--loglevel", "INFO", f"--hostname={name}@%h"),
        *(f"--queues={queue}", "--concurrency", str(processes)),
        # Workers have nothing to say to each other.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        *("--include", "portal.stack.task_processes"),
    )


def is_healthy(port: int) -> bool:
    """Say whether the portal answers, and finds itself well."""
    connection = http.client.HTTPConnection(ports.LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_port(supervisor: Supervisor, port: int, *, after_crash: bool) -> None:
    """Make sure that the port can be had.

    After a crash the earlier run's own web server may hold it for a moment more.
    """
    patience = WAIT_FOR_EARLIER if after_crash else 0.0
    if not supervisor.wait_until(lambda: ports.is_free(port), patience):
        message = (
            f"port {port} is taken by another program; stop that, or choose another "
            f"port: make run PORT={port + 1}"
        )
        raise PortTakenError(message)
