"""The API's files and servers; who may call what stands in `portal.doors.DOORS`."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from django.utils import timezone
from ninja import Path, Query, Router, Schema, Status
from pydantic import Field, StringConstraints, model_validator

from portal import access
from portal.api import ProblemOut
from portal.doors import PortalRequest
from portal.refusals import Refused
from portal.work import State
from usage import body, intake, problems, queries, servers, settling
from usage.models import FileState, Forwarding, How, Server, UsageFile

router = Router(tags=["files"])

# Files that one question can be about: 10,000 dropped files are ten questions.
CHECK_AT_MOST = 1_000

# Files in one page of the list.
LIST_AT_MOST = 200

HexSha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
HexTail = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]

# PostgreSQL keeps no U+0000 and fails when asked for one.
WithoutNul = StringConstraints(pattern=r"^[^\x00]*$")


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
    safe to delete at home.
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
    def _told_somehow(self) -> "FileQuestion":
        if self.sha256 is None and self.tail is None:
            message = "sha256 or tail is needed"
            raise ValueError(message)
        return self


class CheckIn(Schema):
    files: Annotated[list[FileQuestion], Field(max_length=CHECK_AT_MOST)]


class FileAnswer(Schema):
    """`is_needed`: send it. Otherwise `file` is the one that is here."""

    name: str
    is_needed: bool
    file: FileOut | None


class CheckOut(Schema):
    files: list[FileAnswer]


class FilesOut(Schema):
    """One page of files, newest first; `next` goes into `after` for the next page."""

    files: list[FileOut]
    next: UUID | None


class FilesQuery(Schema):
    state: FileState | None = None
    server: Annotated[str, WithoutNul, Field(max_length=128)] | None = None
    how: How | None = None
    first_day: date | None = None
    last_day: date | None = None
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=LIST_AT_MOST)] = LIST_AT_MOST


class KeyOut(Schema):
    """A key that a server signs with; files signed with a proposed one are held."""

    fingerprint: str
    state: Literal["proposed", "confirmed"]
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str


class ServerOut(Schema):
    name: str
    first_owed_on: date | None
    retired_on: date | None
    keys: list[KeyOut]


class ServersOut(Schema):
    servers: list[ServerOut]


@router.post("/files/check", response=CheckOut, url_name="check-files")
def check_files(request: PortalRequest, wanted: CheckIn) -> CheckOut:
    """Ask which files are needed, before any is sent."""
    questions = [
        queries.Wanted(
            size=one.size,
            sha256=bytes.fromhex(one.sha256) if one.sha256 else None,
            tail=bytes.fromhex(one.tail) if one.tail else None,
        )
        for one in wanted.files
    ]
    with access.acting_for(request.caller.tenant, reading=True):
        here = queries.find_here(questions)
    return CheckOut(
        files=[
            FileAnswer(
                name=one.name,
                is_needed=file is None,
                file=file_out(file) if file else None,
            )
            for one, file in zip(wanted.files, here, strict=True)
        ]
    )


@router.get("/files", response=FilesOut, url_name="files")
def list_files(request: PortalRequest, wanted: Query[FilesQuery]) -> FilesOut:
    """List what was sent, newest first."""
    chosen = queries.FileFilter(
        state=wanted.state,
        server=wanted.server,
        how=wanted.how,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
    )
    with access.acting_for(request.caller.tenant, reading=True):
        found = queries.files(chosen, after=wanted.after, most=wanted.limit)
    is_full = len(found) == wanted.limit
    return FilesOut(
        files=[file_out(file) for file in found],
        next=found[-1].pk if is_full else None,
    )


@router.get("/files/{uuid:file_id}", response=FileOut, url_name="file")
def show_file(request: PortalRequest, file_id: UUID) -> FileOut:
    """Show one file's receipt."""
    with access.acting_for(request.caller.tenant, reading=True):
        file = queries.with_life_line().filter(pk=file_id).first()
    if file is None:
        raise Refused("not-found")
    return file_out(file)


# Below the other addresses of files, because to this one every path is a name.
@router.put(
    "/files/{path:name}",
    response={
        200: VerdictOut,
        201: VerdictOut,
        202: VerdictOut,
        422: VerdictOut,
        frozenset({400, 408, 411, 413, 503}): ProblemOut,
    },
    url_name="upload",
)
def upload(request: PortalRequest, name: str) -> Any:
    """Send one file as the raw body; the answer is its verdict.

    `Content-Length` and `Content-Digest: sha-256=:BASE64:` are needed. 201: accepted
    or held. 200: already here. 202: received, to be checked by itself. 422: rejected,
    with every reason.
    """
    now = timezone.now()  # noqa: TID251 - a door
    size = body.announced_size(request)
    arrival = intake.Arrival(
        tenant_id=request.caller.tenant,
        name=name,
        size=size,
        sha256=body.announced_sha256(request),
        how=How.API if request.caller.token_id else How.BROWSER,
        sent_by=request.caller.name,
        received_at=now,
    )
    file, is_new = settling.take_in(arrival, body.chunks(request, size), at=now)
    return verdict(file, is_new=is_new)


@router.get("/servers", response=ServersOut, url_name="servers", tags=["servers"])
def list_servers(request: PortalRequest) -> ServersOut:
    """List the servers and their keys, those to be confirmed among them."""
    with access.acting_for(request.caller.tenant, reading=True):
        return ServersOut(servers=[_server_out(one) for one in queries.servers()])


@router.post(
    "/servers/{path:name}/keys/{fingerprint}/confirm",
    response=KeyOut,
    url_name="confirm-key",
    tags=["servers"],
)
def confirm_key(
    request: PortalRequest,
    name: Path[Annotated[str, WithoutNul]],
    fingerprint: Path[Annotated[str, WithoutNul]],
) -> KeyOut:
    """Trust a server's key, and settle the files that were held for it."""
    key = servers.confirm_key(
        request.caller.tenant,
        server=name,
        key=fingerprint,
        by=request.caller.name,
        at=timezone.now(),  # noqa: TID251 - a door
    )
    return KeyOut.model_validate(key, from_attributes=True)


_STATUS = {
    FileState.ACCEPTED: 201,
    FileState.HELD: 201,
    FileState.RECEIVED: 202,
    FileState.REJECTED: 422,
}


def verdict(file: UsageFile, *, is_new: bool) -> Status[VerdictOut]:
    """Return the answer to an upload."""
    is_kept = file.state in (FileState.ACCEPTED, FileState.HELD)
    if not is_new and is_kept:
        here = VerdictOut(verdict=Verdict.ALREADY_HERE, file=file_out(file))
        return Status(200, here)
    given = VerdictOut(verdict=Verdict(file.state), file=file_out(file))
    return Status(_STATUS[FileState(file.state)], given)


def file_out(file: UsageFile) -> FileOut:
    forwarding: Forwarding | None = getattr(file, "forwarding", None)
    done = forwarding if forwarding and forwarding.state == State.DONE else None
    return FileOut(
        id=file.pk,
        name=file.name,
        size=file.size,
        sha256=bytes(file.sha256).hex(),
        state=FileState(file.state),
        problems=[FileProblem(**problems.told(row)) for row in file.problems],
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
        is_safe_to_delete=done is not None,
    )


def _server_out(server: Server) -> ServerOut:
    return ServerOut(
        name=server.name,
        first_owed_on=server.first_owed_on,
        retired_on=server.retired_on,
        keys=[
            KeyOut.model_validate(key, from_attributes=True)
            for key in server.keys.all()
        ],
    )
