"""The acts of usage in audit trails: files, servers, keys, forwarding and the inbox."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from portal.history.acts import OPERATION, ActGroup, ActText, CodeText
from usage.files.problems import describe
from usage.forwarding import queries as forwarding_queries
from usage.models import FileState, ServerRequestKind

FILES = ActGroup("files", _("Files"), 30)
SERVERS = ActGroup("servers", _("Servers and keys"), 40)

_WORK = {
    forwarding_queries.FORWARDING: _("forwarding"),
    forwarding_queries.JUDGING: _("checking"),
}

_FILE_ACTS = {
    "file-accepted": ActText(
        FILES, _("File accepted"), _("{actor} sent the file {name}; it was accepted.")
    ),
    "file-held": ActText(
        FILES, _("File held"), _("{actor} sent the file {name}; it was held.")
    ),
    "file-rejected": ActText(
        FILES, _("File rejected"), _("{actor} sent the file {name}; it was rejected.")
    ),
    "day-assigned": ActText(
        FILES,
        _("Day of a file assigned"),
        _("{actor} decided that the file {name} counts for {day}."),
    ),
    "conflict-decided": ActText(
        FILES,
        _("One of several files chosen"),
        _("{actor} chose the file {name} from several files with one number."),
    ),
    "chain-begun": ActText(
        FILES,
        _("Both files with one number kept"),
        _(
            "{actor} decided that the file {name} and another with the same number"
            " both count."
        ),
    ),
    "signature-accepted": ActText(
        FILES,
        _("File accepted despite its key"),
        _("{actor} accepted the file {name}, whose key is revoked or was refused."),
    ),
    "file-reopened": ActText(
        FILES,
        _("Refusal of a file revoked"),
        _("{actor} revoked the refusal of the file {name}."),
    ),
    "file-refused": ActText(
        FILES,
        _("File refused"),
        _("{actor} refused the file {name}: it does not count."),
    ),
    "bytes-regained": ActText(
        FILES,
        _("Bytes of a file restored"),
        _("{actor} sent the file {name} again, which restored its lost bytes."),
    ),
    "bytes-removed": ActText(
        FILES,
        _("Bytes of a file removed"),
        _(
            "{actor} removed the bytes of the file {name} from the portal;"
            " the archive has them."
        ),
    ),
}

_SERVER_ACTS = {
    "key-made": ActText(
        SERVERS,
        _("Sealing key issued"),
        _("{actor} issued the sealing key {subject}."),
    ),
    "server-key-confirmed": ActText(
        SERVERS,
        _("Server key confirmed"),
        _("{actor} confirmed the key {key} of server {subject}."),
        staff_only=frozenset({"reason"}),
    ),
    "server-key-refused": ActText(
        SERVERS,
        _("Server key refused"),
        _("{actor} refused the key {key} of server {subject}."),
    ),
    "server-key-revoked": ActText(
        SERVERS,
        _("Server key revoked"),
        _("{actor} revoked the key {key} of server {subject}."),
    ),
    "key-retired": ActText(
        SERVERS,
        _("Sealing key retired"),
        _("{actor} retired the sealing key {subject}."),
        staff_only=frozenset({"reason"}),
    ),
    "server-change-asked": ActText(
        SERVERS,
        _("Change of a server requested"),
        _("{actor} requested a change of server {subject}: {kind}, {day}."),
    ),
    "server-change-approved": ActText(
        SERVERS,
        _("Change of a server approved"),
        _("{actor} approved the change of server {subject}: {kind}, {day}."),
    ),
    "server-change-refused": ActText(
        SERVERS,
        _("Change of a server refused"),
        _("{actor} refused the change of server {subject}: {kind}, {day}."),
    ),
    "server-change-withdrawn": ActText(
        SERVERS,
        _("Request to change a server withdrawn"),
        _("{actor} withdrew the request to change server {subject}: {kind}, {day}."),
    ),
    "server-first-day-changed": ActText(
        SERVERS,
        _("First owed day of a server changed"),
        _("{actor} changed the first owed day of server {subject}."),
    ),
    "server-last-day-changed": ActText(
        SERVERS,
        _("Last owed day of a server changed"),
        _("{actor} changed the last owed day of server {subject}."),
    ),
}

_OPERATION_ACTS = {
    "forwarding-mended": ActText(
        OPERATION,
        _("Forwarding of a file repaired"),
        _(
            "{actor} found that the file {name} was not in order in the archive, and"
            " repaired it."
        ),
    ),
    "work-hastened": ActText(
        OPERATION,
        _("Waiting files tried at once"),
        _("{actor} had waiting files tried at once: {subject}."),
        subject_text=_WORK.get,
    ),
    "work-retried": ActText(
        OPERATION,
        _("Failed work on a file retried"),
        _("{actor} had failed work on the file {name} retried."),
    ),
    "inbox-retried": ActText(
        OPERATION,
        _("File of the inbox fetched again"),
        _("{actor} had {subject} fetched from the inbox again."),
    ),
    "inbox-mail-retried": ActText(
        OPERATION,
        _("Mail about the inbox sent again"),
        _("{actor} had the mail about the inbox of {subject} sent again."),
    ),
}

ACTS = {**_FILE_ACTS, **_SERVER_ACTS, **_OPERATION_ACTS}

LABELS = {
    "files": _("Files"),
    "found": _("Found"),
    "problems": _("Problems"),
    "refused": _("Other files refused"),
    "said": _("Day in the file"),
    "sequence": _("Number of the file"),
}


def _problem_titles(codes: str) -> str:
    """Return the titles of problems, whose codes are separated by commas."""
    return "; ".join(dict.fromkeys(_problem_title(code) for code in codes.split(", ")))


def _problem_title(code: str) -> str:
    """Return the title of a problem, its code if the title needs what no entry has."""
    title: str = describe({"code": code, "params": {}, "where": ""})["title"]
    return code if "?" in title else title


VALUES: Mapping[str, CodeText] = {
    "kind": (dict(ServerRequestKind.choices) | _WORK).get,
    "problems": _problem_titles,
    "was": dict(FileState.choices).get,
}
