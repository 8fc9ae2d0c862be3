"""Packs the sender into one file that Python can run (a zip application).

The file contains `usage.usg.client.stand_alone` and the modules of this project that it
imports, found by parsing the imports. Its bytes depend only on the version of the
project, the address of the portal, and the names that its access check tries.
"""

import ast
import zipfile
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from django.conf import settings

from usage.usg.client import stand_alone
from usage.usg.client.access_check import DOCUMENTED, AccessTarget

FILE_NAME = "usage-sender.pyz"

_ENTRY = stand_alone.__name__

# Empty in the file: these packages import modules that the sender does not need.
_EMPTY = ("usage", "usage.usg")

# A fixed time, so that the bytes are the same each time.
_MADE_AT = (2026, 1, 1, 0, 0, 0)

_MAIN = """\
import sys

if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0])
from {check} import AccessTarget, Names
from {entry} import main

sys.exit(main(to={to!r}, target={target!r}))
"""


@cache
def sender_file(address: str, target: AccessTarget = DOCUMENTED) -> bytes:
    """Return the bytes of the sender for the portal at `address`.

    `target` has the names that its access check tries to reach.
    """
    archive = BytesIO()
    archive.write(b"#!/usr/bin/env python3\n")
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as packed:
        for name, text in sorted(_files(address, target)):
            packed.writestr(zipfile.ZipInfo(name, _MADE_AT), text)
    return archive.getvalue()


def _files(address: str, target: AccessTarget) -> Iterator[tuple[str, str]]:
    yield (
        "__main__.py",
        _MAIN.format(
            check=AccessTarget.__module__, entry=_ENTRY, to=address, target=target
        ),
    )
    for package in _EMPTY:
        yield f"{package.replace('.', '/')}/__init__.py", ""
    for module in _modules():
        path = _path(module)
        yield str(path.relative_to(settings.BASE)), path.read_text(encoding="utf-8")


def _modules() -> set[str]:
    """Return the sender's modules: the entry, and all of ours that it imports."""
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
