"""Two stores as one, while files move from the one to the other.

What is new is saved in the current store; what is not there is read from the fallback.
`usage.maintenance.move_store` moves files, each of which is in the current store before
it leaves the fallback: whoever finds it in neither looks once more where it went.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from django.core.files.base import File
from django.core.files.storage import Storage, storages

T = TypeVar("T")


class MovingStore(Storage):
    """`current` and `fallback` are configurations, as STORAGES has them."""

    def __init__(self, *, current: dict[str, Any], fallback: dict[str, Any]) -> None:
        self.current = storages.create_storage(current)
        self.fallback = storages.create_storage(fallback)

    def _find(self, look: Callable[[Storage], T]) -> T:
        """Return what the first store says that has the file.

        A store that is away is no store without the file: its error is raised.
        """
        for storage in (self.current, self.fallback):
            with suppress(FileNotFoundError):
                return look(storage)
        # It may have moved between the two looks.
        return look(self.current)

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        return self._find(lambda storage: storage.open(name, mode))

    def _save(self, name: str, content: "File[bytes]") -> str:
        return self.current.save(name, content)

    def get_available_name(
        self,
        name: str,
        max_length: int | None = None,  # noqa: ARG002 - Django names it
    ) -> str:
        return name

    def delete(self, name: str) -> None:
        # The older copy first: a crash in between leaves the newer one, not one that
        # would be read in its place.
        for storage in (self.fallback, self.current):
            with suppress(FileNotFoundError):
                storage.delete(name)

    def exists(self, name: str) -> bool:
        return any(
            storage.exists(name)
            for storage in (self.current, self.fallback, self.current)
        )

    def size(self, name: str) -> int:
        return self._find(lambda storage: storage.size(name))

    def get_modified_time(self, name: str) -> datetime:
        return self._find(lambda storage: storage.get_modified_time(name))

    @property
    def in_order_of_moving(self) -> Iterator[Storage]:
        """Yield both stores, so that a file which moves meanwhile is seen in one."""
        yield self.fallback
        yield self.current
