"""Sentences about servers and their keys."""

from django.utils.translation import ngettext

from portal.templatetags.shown import grouped
from portal.typed_text.clean import isolated
from usage.servers.keys import JudgedFiles


def judged_text(judged: JudgedFiles, *, server: str) -> str:
    """Return what became of the files that were held for a key; empty for none."""
    accepted = ngettext(
        "%(count)s file of %(server)s is accepted.",
        "%(count)s files of %(server)s are accepted.",
        judged.accepted,
    )
    held = ngettext(
        "%(count)s file of %(server)s is still held for another reason.",
        "%(count)s files of %(server)s are still held for another reason.",
        judged.held,
    )
    waiting = ngettext(
        "%(count)s file of %(server)s is being checked.",
        "%(count)s files of %(server)s are being checked.",
        judged.unjudged,
    )
    counts = ((judged.accepted, accepted), (judged.held, held))
    return " ".join(
        text % {"count": grouped(count), "server": isolated(server)}
        for count, text in (*counts, (judged.unjudged, waiting))
        if count
    )
