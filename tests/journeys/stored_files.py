"""Reads what a portal has stored: bytes on its disk, and rows."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.builders import Company, digest_header
from usage.models import KEPT

Api = Callable[..., Any]


def bytes_below(var: Path) -> dict[str, bytes]:
    """Every file on the disk that holds what somebody sent, the spool's too."""
    folder = var / "usage"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def assert_rows_and_bytes_agree(company: Company, var: Path) -> None:
    """Each kept row has its bytes, nothing else lies about, and the spool is empty."""
    answered = {
        file.stored_as: bytes(file.sha256)
        for file in company.files()
        if file.state in KEPT
    }
    found = {
        name: hashlib.sha256(data).digest() for name, data in bytes_below(var).items()
    }
    assert found == answered


def put(
    api: Api,
    company: Company,
    data: bytes,
    *,
    name: str = "day.usg",
    **headers: str,
) -> Any:
    """Send a file as a script does; the name is percent-encoded here."""
    return api(
        "PUT",
        f"/files/{quote(name, safe='')}",
        token=company.token,
        data=data,
        content_type="application/octet-stream",
        CONTENT_LENGTH=str(len(data)),  # the test client leaves a 0 out
        headers={**digest_header(data), **headers},
    )


def code_of(response: Any) -> str:
    """The code of a refusal; of a verdict, the codes of its problems."""
    found = response.json()
    if "file" in found:
        return ",".join(problem["code"] for problem in found["file"]["problems"])
    return str(found["code"])
