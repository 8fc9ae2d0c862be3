"""What the page of a held file shows: the file, and the files it conflicts with."""

from typing import Any
from uuid import UUID

from portal.models import Tenant
from usage.files import staff_presenters as file_staff_presenters
from usage.files.problems import OF_ITS_KEY, OF_ITS_TIME, holding
from usage.models import FileState, UsageFile
from usage.review import queries as review_queries


def held_file_context(file_id: UUID) -> dict[str, Any]:
    """Return the context of the page, in the unit of work of the file's tenant."""
    file = UsageFile.objects.select_related("server", "forwarding").get(pk=file_id)
    is_held = file.state == FileState.HELD
    open_codes = holding(file.problems) if is_held else []
    rivals = review_queries.rivals(file)
    is_conflict = file in rivals and len(rivals) > 1
    return {
        "customer": Tenant.objects.get(),
        "file": file,
        "row": file_staff_presenters.file_row(file),
        "is_held": is_held,
        "is_of_key": bool(OF_ITS_KEY.intersection(open_codes)),
        "may_be_refused": review_queries.may_be_refused(file),
        "is_refused": file.state == FileState.REFUSED,
        "key": review_queries.key_awaited_by(file) if is_held else None,
        "is_of_time": bool(OF_ITS_TIME.intersection(open_codes)),
        "candidates": _candidates(rivals) if is_conflict else [],
    }


def _candidates(rivals: list[UsageFile]) -> list[dict[str, Any]]:
    """Return the conflicting files, each with the later file that names it."""
    successors = review_queries.successors(rivals)
    named = [file for file in rivals if bytes(file.sha256) in successors]
    return [
        {
            "row": file_staff_presenters.file_row(file, has_forwarding=False),
            "counts": file.state == FileState.ACCEPTED,
            "successor": successors.get(bytes(file.sha256)),
            "is_proposed": named == [file],
        }
        for file in rivals
    ]
