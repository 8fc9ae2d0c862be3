"""Problems of a file: codes, severities and their sentences.

The format has problems of its own; a file can also conflict with others. A problem is
stored as a code with parameters; endpoints make its sentence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop

from portal.templatetags.shown import full_day
from usage.models import ENDED_STATES, FileState, ServerKey, UsageFile
from usage.usg import SPECS, Code, Problem, Severity, Spec

# Same server, series and number, other content: a restored machine does this.
SEQUENCE_TAKEN = "sequence-taken"

# The key that signed the file has ended; staff accept or refuse the file.
SIGNER_REVOKED = "signer-revoked"
SIGNER_REFUSED = "signer-refused"
OF_ITS_KEY = frozenset({SIGNER_REVOKED, SIGNER_REFUSED})

# Problems that staff decide by assigning the file its day.
OF_ITS_TIME = frozenset(
    {
        Code.CLOSED_BEFORE_OPENED,
        Code.DAY_DIFFERS,
        Code.DAY_OVERRUN,
        Code.MIDNIGHT_DIFFERS,
        Code.CLOCK_AHEAD,
        Code.CLOCK_BEHIND,
        Code.ZONE_UNKNOWN,
    }
)

_DAY_DECIDED = gettext_noop(
    "Nothing to do: the billing team has assigned the file its day."
)
_KEY_DECIDED = gettext_noop(
    "You do not have to do anything: the billing team has accepted the file in spite"
    " of its key."
)

_NEW_KEY = gettext_noop(
    "The portal keeps the file, and the billing team decides whether it counts. Do not"
    " send it again. If the server still signs with this key, give it a new one and"
    " register that key on the page Servers."
)

_ORDER = (Severity.ACCEPT, Severity.WARN, Severity.HOLD, Severity.REJECT)

_TEXTS: Mapping[str, Spec] = {
    **{code.value: spec for code, spec in SPECS.items()},
    SEQUENCE_TAKEN: Spec(
        Severity.HOLD,
        gettext_noop("Another file has number %(sequence)s of this server already."),
        gettext_noop(
            "It is %(other)s. Nothing to do now: the billing team will decide which of"
            " the two counts. Was the server restored from a snapshot?"
        ),
    ),
    SIGNER_REVOKED: Spec(
        Severity.HOLD,
        gettext_noop(
            "The file is signed with a key of %(server)s that is revoked for files"
            " received since %(revoked)s."
        ),
        _NEW_KEY,
    ),
    SIGNER_REFUSED: Spec(
        Severity.HOLD,
        gettext_noop("The file is signed with a key of %(server)s that was refused."),
        _NEW_KEY,
    ),
}


# Stands for problems that a later version has stored, so that lists can show them.
_UNKNOWN = Spec(
    Severity.HOLD,
    gettext_noop("The file has a problem that this version does not know: %(code)s."),
    gettext_noop("Contact the billing team with this code."),
)


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """One thing wrong with one file; one that is decided holds it no longer."""

    code: str
    where: str
    params: Mapping[str, str | int] = field(default_factory=dict)
    is_decided: bool = False

    @property
    def severity(self) -> Severity:
        return Severity.WARN if self.is_decided else _spec(self.code).severity

    def as_row(self) -> dict[str, Any]:
        """Return what is kept in the file's row."""
        row = {"code": self.code, "where": self.where, "params": dict(self.params)}
        return {**row, "is_decided": True} if self.is_decided else row


def with_decisions(
    problems: Iterable[FoundProblem], file: UsageFile
) -> list[FoundProblem]:
    """Return the same problems, those that staff have decided marked as decided."""
    decided: set[str] = set()
    if file.assigned_day is not None:
        decided |= OF_ITS_TIME
    if file.is_signer_accepted:
        decided |= OF_ITS_KEY
    return [
        replace(problem, is_decided=problem.code in decided) for problem in problems
    ]


def found_by_reader(
    problems: Iterable[Problem], key: ServerKey | None = None
) -> list[FoundProblem]:
    """Return the problems that the reader has found in a file signed with a key.

    The reader knows whether a key is trusted, not why: where the key has ended, its
    problem is `SIGNER_REVOKED` or `SIGNER_REFUSED` in place of `Code.SIGNER_UNKNOWN`.
    """
    return [
        _of_ended_key(problem, key)
        if key is not None
        and key.state in ENDED_STATES
        and problem.code == Code.SIGNER_UNKNOWN
        else FoundProblem(problem.code.value, problem.where, problem.params)
        for problem in problems
    ]


def _of_ended_key(problem: Problem, key: ServerKey) -> FoundProblem:
    if key.revoked_from is None:
        return FoundProblem(SIGNER_REFUSED, problem.where, problem.params)
    params = {**problem.params, "revoked": key.revoked_from.isoformat()}
    return FoundProblem(SIGNER_REVOKED, problem.where, params)


def worst(problems: Iterable[FoundProblem]) -> Severity:
    severities = (problem.severity for problem in problems)
    return max(severities, key=_ORDER.index, default=Severity.ACCEPT)


def shown_problems(file: UsageFile) -> list[dict[str, Any]]:
    """Return the problems that decide a file's verdict, with their sentences.

    For a rejected file these are the problems that reject it: texts of other problems
    promise that the file is kept, or that somebody will look at it. Problems of a file
    that staff have refused have no advice: there is nothing more to do.
    """
    found = [describe(row) for row in file.problems]
    if file.state == FileState.REJECTED:
        decide = [one for one in found if one["severity"] == Severity.REJECT.value]
        return decide or [one for one in found if one["code"] not in _TEXTS]
    if file.state == FileState.REFUSED:
        return [{**one, "advice": ""} for one in found]
    return found


def problem_titles(file: UsageFile) -> list[str]:
    """Return the titles of `shown_problems`; two problems can share one."""
    return list(dict.fromkeys(one["title"] for one in shown_problems(file)))


def describe(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept problem with its sentences in the reader's language."""
    text = _spec(row["code"])
    is_decided = row.get("is_decided", False)
    decided = _KEY_DECIDED if row["code"] in OF_ITS_KEY else _DAY_DECIDED
    params = _Params(_readable(row["params"]), code=row["code"])
    return {
        "code": row["code"],
        "severity": (Severity.WARN if is_decided else text.severity).value,
        "where": row["where"],
        "title": gettext(text.title) % params,
        "advice": gettext(decided if is_decided else text.advice) % params,
    }


class _Params(dict[str, str | int]):
    """Parameters of a text; one that was not stored is shown as a question mark."""

    def __missing__(self, _name: str) -> str:
        return "?"


def _spec(code: str) -> Spec:
    return _TEXTS.get(code, _UNKNOWN)


def _readable(params: Mapping[str, str | int]) -> dict[str, str | int]:
    """Return parameters as people read them: days, and instants with their zone."""
    found = dict(params)
    if "day" in found:
        found["day"] = full_day(date.fromisoformat(str(found["day"])))
    for name in ("opened", "closed", "revoked"):
        if name in found:
            at = datetime.fromisoformat(str(found[name])).astimezone(UTC)
            found[name] = f"{date_format(at, 'D j F Y, H:i')} UTC"
    return found


def holding(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the codes among a file's kept problems that still wait for somebody."""
    return [
        row["code"]
        for row in rows
        if not row.get("is_decided", False)
        and _spec(row["code"]).severity in (Severity.HOLD, Severity.REJECT)
    ]
