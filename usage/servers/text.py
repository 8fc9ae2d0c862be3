"""Sentences about servers and their keys."""

from django.utils.translation import gettext, ngettext

from portal.templatetags.shown import grouped, zoned_text
from portal.typed_text.clean import isolated
from usage.servers.end_keys import EndedKey
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


def ended_text(ended: EndedKey, *, zone: str) -> str:
    """Return that a key is revoked or refused, and what becomes of its files."""
    key = ended.key
    about = {"key": key.fingerprint, "server": isolated(key.server.name)}
    if key.revoked_from is None:
        text = gettext("The key %(key)s of %(server)s is refused.")
        held = ngettext(
            "%(count)s file that is held for it waits for the billing team.",
            "%(count)s files that are held for it wait for the billing team.",
            ended.held,
        )
        sentences = [text, held % {"count": grouped(ended.held)} if ended.held else ""]
    else:
        about["since"] = zoned_text(key.revoked_from, zone)
        text = gettext(
            "The key %(key)s of %(server)s is revoked: files signed with it that are"
            " received since %(since)s are held."
        )
        sentences = [text, _accepted_since(ended.accepted.since)]
    first, *others = sentences
    return " ".join([first % about, *filter(None, others)])


def _accepted_since(count: int) -> str:
    if not count:
        return ""
    text = ngettext(
        "%(count)s file that was received since is accepted already, and stays so"
        " unless the billing team refuses it.",
        "%(count)s files that were received since are accepted already, and stay so"
        " unless the billing team refuses them.",
        count,
    )
    return text % {"count": grouped(count)}
