"""System check: compares MAX_FILE_BYTES with the limit of the file format."""

from collections.abc import Sequence
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
