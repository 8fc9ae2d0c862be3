"""The command line of `python -m portal.stack`."""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from portal.service_urls import ServiceUrlError
from portal.stack import (
    database,
    engines,
    folder,
    log,
    ports,
    postgresql,
    run,
    settings,
)
from portal.stack.supervisor import FailedError, StopRequestedError, Supervisor

DEFAULT_PORT = 8000

# Variables that are numbers and are needed before there is a Django to read them: the
# default as in `portal.env`, and more than anybody means.
NUMBERS = {
    "PORT": (DEFAULT_PORT, 65_535),
    "WEB_WORKERS": (2, 1_000),
    "WEB_THREADS": (64, 10_000),
    "BODY_TIMEOUT": (20, 3_600),
}

# What goes wrong in ways that a sentence explains better than a traceback.
EXPLAINED = (
    FailedError,
    ServiceUrlError,
    database.MisnamedError,
    database.TooOldError,
    engines.DidNotStartError,
    folder.AlreadyRunningError,
    folder.ExposedError,
    folder.UnreadableError,
    ports.NoFreePortError,
    postgresql.UnusableError,
    run.PortTakenError,
    settings.IncompleteError,
    settings.MistypedError,
)


def main(argv: Sequence[str]) -> int:
    """Do as told; return the exit code."""
    folder.write_privately()
    told = _make_parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = told.command
    try:
        return command(told)
    except EXPLAINED as problem:
        log.log_line(str(problem))
        return 1


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.stack")
    commands = parser.add_subparsers(required=True)
    all_of_it = commands.add_parser("run", help="the whole portal")
    all_of_it.set_defaults(command=run_portal)
    prepare = commands.add_parser(
        "prepare-database",
        help="roles and database on a PostgreSQL of your own",
    )
    prepare.set_defaults(command=prepare_database)
    draw = commands.add_parser(
        "draw-secrets", help="new secrets for docker-compose.yml, as an .env file"
    )
    draw.set_defaults(command=draw_secrets)
    only = commands.add_parser("engines", help="PostgreSQL, Valkey and S3, no more")
    only.add_argument("--var", type=Path, default=default_folder())
    only.add_argument("--not-durable", action="store_true")
    only.set_defaults(command=run_engines)
    return parser


def default_folder() -> Path:
    """Where the data of a run lie, unless told otherwise."""
    return engines.ROOT / (os.environ.get("VAR") or "var")


def run_engines(told: argparse.Namespace) -> int:
    """Run the engines until told to stop."""
    var: Path = told.var.resolve()
    with folder.locked(var), Supervisor() as supervisor:
        plan = engines.make_plan(
            var, web_port=DEFAULT_PORT, durable=not told.not_durable
        )
        names: list[str] = []
        try:
            names = engines.start_engines(supervisor, plan)
            log.write(f"{engines.READY}\n")
            supervisor.watch()
        except StopRequestedError:
            log.log_line("stopping")
        supervisor.stop(names)
    log.log_line("stopped")
    return 0


def run_portal(_told: argparse.Namespace) -> int:
    """Run the whole portal until told to stop."""
    _check_numbers()
    options = run.RunOptions(
        var=default_folder().resolve(),
        port=_number("PORT"),
        wants_demo=os.environ.get("DEMO") != "no",
    )
    with folder.locked(options.var) as after_crash, Supervisor() as supervisor:
        try:
            run.await_port(supervisor, options.port, after_crash=after_crash)
            portal = run.Run(options, supervisor)
        except StopRequestedError:
            return 0
        try:
            portal.bring_up()
            supervisor.watch()
        except StopRequestedError:
            log.log_line("stopping")
        finally:
            portal.stop()
    log.log_line("stopped")
    return 0


def _number(name: str) -> int:
    otherwise, most = NUMBERS[name]
    return settings.number_from(os.environ, name, otherwise=otherwise, most=most)


def _check_numbers() -> None:
    """Find before the start what would keep the web server from starting."""
    for name in NUMBERS:
        _number(name)


def prepare_database(_told: argparse.Namespace) -> int:
    """Prepare the database that the environment names."""
    name = database.prepare_from(os.environ)
    log.log_line(f"the database {name} and its roles are prepared")
    return 0


def draw_secrets(_told: argparse.Namespace) -> int:
    """Print new secrets; they are kept nowhere else."""
    log.write(settings.draw_for_containers())
    return 0
