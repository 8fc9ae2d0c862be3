"""Opens accepted files again and reads their rows."""

from collections.abc import Callable

from usage.models import UsageFile
from usage.storage import content
from usage.usg import Expected, OpenedDay, Severity, read


class RowsUnreadableError(Exception):
    """The bytes of an accepted file are gone, damaged, or do not open."""


def read_rows(
    file: UsageFile, *, opening_key: Callable[[str], bytes | None]
) -> OpenedDay:
    """Open a file that was accepted, whole and unchanged, and return its rows.

    In a unit of work of the tenant if the archive alone has the bytes. Whether its
    server's key is still trusted does not matter: it was when the file was accepted.

    Raises:
        RowsUnreadableError: the bytes are gone, damaged or do not open; a retry would
            not help.
        OSError: the bytes cannot be read at the moment; `BytesUnavailableError` if
            only the archive has them and cannot be reached.

    """
    expected = Expected(
        tenant=file.tenant.number,
        received_at=file.received_at,
        opening_key=opening_key,
        is_trusted=lambda _server, _signer: True,
    )
    try:
        with content.opened(file) as data:
            reading = read(data, expected)
    except FileNotFoundError as error:
        message = "The stored bytes are gone"
        raise RowsUnreadableError(message) from error
    if reading.sha256 != bytes(file.sha256):
        message = "The stored bytes are not those that were received"
        raise RowsUnreadableError(message)
    if reading.day is None or reading.outcome == Severity.REJECT:
        codes = ", ".join(problem.code for problem in reading.problems)
        raise RowsUnreadableError(codes)
    return reading.day
