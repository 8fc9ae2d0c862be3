from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from usage import reconciling, troubles


class Command(BaseCommand):
    help = (
        "Compares rows, stored files and S3, and puts right what can be put right;"
        " as each night."
    )

    def handle(self, *_args: Any, **options: Any) -> None:
        told = reconciling.reconcile(now=timezone.now)  # noqa: TID251 - a door
        for line in troubles.lines(told):
            self.stdout.write(line)
