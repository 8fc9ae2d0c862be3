"""Requests which files the portal needs, and which are safe to delete."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from usage.usg.client.closed_files import ClosedFile
from usage.usg.client.http import NotDeliveredError, Portal

# Most files that the portal accepts in one request.
_AT_ONCE = 1_000


class RefusedError(Exception):
    """The portal refuses the whole request, most likely because of the token."""


def check(
    portal: Portal, files: Sequence[ClosedFile]
) -> Iterator[tuple[ClosedFile, Mapping[str, Any]]]:
    """Yield each file with the portal's answer, in the order of the files.

    Raises:
        NotDeliveredError, RefusedError: every other request would fail too.

    """
    for start in range(0, len(files), _AT_ONCE):
        batch = files[start : start + _AT_ONCE]
        yield from zip(batch, _answers(portal, batch), strict=True)


def is_safe(one: ClosedFile, answer: Mapping[str, Any]) -> bool:
    """Return whether the portal confirms that S3 has the content of a file."""
    file = answer.get("file")
    return (
        not answer["is_needed"]
        and isinstance(file, dict)
        and file.get("is_safe_to_delete") is True
        and file.get("sha256") == one.sha256
        and file.get("size") == one.size
    )


def _answers(portal: Portal, batch: Sequence[ClosedFile]) -> list[Mapping[str, Any]]:
    # Without names: they do not identify content, and a filter may reject odd ones.
    questions = [{"size": one.size, "sha256": one.sha256} for one in batch]
    answer = portal.send_json("POST", "/api/v1/files/check", {"files": questions})
    if not answer.is_of_portal:
        raise NotDeliveredError(answer.reason, is_of_all=True)
    files = answer.document.get("files")
    if answer.status != HTTPStatus.OK or not isinstance(files, list):
        raise RefusedError(answer.reason)
    is_known = all(isinstance(one, dict) and "is_needed" in one for one in files)
    if len(files) != len(batch) or not is_known:
        message = "the answer is about other files"
        raise NotDeliveredError(message, is_of_all=True)
    return files
