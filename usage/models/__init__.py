"""The tables of usage; Django loads all of them with the app."""

from usage.models.access import MACHINE_CHARACTERS, AccessResult
from usage.models.files import CHECKED, KEPT, NAME_CHARACTERS, FileState, How, UsageFile
from usage.models.inbox import (
    INBOX_BAD,
    INBOX_REJECTED,
    KEY_CHARACTERS,
    InboxListing,
    InboxNotice,
    InboxObject,
    InboxVerdict,
)
from usage.models.jobs import Forwarding, Settling
from usage.models.keys import NameSecret, SealingKey
from usage.models.reports import FINDINGS_SHOWN, Report, ReportFindings, ReportKind
from usage.models.server_requests import ServerRequest, ServerRequestKind
from usage.models.servers import ENDED_STATES, KeyState, Server, ServerKey
from usage.models.uploads import (
    CODE_CHARACTERS,
    VERSION_CHARACTERS,
    Upload,
    UploadItem,
    UploadOutcome,
)

__all__ = [
    "CHECKED",
    "CODE_CHARACTERS",
    "ENDED_STATES",
    "FINDINGS_SHOWN",
    "INBOX_BAD",
    "INBOX_REJECTED",
    "KEPT",
    "KEY_CHARACTERS",
    "MACHINE_CHARACTERS",
    "NAME_CHARACTERS",
    "VERSION_CHARACTERS",
    "AccessResult",
    "FileState",
    "Forwarding",
    "How",
    "InboxListing",
    "InboxNotice",
    "InboxObject",
    "InboxVerdict",
    "KeyState",
    "NameSecret",
    "Report",
    "ReportFindings",
    "ReportKind",
    "SealingKey",
    "Server",
    "ServerKey",
    "ServerRequest",
    "ServerRequestKind",
    "Settling",
    "Upload",
    "UploadItem",
    "UploadOutcome",
    "UsageFile",
]
