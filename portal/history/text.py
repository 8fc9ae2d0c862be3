"""Sentences about trails: who acted, and how far a chain is checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_lazy, ngettext

from portal.history.chain_state import ChainState, TrailsState
from portal.templatetags.shown import grouped, zoned_text

# Actors that are not people, by their stored names.
_PORTAL = gettext_lazy("The portal")
_OPERATOR = gettext_lazy("An operator of the portal")
_ACTORS = {
    "the portal": _PORTAL,
    "portal": _PORTAL,
    "reconciliation": _PORTAL,
    "retention": _PORTAL,
    "automated upload": gettext_lazy("The automated upload"),
    "operator": _OPERATOR,
    "command line": _OPERATOR,
    "setup": _OPERATOR,
}

# Before the name of an API token that acted.
_TOKEN = "token "  # noqa: S105 - no secret

_MARKS = {True: "missing", False: "received"}


@dataclass(frozen=True, slots=True)
class ChainText:
    """The state of a chain: a mark, a short answer and a sentence that explains it."""

    mark: str
    answer: str
    explanation: str


def actor_text(actor: str, people: Mapping[str, str]) -> str:
    """Return who acted: the name of a person, a token, or the portal itself.

    `people` are names by the stored actors.
    """
    if actor in people:
        return people[actor]
    if actor.startswith(_TOKEN):
        return gettext("API token %(name)s") % {"name": actor.removeprefix(_TOKEN)}
    return str(_ACTORS.get(actor, actor))


def chain_text(state: ChainState, *, zone: str) -> ChainText:
    """Return the state of one trail."""
    if state.broken is not None:
        answer = gettext("The trail is broken from entry %(number)s on.")
        return ChainText(
            _MARKS[True],
            answer % {"number": grouped(state.broken)},
            _broken_text(state, zone=zone),
        )
    if not state.reached:
        return ChainText("silent", gettext("The trail has no entry yet."), "")
    answer = gettext("Checked up to entry %(number)s at %(time)s: unbroken.")
    shown = {"number": grouped(state.reached), "time": zoned_text(state.at, zone)}
    return ChainText(
        _MARKS[False] if state.is_end else "partial",
        answer % shown,
        _parts_text(state, zone=zone),
    )


def trails_text(state: TrailsState, *, zone: str) -> ChainText:
    """Return the stored state of all trails."""
    if state.broken:
        answer = ngettext(
            "%(count)s trail is broken.", "%(count)s trails are broken.", state.broken
        )
        return ChainText(_MARKS[True], answer % {"count": state.broken}, "")
    if state.oldest_at is None:
        return ChainText("partial", gettext("No trail has been checked yet."), "")
    answer = gettext("All checked trails are unbroken.")
    text = gettext("Each of them was last checked at %(time)s or later.")
    time = zoned_text(state.oldest_at, zone)
    return ChainText(_MARKS[False], answer, text % {"time": time})


def _broken_text(state: ChainState, *, zone: str) -> str:
    text = gettext(
        "It does not follow from the entry before it: an entry was changed, removed or"
        " inserted in the database. Found at %(time)s. Tell the operator of the"
        " portal."
    )
    return text % {"time": zoned_text(state.broken_at or state.at, zone)}


def _parts_text(state: ChainState, *, zone: str) -> str:
    sentences = []
    if state.stored_at is not None and state.stored:
        text = gettext("Entries up to %(number)s were checked at %(time)s.")
        shown = {
            "number": grouped(state.stored),
            "time": zoned_text(state.stored_at, zone),
        }
        sentences.append(text % shown)
    if state.reached > state.stored:
        text = gettext("Entries %(first)s to %(last)s were checked for this page.")
        shown = {"first": grouped(state.stored + 1), "last": grouped(state.reached)}
        sentences.append(text % shown)
    if not state.is_end:
        sentences.append(gettext("Later entries are checked within the hour."))
    if state.full_at is not None:
        text = gettext(
            "The last check of all entries, from the first on, ended at %(time)s."
        )
        sentences.append(text % {"time": zoned_text(state.full_at, zone)})
    return " ".join(sentences)
