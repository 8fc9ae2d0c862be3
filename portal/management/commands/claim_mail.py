"""Lets this database send mail again after it was restored or moved."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.mail import switch as mail_switch


class Command(BaseCommand):
    help = "Lets this database send mail, after it was restored from a backup or moved."

    def handle(self, *_args: Any, **_options: Any) -> None:
        now = timezone.now()
        mail_switch.claim(by="operator", at=now)
        self.stdout.write("Mail goes again. Reminders due before now are not sent.")
