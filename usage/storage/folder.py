"""A durable folder: the default of `STORAGES["usage"]`."""

import os
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage


class DurableFolder(FileSystemStorage):
    """A folder in which a saved file has reached the disk when `save` returns.

    Django's own class neither waits for the disk nor refuses a name that is taken.
    """

    def _save(self, name: str, content: "File[bytes]") -> str:
        path = Path(self.path(name))
        _make_folder(path.parent, below=Path(self.location))
        spooled = Path(content.temporary_file_path())  # type: ignore[attr-defined]  # a Spool's
        # 1. The bytes, 2. their name, 3. the folder that holds the name: in this
        # order, a crash leaves a whole file or none.
        with spooled.open("rb") as file:
            os.fsync(file.fileno())
        _link(spooled, path)
        _sync_folder(path.parent)
        return name

    def make_durable(self, name: str) -> None:
        """Have a file's name reach the disk; who saved it may have been killed."""
        folder = Path(self.path(name)).parent
        _sync_folder(folder)
        while folder != Path(self.location):
            folder = folder.parent
            _sync_folder(folder)

    def get_available_name(
        self,
        name: str,
        max_length: int | None = None,  # noqa: ARG002 - Django names it
    ) -> str:
        # A name that is taken is an error, so no other name is chosen.
        return name


def _link(spooled: Path, path: Path) -> None:
    """Give a file its name; a file without one is linked from /proc, see open(2)."""
    number = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Python follows the link only if the descriptor of the folder is given.
        os.link(spooled, path.name, dst_dir_fd=number, follow_symlinks=True)
    finally:
        os.close(number)


def _make_folder(folder: Path, *, below: Path) -> None:
    """Make a folder and its parents, and wait until their names are on the disk."""
    if folder.is_dir():
        return
    if folder != below:
        _make_folder(folder.parent, below=below)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)
    else:
        folder.mkdir(parents=True, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
