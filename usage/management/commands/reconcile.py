"""Compares rows, stored bytes and S3, and repairs what it can."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from usage.forwarding import text as forwarding_text
from usage.maintenance import reconcile


class Command(BaseCommand):
    help = (
        "Compares rows, stored files and S3, and puts right what can be put right;"
        " as each night."
    )

    def handle(self, *_args: Any, **options: Any) -> None:
        report = reconcile.reconcile(now=timezone.now)
        for line in forwarding_text.report_lines(report):
            self.stdout.write(line)
