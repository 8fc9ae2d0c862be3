"""Receives and judges each file of a plain multipart form separately."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portal.errors import Refused, Unavailable
from usage.files import names
from usage.models import How, UsageFile
from usage.uploads import judge, receive

# Name of the file field, and of the hidden one that stands behind it in the form.
FILES, END = "files", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFileOutcome:
    """Outcome of one file of the form: its row, or why there is none."""

    name: str
    file: UsageFile | None = None
    is_new: bool = False
    refusal: Refused | Unavailable | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The tenant and name of the sender, and when the request was received."""

    tenant_id: int
    name: str
    received_at: datetime


def is_cut(fields: QueryDict) -> bool:
    """Return whether the form ended before its last field.

    A multipart body that is cut loses its last files without an error. The hidden
    field comes after them, so where it is missing, files may be missing too.
    """
    return fields.get(END) != END


def receive_all(
    files: "MultiValueDict[str, UploadedFile[bytes]]", sender: Sender
) -> list[FormFileOutcome]:
    """Receive the form's files one after the other; one that fails stops no other."""
    return [_receive_one(one, sender) for one in files.getlist(FILES)]


def _receive_one(sent: "UploadedFile[bytes]", sender: Sender) -> FormFileOutcome:
    name = names.shown_name(sent.name or "")
    arrival = receive.IncomingFile(
        tenant_id=sender.tenant_id,
        name=name,
        size=sent.size or 0,
        sha256=None,
        how=How.FORM,
        sent_by=sender.name,
        received_at=sender.received_at,
    )
    try:
        file, is_new = judge.receive_and_judge(
            arrival, _chunks(sent), at=sender.received_at
        )
    except (Refused, Unavailable) as refusal:
        return FormFileOutcome(name=name, refusal=refusal)
    return FormFileOutcome(name=name, file=file, is_new=is_new)


def _chunks(sent: "UploadedFile[bytes]") -> Iterator[bytes]:
    yield from sent.chunks()
