"""Reads the body in pieces of 1 MiB and hashes it: the baseline of receiving.

With BENCH_SPOOL in the environment it also writes the body to a file there, which goes
with the request.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

_PIECE = 1024 * 1024


def application(
    environ: dict[str, Any], start_response: Callable[..., object]
) -> Iterable[bytes]:
    digest = hashlib.sha256()
    left = int(environ.get("CONTENT_LENGTH") or 0)
    with _spool() as file:
        while left:
            piece = environ["wsgi.input"].read(min(_PIECE, left))
            if not piece:
                break
            left -= len(piece)
            digest.update(piece)
            if file is not None:
                file.write(piece)
    answer = digest.hexdigest().encode()
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]


def _spool() -> AbstractContextManager[IO[bytes] | None]:
    folder = os.environ.get("BENCH_SPOOL")
    return tempfile.TemporaryFile(dir=folder) if folder else nullcontext()
