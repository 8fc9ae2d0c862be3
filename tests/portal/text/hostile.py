"""Text as a stranger sends it, and a look at all text that is stored."""

from django.db import connections

# What each sends, by the reason why it is no name.
HOSTILE = {
    "right-to-left override": "Bidi\u202egnp.exe",
    "isolate": "a\u2066b",
    "zero width space": "a\u200bb",
    "byte order mark": "\ufeffa",
    "null": "a\x00b",
    "escape": "a\x1b[31mb",
    "line break": "a\r\nBcc: b@c.example",
    "line separator": "a\u2028b",
    "next line": "a\x85b",
    "surrogate": "a\ud800b",
    "unassigned": "a\u0378b",
    "noncharacter": "a\uffffb",
    "private use": "a\ue000b",
    "tags": "a\U000e0067\U000e0062b",
    "many marks": "a" + "\u0301" * 100,
    "only marks": "\u0301" * 100,
    "only white space": " \t\u3000\u00a0\u2003 ",
    "invisible letters": "\u3164\u115f",
    "joiner between Latin letters": "a\u200db",
    "decomposed": "Mu\u0308nchen",
    "a megabyte": "x" * 1_000_000,
    "a megabyte of marks": "a" + "\u0301\u0323" * 200_000,
}

# Columns whose text nobody types, or that hold what is not cleaned for a reason.
_AS_THEY_ARE = {
    ("portal_session", "session_data"),
}

_ODD = (
    r"[\u0001-\u0009\u000B-\u001F\u007F-\u009F\u200B\u200E\u200F\u2028-\u202E"
    r"\u2060-\u206F\uFEFF]"
)


def unclean_rows() -> list[str]:
    """Return the columns in which odd or decomposed text is stored, with the text."""
    found = []
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "select table_name, column_name from information_schema.columns"
            " where table_schema = 'public' and is_generated = 'NEVER'"
            " and data_type in ('text', 'character varying', 'jsonb')"
        )
        for table, column in cursor.fetchall():
            if (table, column) in _AS_THEY_ARE:
                continue
            cursor.execute(
                f"select {column}::text from {table} where {column}::text ~ %s"
                f" or {column}::text is not nfc normalized limit 3",
                [_ODD],
            )
            found += [f"{table}.{column}: {one!a}" for (one,) in cursor.fetchall()]
    return found
