"""Receivers of usage's own signals: updates verdicts in the inbox."""

from typing import Any

from django.dispatch import receiver

from usage.inbox import fetch as inbox_fetch
from usage.models import UsageFile
from usage.signals import file_changed


@receiver(file_changed)
def update_inbox_verdict(*, file: UsageFile, **_kwargs: Any) -> None:
    inbox_fetch.update_verdict(file)
