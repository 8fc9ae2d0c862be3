"""API endpoints of files and servers; see `portal.http.endpoints` for access."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from ninja import Path, Query, Router, Status

from portal.api import ProblemOut
from portal.db import unit_of_work
from portal.errors import Refused, error_document
from portal.http import request_bodies, request_time
from portal.http.middleware import PortalRequest
from portal.typed_text.schemas import Exact
from usage.files import queries as file_queries
from usage.files.schemas import (
    CheckIn,
    CheckOut,
    FileAnswer,
    FileOut,
    FileQuestion,
    FilesOut,
    FilesQuery,
    KeyOut,
    QuestionProblem,
    ServersOut,
    UnclearQuestion,
    Verdict,
    VerdictOut,
    file_out,
    server_out,
)
from usage.models import FileState, How, UsageFile
from usage.servers import keys as server_keys
from usage.uploads import judge, receive, request_body

router = Router(tags=["files"])


@router.post("/files/check", response=CheckOut, url_name="check-files")
def check_files(request: PortalRequest, wanted: CheckIn) -> CheckOut:
    """Ask which files are needed, before any is sent.

    An invalid question has a `problem` in its row, and does not affect the others.
    """
    clear = [one for one in wanted.files if not isinstance(one, UnclearQuestion)]
    questions = [
        file_queries.WantedFile(
            size=one.size,
            sha256=bytes.fromhex(one.sha256) if one.sha256 else None,
            tail=bytes.fromhex(one.tail) if one.tail else None,
        )
        for one in clear
    ]
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        here = iter(file_queries.find_kept(questions))
    return CheckOut(
        files=[
            _unclear_answer(one)
            if isinstance(one, UnclearQuestion)
            else _file_answer(one, next(here))
            for one in wanted.files
        ]
    )


def _file_answer(one: FileQuestion, file: UsageFile | None) -> FileAnswer:
    found = file_out(file) if file else None
    return FileAnswer(name=one.name, is_needed=file is None, file=found)


def _unclear_answer(one: UnclearQuestion) -> FileAnswer:
    _, document = error_document(Refused("input-invalid", detail=one.detail))
    problem = QuestionProblem(**document)
    return FileAnswer(name=one.name, is_needed=True, file=None, problem=problem)


@router.get("/files", response=FilesOut, url_name="files")
def list_files(request: PortalRequest, wanted: Query[FilesQuery]) -> FilesOut:
    """List what was sent, newest first."""
    chosen = file_queries.FileFilter(
        state=wanted.state,
        server=wanted.server,
        how=wanted.how,
        first_day=wanted.first_day,
        last_day=wanted.last_day,
    )
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        found = file_queries.files(chosen, after=wanted.after, most=wanted.limit)
    is_full = len(found) == wanted.limit
    return FilesOut(
        files=[file_out(file) for file in found],
        next=found[-1].pk if is_full else None,
    )


@router.get("/files/{uuid:file_id}", response=FileOut, url_name="file")
def show_file(request: PortalRequest, file_id: UUID) -> FileOut:
    """Show one file's receipt."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        file = file_queries.with_timeline().filter(pk=file_id).first()
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
        frozenset({400, 401, 403, 408, 411, 413, 429, 503, 507}): ProblemOut,
    },
    url_name="upload",
)
def upload(request: PortalRequest, name: str) -> Any:
    """Send one file as the raw body; the answer is its verdict.

    `Content-Length` and `Content-Digest: sha-256=:BASE64:` are needed. 201: accepted
    or held. 200: already here. 202: received, to be checked by itself. 422: rejected,
    with every reason. `Portal-Upload: UUID` makes it a part of an upload.
    """
    now = timezone.now()
    size = request_bodies.announced_length(request)
    coming = receive.IncomingFile(
        tenant_id=request.caller.tenant,
        name=name,
        size=size,
        sha256=request_body.announced_sha256(request),
        how=How.API if request.caller.token_id else How.BROWSER,
        sent_by=request.caller.name,
        received_at=request_time.received_at(request, at=now),
        upload=request_body.named_upload(request),
        token_id=request.caller.token_id,
        only_server=request.caller.token_server,
    )
    file, is_new = judge.receive_and_judge(
        coming, request_body.chunks(request, size), at=now
    )
    return verdict(file, is_new=is_new)


@router.get("/servers", response=ServersOut, url_name="servers", tags=["servers"])
def list_servers(request: PortalRequest) -> ServersOut:
    """List the servers and their keys, those to be confirmed among them."""
    with unit_of_work.acting_for(request.caller.tenant, reading=True):
        return ServersOut(servers=[server_out(one) for one in file_queries.servers()])


@router.post(
    "/servers/{path:name}/keys/{fingerprint}/confirm",
    response=KeyOut,
    url_name="confirm-key",
    tags=["servers"],
)
def confirm_key(
    request: PortalRequest,
    name: Path[Exact],
    fingerprint: Path[Exact],
) -> KeyOut:
    """Trust a server's key, and settle the files that were held for it."""
    confirmed = server_keys.confirm_key(
        request.caller.tenant,
        server=name,
        key=fingerprint,
        by=request.caller.name,
        at=timezone.now(),
    )
    return KeyOut.model_validate(confirmed.key, from_attributes=True)


_STATUS = {
    FileState.ACCEPTED: 201,
    FileState.HELD: 201,
    FileState.RECEIVED: 202,
    FileState.REJECTED: 422,
}


def verdict(file: UsageFile, *, is_new: bool) -> Status[VerdictOut]:
    """Return the answer to an upload."""
    is_kept = file.state in (FileState.ACCEPTED, FileState.HELD, FileState.REFUSED)
    if not is_new and is_kept:
        here = VerdictOut(verdict=Verdict.ALREADY_HERE, file=file_out(file))
        return Status(200, here)
    given = VerdictOut(verdict=Verdict(file.state), file=file_out(file))
    return Status(_STATUS[FileState(file.state)], given)
