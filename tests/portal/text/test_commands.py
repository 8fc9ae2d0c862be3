"""Every argument of every command cleans its text."""

import argparse
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date

import pytest
from django.core.management import (
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)
from django.core.management.base import BaseCommand

from portal.db import unit_of_work
from portal.management import arguments
from portal.models import Tenant, User
from tests.portal.text.hostile import HOSTILE, unclean_rows

OURS = ("portal", "usage", "billing")


def _text_arguments() -> Iterator[tuple[str, argparse.Action]]:
    """Yield the arguments that take a value from the command line."""
    for name, app in sorted(get_commands().items()):
        if app not in OURS:
            continue
        command = load_command_class(str(app), name)
        if not type(command).__module__.startswith(OURS):
            continue
        # Arguments of Django's own commands are Django's.
        above = type(command).__mro__[1]
        base = {action.dest for action in _parser(above())._actions}
        for action in _parser(command)._actions:
            if action.nargs != 0 and action.dest not in base:
                yield f"{name} {action.dest}", action


def _parser(command: BaseCommand) -> argparse.ArgumentParser:
    return command.create_parser("manage.py", "command")


ARGUMENTS = dict(_text_arguments())


@pytest.mark.plain
def test_every_argument_says_what_it_takes() -> None:
    assert {"setup name", "month_end reason", "statement tenant"} <= set(ARGUMENTS)
    plain = [
        name
        for name, action in ARGUMENTS.items()
        if action.type in (None, str) and not action.choices
    ]
    assert plain == []


@pytest.mark.plain
@pytest.mark.parametrize("text_name", HOSTILE)
def test_an_argument_is_cleaned_or_refused_in_words(text_name: str) -> None:
    kinds = (arguments.line, arguments.address, arguments.reason, arguments.exact)
    for kind in kinds:
        kept, refusal = _taken(kind, HOSTILE[text_name])
        kept.encode()
        assert kind(kept) == kept if kept else not refusal or len(refusal) > 10


def _taken(kind: Callable[[str], str], typed: str) -> tuple[str, str]:
    try:
        return kind(typed), ""
    except argparse.ArgumentTypeError as error:
        return "", str(error)


def test_the_first_tenant_has_clean_names(db: None) -> None:
    call_command(
        "setup",
        "--staff-email= Clerk@Staff\u200b.example\n",
        "--number=B-200\u202e",
        "--name=Mu\u0308ller\r\n&\u2028So\u0308hne \u202e",
        "--zone=Europe/Berlin",
        "--admin-email=ADMIN@b-200.example",
        "--first-day=2026-05-28",
    )
    with unit_of_work.acting_for(unit_of_work.STAFF, reading=True):
        tenant = Tenant.objects.get()
        people = set(User.objects.values_list("email", flat=True))
    assert (tenant.number, tenant.name) == ("B-200", "M\u00fcller & S\u00f6hne")
    assert tenant.first_owed_on == date(2026, 5, 28)
    assert people == {"clerk@staff.example", "admin@b-200.example"}
    assert unclean_rows() == []


@pytest.mark.parametrize(
    "text_name", ["null", "surrogate", "many marks", "only marks", "a megabyte"]
)
def test_a_command_keeps_clean_text_or_ends_in_words(db: None, text_name: str) -> None:
    typed = HOSTILE[text_name]
    with suppress(CommandError):
        call_command(
            "setup",
            f"--staff-email={typed}@staff.example",
            "--number=B-200",
            f"--name={typed}",
            "--zone=Europe/Berlin",
            "--admin-email=admin@b-200.example",
        )
    assert unclean_rows() == []
