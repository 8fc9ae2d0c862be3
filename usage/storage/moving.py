"""Combines two stores while files move from one to the other.

New files are saved in the current store; files that it does not have are read from the
fallback. `usage.maintenance.move_store` moves each file to the current store before it
removes the file from the fallback. A file that is found in neither may just have moved,
so the current store is tried a second time.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from django.core.files.base import File
from django.core.files.storage import Storage, storages

T = TypeVar("T")


class MovingStore(Storage):
    """Two storages; `current` and `fallback` are configurations as in STORAGES."""

    def __init__(self, *, current: dict[str, Any], fallback: dict[str, Any]) -> None:
        self.current = storages.create_storage(current)
        self.fallback = storages.create_storage(fallback)

    def _find(self, look: Callable[[Storage], T]) -> T:
        """Return the result of `look` for the first store that has the file.

        Errors other than FileNotFoundError are raised: a store that is away may have
        the file.
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
        # The fallback first: after a crash in between, the current store still has the
        # file, and no older copy is read in its place.
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
        """Yield the fallback before the current store, so that no file is missed."""
        yield self.fallback
        yield self.current
