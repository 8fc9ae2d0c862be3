"""API schemas of uploads, and their construction from rows."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.urls import reverse
from ninja import Schema
from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from portal.typed_text.clean import one_line
from portal.typed_text.schemas import WithoutNul
from usage.files.schemas import FileOut, file_out
from usage.models import (
    CODE_CHARACTERS,
    MACHINE_CHARACTERS,
    NAME_CHARACTERS,
    VERSION_CHARACTERS,
    Upload,
    UploadOutcome,
)
from usage.uploads.queries import ANSWERED, UploadEntry
from usage.uploads.record import ITEMS_AT_MOST, ReportedItem, UploadReport
from usage.usg.characters import cleaned

# Files that one report can be about; a larger upload takes several.
REPORT_AT_MOST = 1_000

# The largest number that a report can name; each has its own limit as well.
_MOST = 2**31 - 1


def _label(most: int) -> BeforeValidator:
    """Return a validator that cleans and cuts text, so that no label loses a report.

    The cut text is cleaned again: a joiner may have lost what it joins. An address with
    the label is cleaned too, and must find it.
    """

    def cut(sent: object) -> str:
        return one_line(one_line(sent)[:most])[:most] if isinstance(sent, str) else ""

    return BeforeValidator(cut)


Code = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9-]*$", max_length=CODE_CHARACTERS)
]


class ItemIn(Schema):
    """How one file of an upload ended, as its sender reports it.

    `number` is its place in the upload: reported again, the later report counts.
    `file` is the id that the portal gave it; without one, `code` and `status` explain
    why it did not arrive.
    """

    number: Annotated[int, Field(ge=0, lt=ITEMS_AT_MOST)]
    name: Annotated[str, WithoutNul, StringConstraints(max_length=5_000)]
    size: Annotated[int, Field(ge=0, le=2**62)] = 0
    outcome: UploadOutcome
    code: Code = ""
    status: Annotated[int, Field(ge=0, le=999)] | None = None
    file: UUID | None = None


def _item(sent: Any, validate: ValidatorFunctionWrapHandler) -> ItemIn | None:
    """Validate one item; an unclear one does not affect the others.

    An unclear item counts as failed and keeps its valid values; None if its number is
    not valid.
    """
    try:
        found: ItemIn = validate(sent)
    except ValidationError as error:
        unclear = {one["loc"][0] for one in error.errors() if one["loc"]}
        if not isinstance(sent, dict) or "number" in unclear:
            return None
        name = sent.get("name")
        kept = {"number", "size", "file"} - unclear
        return ItemIn(
            **{field: sent[field] for field in kept if field in sent},
            name=cleaned(name[:NAME_CHARACTERS]) if isinstance(name, str) else "",
            outcome=UploadOutcome.FAILED,
        )
    return found


class UploadReportIn(Schema):
    """The state of an upload, as its sender reports it; `bytes` of the chosen files.

    `step` grows with each report; one that is not above the last is ignored. An item
    that is not of its form counts as failed, and is ignored if its number is not clear.
    `machine` is the host name of the server that sends, `version` the name and version
    of its sender; both are cleaned and cut, and the report that begins counts.
    """

    step: Annotated[int, Field(ge=1, le=_MOST)]
    files: Annotated[int, Field(ge=0, le=_MOST)] = 0
    bytes: Annotated[int, Field(ge=0, le=2**62)] = 0
    others: Annotated[int, Field(ge=0, le=_MOST)] = 0
    is_ended: bool = False
    is_left: bool = False
    machine: Annotated[str, _label(MACHINE_CHARACTERS)] = ""
    version: Annotated[str, _label(VERSION_CHARACTERS)] = ""
    items: Annotated[
        list[Annotated[ItemIn | None, WrapValidator(_item)]],
        Field(max_length=REPORT_AT_MOST),
    ] = []


class UploadRef(Schema):
    """An upload and the address of its page."""

    id: UUID
    address: str


class EntryOut(Schema):
    """One file of an upload; without `file`, all of it is as its sender reported."""

    name: str
    size: int
    outcome: UploadOutcome
    code: str
    status: int | None
    file: FileOut | None


class UploadOut(UploadRef):
    """One upload. `counts` are of its files by outcome; `answered` have a verdict.

    `files`, `bytes` and `others` are as its sender reported. Without `ended_at` the
    upload is under way or was interrupted. `machine` and `version` are as a sender on
    a server reported them, `sent_from` is its IP address.
    """

    how: str
    begun_by: str
    machine: str
    version: str
    sent_from: str
    begun_at: datetime
    reported_at: datetime
    ended_at: datetime | None
    files: int
    bytes: int
    others: int
    answered: int
    counts: dict[str, int]


class UploadsOut(Schema):
    """One page of uploads, newest first; pass `next` as `after` to get the next."""

    uploads: list[UploadOut]
    next: UUID | None


class UploadDetailOut(UploadOut):
    """One upload with up to 1,000 of its files, problems first."""

    entries: list[EntryOut]


def report_of(sent: UploadReportIn) -> UploadReport:
    return UploadReport(
        step=sent.step,
        files=sent.files,
        size=sent.bytes,
        others=sent.others,
        is_ended=sent.is_ended,
        is_left=sent.is_left,
        items=[
            ReportedItem(
                number=one.number,
                name=one.name,
                size=one.size,
                outcome=one.outcome,
                code=one.code,
                status=one.status,
                file_id=one.file,
            )
            for one in sent.items
            if one is not None
        ],
    )


def upload_ref(key: UUID) -> UploadRef:
    return UploadRef(id=key, address=reverse("upload-run-page", kwargs={"key": key}))


def upload_out(upload: Upload, counts: Counter[str]) -> UploadOut:
    return UploadOut(
        **upload_ref(upload.key).dict(),
        how=upload.how,
        begun_by=upload.begun_by,
        machine=upload.machine,
        version=upload.version,
        sent_from=upload.sent_from,
        begun_at=upload.begun_at,
        reported_at=upload.reported_at,
        ended_at=upload.ended_at,
        files=upload.files,
        bytes=upload.size,
        others=upload.others,
        answered=sum(counts[one] for one in ANSWERED),
        counts={str(end): count for end, count in counts.items() if count},
    )


def entry_out(entry: UploadEntry) -> EntryOut:
    return EntryOut(
        name=entry.name,
        size=entry.size,
        outcome=UploadOutcome(entry.outcome),
        code=entry.code,
        status=entry.status,
        file=file_out(entry.file) if entry.file else None,
    )
