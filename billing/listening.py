"""What billing does in the transaction in which usage accepts a file."""

from typing import Any

from django.dispatch import receiver

from billing.opening import open_period
from billing.periods import Period
from usage.models import UsageFile
from usage.settling import file_accepted


@receiver(file_accepted)
def open_the_period_of_a_file(*, file: UsageFile, **kwargs: Any) -> None:
    if file.day is None or file.settled_at is None:
        message = "An accepted file has a day and was settled."
        raise RuntimeError(message)
    open_period(file.tenant, Period.containing(file.day), at=file.settled_at)
