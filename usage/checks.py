"""System checks of MAX_FILE_BYTES, and of the settings of the store."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

from usage.usg.limits import DEFAULT_LIMITS


@register(Tags.compatibility)
def check_file_size_limit(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    limit = DEFAULT_LIMITS.file_bytes
    if limit >= settings.MAX_FILE_BYTES:
        return []
    return [
        Error(
            f"MAX_FILE_BYTES is above {limit}, the largest file that is ever read.",
            hint="What is larger would be taken in, and then rejected.",
            id="usage.E001",
        )
    ]


@register(Tags.compatibility)
def check_store(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    used = {settings.USAGE_STORE, settings.USAGE_STORE_FALLBACK}
    found: list[CheckMessage] = []
    if settings.USAGE_STORE_FALLBACK == settings.USAGE_STORE:
        text = "USAGE_STORE_FALLBACK is the same store as USAGE_STORE."
        hint = "It names the store that files move from. Remove it if no files move."
        found.append(Error(text, hint=hint, id="usage.E002"))
    if "s3" not in used:
        return found
    if "folder" not in used and (left := _left_in_the_folder()):
        text = f"VAR/usage has stored files that are not read, as {left}."
        hint = (
            "Set USAGE_STORE_FALLBACK=folder and run manage.py move_store --to s3"
            " (docs/scaling.md). If they are no files of this portal, move them away."
        )
        found.append(Error(text, hint=hint, id="usage.E006"))
    if not settings.USAGE_STORE_BUCKET:
        text = "USAGE_STORE_BUCKET must be set for a store on S3."
        found.append(Error(text, id="usage.E003"))
    elif not _is_plain_folder(settings.USAGE_STORE_PREFIX):
        text = "USAGE_STORE_PREFIX must be a path without / at its start, //, . or .."
        found.append(Error(text, id="usage.E004"))
    found += [
        Error(
            f"The store on S3 and {what} overlap in one bucket.",
            hint=f"Set USAGE_STORE_BUCKET to a separate bucket, or give"
            f" {prefix_name} and USAGE_STORE_PREFIX different beginnings.",
            id="usage.E005",
        )
        for what, prefix_name in _sharing_with_the_store()
    ]
    return found


def _left_in_the_folder() -> str:
    """Return the name of a stored file in the folder that nobody reads; or nothing."""
    folder = Path(settings.VAR) / "usage"
    # As `usage.storage.spool.stored_name` names them: a tenant's id comes first.
    files = folder.glob("[0-9]*/[0-9a-f][0-9a-f]/*.usg")
    return next((str(file.relative_to(folder)) for file in files), "")


def _is_plain_folder(prefix: str) -> bool:
    parts = prefix.removesuffix("/").split("/")
    return not prefix or not {"", ".", ".."}.intersection(parts)


def _sharing_with_the_store() -> Iterator[tuple[str, str]]:
    """Yield each part whose keys can collide with the store's, and its variable."""
    folder = settings.USAGE_STORE_PREFIX.strip("/")
    store = f"{folder}/" if folder else ""
    others = (
        ("the archive", "S3_PREFIX", settings.S3["bucket"], settings.S3["prefix"]),
        (
            *("the inbox", "S3_INBOX_PREFIX"),
            *(settings.INBOX_BUCKET, settings.INBOX_PREFIX),
        ),
    )
    for what, prefix_name, bucket, prefix in others:
        is_one_bucket = bucket == settings.USAGE_STORE_BUCKET
        if is_one_bucket and (store.startswith(prefix) or prefix.startswith(store)):
            yield what, prefix_name
