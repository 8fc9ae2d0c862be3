"""Sentences about complete periods of an upload, from the app that counts periods."""

from collections.abc import Callable, Collection
from datetime import date, datetime

CompletedTexts = Callable[[Collection[date], datetime], list[str]]

_registered: list[CompletedTexts] = []


def register(completed_texts: CompletedTexts) -> None:
    """Set where the sentences come from; called once from `AppConfig.ready`."""
    _registered[:] = [completed_texts]


def completed_texts(days: Collection[date], at: datetime) -> list[str]:
    """Return a sentence for each complete period of some days, newest first.

    In the unit of work of the tenant.
    """
    return [text for texts in _registered for text in texts(days, at)]
