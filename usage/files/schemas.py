"""API schemas of files and servers, and their construction from rows."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from portal.jobs.queue import JobState
from portal.typed_text.schemas import Exact
from usage.files import problems
from usage.models import FileState, Forwarding, How, Server, UsageFile
from usage.usg.characters import cleaned

# Files that one question can be about: 10,000 dropped files are ten questions.
CHECK_AT_MOST = 1_000

# Characters of a name that an answer to a wrong question repeats.
_NAME_SHOWN = 255

# Files in one page of the list.
LIST_AT_MOST = 200

HexSha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HexTail = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]


# The API document names this schema so, and generated clients carry the name.
class State(StrEnum):
    WAITING = JobState.WAITING.value
    DONE = JobState.DONE.value
    FAILED = JobState.FAILED.value


class FileProblem(Schema):
    """Something wrong with a file: a stable code, and what it says in words."""

    code: str
    severity: Literal["warn", "hold", "reject"]
    where: str
    title: str
    advice: str


class FileOut(Schema):
    """A file's receipt. Times are RFC 3339 in UTC, sizes in bytes.

    `confirmed_at` is when S3 had confirmed its size and SHA-256; from then on it is
    safe to delete at home. `bytes_removed_at` is since when the archive alone has its
    bytes. `decided_at` and `decision_reason` are of what billing staff
    decided last about it, if they had to.
    """

    id: UUID
    name: str
    size: int
    sha256: str
    state: FileState
    problems: list[FileProblem]
    server: str | None
    series: UUID | None
    sequence: int | None
    day: date | None
    opened_at: datetime | None
    closed_at: datetime | None
    logins: int | None
    users: int | None
    how: str
    sent_by: str
    received_at: datetime
    settled_at: datetime | None
    forwarding: State | None
    confirmed_at: datetime | None
    is_safe_to_delete: bool
    bytes_removed_at: datetime | None
    decided_at: datetime | None
    decision_reason: str


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    ALREADY_HERE = "already here"
    HELD = "held"
    RECEIVED = "received"


class VerdictOut(Schema):
    """What became of one upload."""

    verdict: Verdict
    file: FileOut


class FileQuestion(Schema):
    """A file that somebody has: told by `sha256`, or by its last 64 bytes, in hex."""

    name: Annotated[str, StringConstraints(max_length=5_000)] = ""
    size: Annotated[int, Field(ge=0, le=2**62)]
    sha256: HexSha256 | None = None
    tail: HexTail | None = None

    @model_validator(mode="after")
    def _has_hash_or_tail(self) -> "FileQuestion":
        if self.sha256 is None and self.tail is None:
            message = "sha256 or tail is needed"
            raise ValueError(message)
        return self


class UnclearQuestion(FileQuestion):
    """A question that is not of this form; `detail` names the field and the rule."""

    detail: str


class QuestionProblem(Schema):
    """Why a question cannot be answered: as in the answer to a refused request."""

    code: str
    title: str
    advice: str


def _question(
    asked: Any, validate: ValidatorFunctionWrapHandler
) -> FileQuestion | UnclearQuestion:
    """Validate one question; an invalid one does not affect the others."""
    try:
        found: FileQuestion = validate(asked)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        name = asked.get("name") if isinstance(asked, dict) else None
        return UnclearQuestion.model_construct(
            name=cleaned(name[:_NAME_SHOWN]) if isinstance(name, str) else "",
            detail=f"{where}: {first['msg']}".removeprefix(": "),
        )
    return found


class CheckIn(Schema):
    files: Annotated[
        list[Annotated[FileQuestion, WrapValidator(_question)]],
        Field(max_length=CHECK_AT_MOST),
    ]


class FileAnswer(Schema):
    """`is_needed`: send it. Otherwise `file` is the one that is here.

    `problem`: the question about this file cannot be answered, so send the file.
    """

    name: str
    is_needed: bool
    file: FileOut | None
    problem: QuestionProblem | None = None


class CheckOut(Schema):
    files: list[FileAnswer]


class FilesOut(Schema):
    """One page of files, newest first; `next` goes into `after` for the next page."""

    files: list[FileOut]
    next: UUID | None


class FilesQuery(Schema):
    state: FileState | None = None
    server: Annotated[Exact, Field(max_length=128)] | None = None
    how: How | None = None
    first_day: date | None = None
    last_day: date | None = None
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=LIST_AT_MOST)] = LIST_AT_MOST


class KeyOut(Schema):
    """A key that a server signs with.

    Files signed with a proposed or refused one are held, and those signed with a
    revoked one that are received at `revoked_from` or later. `ended_at`, `ended_by`
    and `end_reason` are of a refusal or revocation.
    """

    fingerprint: str
    state: Literal["proposed", "confirmed", "refused", "revoked"]
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str
    revoked_from: datetime | None
    ended_at: datetime | None
    ended_by: str
    end_reason: str


class ServerOut(Schema):
    name: str
    first_owed_on: date | None
    retired_on: date | None
    keys: list[KeyOut]


class ServersOut(Schema):
    servers: list[ServerOut]


def file_out(file: UsageFile) -> FileOut:
    forwarding: Forwarding | None = getattr(file, "forwarding", None)
    done = forwarding if forwarding and forwarding.state == JobState.DONE else None
    return FileOut(
        id=file.pk,
        name=file.name,
        size=file.size,
        sha256=bytes(file.sha256).hex(),
        state=FileState(file.state),
        problems=[FileProblem(**one) for one in problems.shown_problems(file)],
        server=file.server.name if file.server else None,
        series=file.series,
        sequence=file.sequence,
        day=file.day,
        opened_at=file.opened_at,
        closed_at=file.closed_at,
        logins=file.logins,
        users=file.users,
        how=file.how,
        sent_by=file.sent_by,
        received_at=file.received_at,
        settled_at=file.settled_at,
        forwarding=State(forwarding.state) if forwarding else None,
        confirmed_at=done.ended_at if done else None,
        is_safe_to_delete=done is not None and file.state == FileState.ACCEPTED,
        bytes_removed_at=file.bytes_removed_at,
        decided_at=file.decided_at,
        decision_reason=file.decision_reason,
    )


def server_out(server: Server) -> ServerOut:
    return ServerOut(
        name=server.name,
        first_owed_on=server.first_owed_on,
        retired_on=server.retired_on,
        keys=[
            KeyOut.model_validate(key, from_attributes=True)
            for key in server.keys.all()
        ],
    )
