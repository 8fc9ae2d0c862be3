"""Several files of one plain form, each received and judged by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portal.errors import Refused, Unavailable
from usage import intake, settling
from usage.models import How, UsageFile

# Name of the file field, and of the hidden one that stands behind it in the form.
FILES, END = "files", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file of the form: its row, or why there is none."""

    name: str
    file: UsageFile | None = None
    is_new: bool = False
    refusal: Refused | Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Whose files they are, who sends them, and when the request reached us."""

    tenant_id: int
    name: str
    received_at: datetime


def is_cut(fields: QueryDict) -> bool:
    """Say whether the form ended before its last field.

    A multipart body that is cut loses its last files without a word. The hidden
    field comes after them, so where it is missing, files may be missing too.
    """
    return fields.get(END) != END


def take_in_all(
    files: "MultiValueDict[str, UploadedFile[bytes]]", sender: Sender
) -> list[Outcome]:
    """Take the form's files in, one after the other; one that fails stops no other."""
    return [_take_in(one, sender) for one in files.getlist(FILES)]


def _take_in(sent: "UploadedFile[bytes]", sender: Sender) -> Outcome:
    name = intake.shown_name(sent.name or "")
    arrival = intake.Arrival(
        tenant_id=sender.tenant_id,
        name=name,
        size=sent.size or 0,
        sha256=None,
        how=How.FORM,
        sent_by=sender.name,
        received_at=sender.received_at,
    )
    try:
        file, is_new = settling.take_in(arrival, _chunks(sent), at=sender.received_at)
    except (Refused, Unavailable) as refusal:
        return Outcome(name=name, refusal=refusal)
    return Outcome(name=name, file=file, is_new=is_new)


def _chunks(sent: "UploadedFile[bytes]") -> Iterator[bytes]:
    yield from sent.chunks()
