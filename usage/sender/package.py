"""Packs the sender into one file, which Python runs as it is (a zip application).

It contains `usage.usg.client` and the few modules that this imports, found by reading
their imports, and is the same file for the same portal and version.
"""

import ast
import zipfile
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from django.conf import settings

from usage.usg.client import stand_alone

FILE_NAME = "usage-sender.pyz"

_ENTRY = stand_alone.__name__

# Packages above the sender's own import what it does not need.
_EMPTY = ("usage", "usage.usg")

# The same bytes each time: no time of today is in the archive.
_MADE_AT = (2026, 1, 1, 0, 0, 0)

_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0])
from {entry} import main

sys.exit(main(to={to!r}))
"""


@cache
def sender_file(address: str) -> bytes:
    """Return the sender for the portal at an address."""
    archive = BytesIO()
    archive.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        for name, text in sorted(_files(address)):
            packed.writestr(zipfile.ZipInfo(name, _MADE_AT), text)
    return archive.getvalue()


def _files(address: str) -> Iterator[tuple[str, str]]:
    yield "__main__.py", _MAIN.format(entry=_ENTRY, to=address)
    for package in _EMPTY:
        yield f"{package.replace('.', '/')}/__init__.py", ""
    for module in _modules():
        path = _path(module)
        yield str(path.relative_to(settings.BASE)), path.read_text(encoding="utf-8")


def _modules() -> set[str]:
    """Return the sender's modules: the entry, and all that it imports of ours."""
    found: set[str] = set()
    waiting = [_ENTRY, _ENTRY.rpartition(".")[0]]
    while waiting:
        module = waiting.pop()
        if module in found or module in _EMPTY:
            continue
        found.add(module)
        waiting += _imported(module)
    return found


def _imported(module: str) -> Iterator[str]:
    tree = ast.parse(_path(module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        source = (node.module or "") if isinstance(node, ast.ImportFrom) else ""
        if isinstance(node, ast.ImportFrom) and source.startswith("usage."):
            yield source
            names = [f"{source}.{one.name}" for one in node.names]
            yield from (name for name in names if _path(name).exists())


def _path(module: str) -> Path:
    path = Path(settings.BASE, *module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
