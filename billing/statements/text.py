"""Texts of statements: summary, states, lines, figures."""

from collections.abc import Mapping
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_noop, ngettext, ngettext_lazy

from billing.models import StatementState
from billing.statements.compute.figures import kind_of_line
from billing.statements.compute.lines import AGENT, BUSINESS
from portal.templatetags.shown import grouped

Document = Mapping[str, Any]

_AN_HOUR = 3600

# Shorter times would be shown as 0.0 hours.
_SHORTEST_SHOWN = 180

_MARKS: Mapping[str, str] = {
    StatementState.PROVISIONAL: "pending",
    StatementState.DRAFT: "partial",
    StatementState.ISSUED: "received",
}

# What a difference has in `line` where it is about no line of the statement.
_PARTS: Mapping[str, str] = {
    "totals": gettext_noop("All users"),
    "doubtful": gettext_noop("Rows to check"),
    "files": gettext_noop("Files"),
    "completeness": gettext_noop("Server-days"),
}

# Prefix of the `field` of a difference about a server-day; a server name follows.
SERVER_PREFIX = "server:"

_FIELDS: Mapping[str, str] = {
    "named_users": gettext_noop("named users"),
    "users": gettext_noop("users in an hour"),
    "peak": gettext_noop("peak"),
    "peak_at": gettext_noop("first instant of the peak"),
    "peak_runs": gettext_noop("how often the peak was reached"),
    "peak_seconds": gettext_noop("time at the peak"),
    "held_30min": gettext_noop("held for 30 minutes"),
    "held_30min_from": gettext_noop("start of the 30 minutes"),
    "logins": gettext_noop("logins"),
    "rows": gettext_noop("rows"),
    "used_seconds": gettext_noop("time used"),
    "row_seconds": gettext_noop("length of all rows"),
    "owed": gettext_noop("owed"),
    "received": gettext_noop("received"),
    "silent": gettext_noop("silent"),
    "down": gettext_noop("excused, server down"),
    "lost": gettext_noop("excused, files lost"),
    "missing": gettext_noop("missing"),
    "with_us": gettext_noop("waiting for the billing team"),
    "pending": gettext_noop("not over yet"),
    "no_logout": gettext_noop("without a logout"),
    "cut_by_restart": gettext_noop("cut by a restart"),
    "cut_by_crash": gettext_noop("cut by a crash"),
    "assigned_day_rows": gettext_noop("from files with an assigned day"),
    "alike_groups": gettext_noop("groups of similar names"),
    "count": gettext_noop("number"),
    "file": gettext_noop("counted file"),
    "unreadable": gettext_noop("unreadable"),
    "covered": gettext_noop("covered"),
    "starts_at": gettext_noop("start of the day"),
    "ends_at": gettext_noop("end of the day"),
    "last_received_day": gettext_noop("last day with a file"),
    "bytes": gettext_noop("size"),
}

_DOUBTS: Mapping[str, Any] = {
    "no_logout": ngettext_lazy(
        "%(shown)s row has no logout: its file was closed by a shutdown or a clock"
        " change.",
        "%(shown)s rows have no logout: their files were closed by a shutdown or a"
        " clock change.",
        "count",
    ),
    "cut_by_restart": ngettext_lazy(
        "%(shown)s row was cut by a restart of the server.",
        "%(shown)s rows were cut by a restart of the server.",
        "count",
    ),
    "cut_by_crash": ngettext_lazy(
        "%(shown)s row was cut by a crash of the server.",
        "%(shown)s rows were cut by a crash of the server.",
        "count",
    ),
    "assigned_day_rows": ngettext_lazy(
        "%(shown)s row is from a file whose day the billing team has assigned.",
        "%(shown)s rows are from files whose day the billing team has assigned.",
        "count",
    ),
    "alike_groups": ngettext_lazy(
        "%(shown)s group of users has names that differ only by a domain. Each name"
        " counts as one user.",
        "%(shown)s groups of users have names that differ only by a domain. Each name"
        " counts as one user.",
        "count",
    ),
}


def state_text(state: str, version: int | None) -> tuple[str, str]:
    """Return the mark (see the tag `mark`) and the name of a statement's state."""
    text = {
        StatementState.PROVISIONAL: gettext("Provisional"),
        StatementState.DRAFT: gettext("Draft"),
        StatementState.ISSUED: gettext("Issued, version %(version)s"),
    }[StatementState(state)]
    return _MARKS[state], text % {"version": version}


def answer_text(document: Document) -> str:
    """Return the peaks of a statement as one sentence."""
    if not document["files"]["count"]:
        return gettext("No usage files for this period.")
    if not document["totals"]["rows"]:
        return gettext("Nobody was logged in in this period.")
    peaks = {line["id"]: line["peak"] for line in document["lines"]}
    text = gettext("Peak use: %(agents)s, %(business)s.")
    if document["completeness"]["pending"]:
        text = gettext("Peak use so far: %(agents)s, %(business)s.")
    return text % users_text(peaks[AGENT], peaks[BUSINESS])


def tile_text(
    month: str, state: str, peaks: tuple[int, int] | None, *, is_running: bool
) -> str:
    """Return the peaks of a period as a sentence, for the home page.

    Peaks are those of Agents and Business Users, of the last version if there is one;
    None without usage files.
    """
    if peaks is None:
        text = gettext("%(month)s: no usage files.")
    elif state == StatementState.DRAFT:
        text = gettext(
            "%(month)s: peak use %(agents)s, %(business)s by the last issued version."
            " The figures have changed since."
        )
    elif is_running:
        text = gettext("%(month)s: peak use so far %(agents)s, %(business)s.")
    else:
        text = gettext("%(month)s: peak use %(agents)s, %(business)s.")
    return text % {"month": month, **users_text(*(peaks or (0, 0)))}


def state_notice(document: Document) -> str:
    """Return what the state of a statement means for its figures; empty if issued."""
    statement = document["statement"]
    if statement["state"] == StatementState.PROVISIONAL:
        return gettext(
            "Provisional: these figures change as files arrive, until the statement is"
            " issued."
        )
    if statement["state"] == StatementState.DRAFT:
        sentence = gettext(
            "Draft: the figures known now differ from those of version %(last)s. They"
            " apply once they are issued as the next version."
        )
        return sentence % {"last": statement["replaces"]["version"]}
    return ""


def day_answer_text(of_day: Document) -> str:
    """Return the peaks of a day as one sentence."""
    peaks = {line["id"]: line["peak"] for line in of_day["lines"]}
    text = gettext("Peak use: %(agents)s, %(business)s.")
    return text % users_text(peaks[AGENT], peaks[BUSINESS])


def users_text(agents: int, business: int) -> dict[str, str]:
    """Return both numbers with their units, as the parameters of a text."""
    text = ngettext("%(count)s Agent", "%(count)s Agents", agents)
    other = ngettext("%(count)s Business User", "%(count)s Business Users", business)
    return {
        "agents": text % {"count": grouped(agents)},
        "business": other % {"count": grouped(business)},
    }


def line_text(name: str) -> str:
    """Return the name of a line, or of a part that a difference has in `line`."""
    if name in _PARTS:
        return gettext(_PARTS[name])
    if name in (AGENT, BUSINESS):
        return {AGENT: gettext("Agents"), BUSINESS: gettext("Business Users")}[name]
    return kind_of_line(name)[1] or name


def hours_text(seconds: int) -> str:
    """Return seconds as hours with one decimal: 31,208.4 h."""
    if 0 < seconds < _SHORTEST_SHOWN:
        return gettext("under 0.1 h")
    # Rounded first: formatting cuts off further decimals.
    hours = number_format(round(seconds / _AN_HOUR, 1), 1, force_grouping=True)
    return gettext("%(hours)s h") % {"hours": hours}


def field_text(line: str, field: str) -> str:
    """Return the name of a figure, such as `Business Users, logins`.

    For a server-day that of its server: `Server-days, IC01`.
    """
    name = gettext(_FIELDS.get(field, field.removeprefix(SERVER_PREFIX)))
    return gettext("%(line)s, %(figure)s") % {"line": line_text(line), "figure": name}


def count_text(name: str) -> str:
    """Return the name of a count of server-days."""
    return gettext(_FIELDS[name])


def server_day_text(state: str) -> str:
    """Return the state of a listed server-day."""
    return {
        "with_us": gettext("a file or an excuse is waiting for the billing team"),
        "down": gettext("excused: the server was down"),
        "lost": gettext("excused: the files are lost; their usage is not counted"),
        "partial": gettext("partial: some files of the day are missing"),
    }.get(state, gettext("missing"))


def doubt_texts(doubtful: Mapping[str, int]) -> list[str]:
    """Return a sentence for each kind of doubtful rows with a count above 0."""
    return [
        str(text % {"count": doubtful[name], "shown": grouped(doubtful[name])})
        for name, text in _DOUBTS.items()
        if doubtful[name]
    ]


def unclassified_text(keys: list[str]) -> str:
    """Return a sentence with the number and names of unclassified licence keys."""
    text = ngettext(
        "%(count)s licence key is not classified yet: %(keys)s.",
        "%(count)s licence keys are not classified yet: %(keys)s.",
        len(keys),
    )
    return text % {"count": len(keys), "keys": ", ".join(keys)}


def unreadable_text(names: list[str]) -> str:
    """Return a sentence with the number and names of files that do not open."""
    text = ngettext(
        "%(count)s file does not open: %(names)s.",
        "%(count)s files do not open: %(names)s.",
        len(names),
    )
    return text % {"count": len(names), "names": ", ".join(names)}
