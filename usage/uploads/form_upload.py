"""Receives and judges each file of a plain multipart form separately."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from portal.errors import Refused, Unavailable
from portal.http.multipart_forms import FormFiles
from usage.files import names
from usage.models import FileState, How, UploadOutcome, UsageFile
from usage.uploads import judge, receive, record

logger = logging.getLogger(__name__)

# Name of the file field, and of the hidden one that stands behind it in the form.
FILES, END = "files", "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormFileOutcome:
    """Outcome of one file of the form: its row, or why there is none.

    `upload` is the key of the upload that the form is stored as, None if it is not;
    `size` is in bytes.
    """

    name: str
    size: int
    upload: UUID | None
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
    """Receive the form's files one after the other; one that fails stops no other.

    The form is stored as an upload, even if some of its files were not kept.
    """
    sent = files.getlist(FILES)
    key = uuid4()
    outcomes = [_receive_one(one, sender, key) for one in sent]
    unread = files.unread if isinstance(files, FormFiles) else 0
    outcomes += [_unread_part(key) for _ in range(unread)]
    if outcomes:
        _record(outcomes, sender, key)
    return outcomes


def _receive_one(
    sent: "UploadedFile[bytes]", sender: Sender, key: UUID
) -> FormFileOutcome:
    name, size = names.shown_name(sent.name or ""), sent.size or 0
    arrival = receive.IncomingFile(
        tenant_id=sender.tenant_id,
        name=name,
        size=size,
        sha256=None,
        how=How.FORM,
        sent_by=sender.name,
        received_at=sender.received_at,
        upload=key,
    )
    refusal: Refused | Unavailable
    try:
        file, is_new = judge.receive_and_judge(
            arrival, _chunks(sent), at=sender.received_at
        )
    except (Refused, Unavailable) as error:
        refusal = error
    except OSError:
        # The part cannot be read back; the others of the form can.
        logger.exception("A file of a form could not be read: %r", name)
        refusal = Unavailable("failed")
    else:
        return FormFileOutcome(
            name=name, size=size, upload=key, file=file, is_new=is_new
        )
    return FormFileOutcome(name=name, size=size, upload=key, refusal=refusal)


def _unread_part(key: UUID) -> FormFileOutcome:
    name = names.shown_name("")
    return FormFileOutcome(
        name=name, size=0, upload=key, refusal=Refused("part-unreadable")
    )


def _record(outcomes: list[FormFileOutcome], sender: Sender, key: UUID) -> None:
    report = record.UploadReport(
        files=len(outcomes),
        size=sum(one.size for one in outcomes),
        is_ended=True,
        items=[_item(number, one) for number, one in enumerate(outcomes)],
    )
    who = record.UploadSender(
        tenant_id=sender.tenant_id, how=How.FORM, name=sender.name
    )
    try:
        record.record_report(who, key, report, at=sender.received_at)
    except Exception:
        # The files have their verdicts, and the page has to show them.
        logger.exception("The upload %s could not be recorded", key)


def outcome_of(one: FormFileOutcome) -> UploadOutcome:
    """Return the outcome of a file as uploads store it."""
    if one.file is None:
        return UploadOutcome.FAILED
    is_here = not one.is_new and one.file.state == FileState.ACCEPTED
    return UploadOutcome.HERE if is_here else UploadOutcome(one.file.state)


def _item(number: int, one: FormFileOutcome) -> record.ReportedItem:
    return record.ReportedItem(
        number=number,
        name=one.name,
        size=one.size,
        outcome=outcome_of(one).value,
        code=one.refusal.code if one.refusal else "",
        file_id=one.file.pk if one.file else None,
    )


def _chunks(sent: "UploadedFile[bytes]") -> Iterator[bytes]:
    yield from sent.chunks()
