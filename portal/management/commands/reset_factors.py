"""Resets the second factors of a person who has no colleague to do it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.management import arguments
from portal.models import User
from portal.second_factor import reset


class Command(BaseCommand):
    help = (
        "Removes all second factors of a person and ends their sessions, so that the"
        " password alone leads to setting up a new one. For the last of the billing"
        " staff; others are reset on the pages."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "email", type=arguments.address, help="the person's mail address"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        email = options["email"]
        person = User.objects.filter(email=email, is_active=True).first()
        if person is None:
            message = f"Nobody has an account with the address {email}."
            raise CommandError(message)
        reset.reset_on_the_machine(person, at=timezone.now())
        self.stdout.write(
            f"{person.email} has no second factor now, and all sessions have ended."
            " Next: sign in with the password, and set up a new one."
        )
