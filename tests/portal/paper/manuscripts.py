"""A document to typeset, and names in many scripts."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from portal.paper.typesetting import Manuscript

SCRIPTS: Sequence[str] = (
    "Łódź Ærø",
    "Αθήνα",
    "Ёлка Москва",
    "שלום עולם",
    "مرحبا بكم",
    "हिन्दी",
    "ไทย",
    "ქართული",
    "北京 カナ 서울",
    "e\u0301 n\u0303",
    "😀 ☎ →",
)

AT = datetime(2026, 5, 28, 4, 42, tzinfo=UTC)

PARTS: Mapping[str, Any] = {
    "title": "Receipt of usage files",
    "kind": "Receipt",
    "answer": "1 usage file, 0.04 MB",
    "facts": [["Customer", "Quellmark, 100417"]],
    "foot": "Quellmark, 100417",
}


def manuscript(name: str, **changes: Any) -> Manuscript:
    files = [
        {
            "name": name,
            "mark": "received",
            "verdict": "Accepted",
            "size": "0.04 MB",
            "texts": [["ink", name], ["quiet", "Received"], ["code", "SHA-256 00"]],
        }
    ]
    data = {**PARTS, "files": files}
    return Manuscript(template="receipt.typ", data=data, at=AT, **changes)
