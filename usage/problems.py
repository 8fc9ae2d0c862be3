"""What can be wrong with a file: the format's own problems and those of its company.

A problem is kept as a code with parameters; its sentence is made at the door.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext, gettext_noop

from usage.usg import SPECS, Problem, Severity, Spec

# Same server, series and number, other content: a restored machine does this.
SEQUENCE_TAKEN = "sequence-taken"

_ORDER = (Severity.ACCEPT, Severity.WARN, Severity.HOLD, Severity.REJECT)

_TEXTS: Mapping[str, Spec] = {
    **{code.value: spec for code, spec in SPECS.items()},
    SEQUENCE_TAKEN: Spec(
        Severity.HOLD,
        gettext_noop("Another file has number %(sequence)s of this server already."),
        gettext_noop(
            "It is %(other)s. Nothing to do now: billing staff will decide which of"
            " the two counts. Was the server restored from a snapshot?"
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class FoundProblem:
    """One thing wrong with one file."""

    code: str
    where: str
    params: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        return _TEXTS[self.code].severity

    def as_row(self) -> dict[str, Any]:
        """Return what is kept in the file's row."""
        return {"code": self.code, "where": self.where, "params": dict(self.params)}


def found_by_reader(problems: Iterable[Problem]) -> list[FoundProblem]:
    return [
        FoundProblem(problem.code.value, problem.where, problem.params)
        for problem in problems
    ]


def worst(problems: Iterable[FoundProblem]) -> Severity:
    severities = (problem.severity for problem in problems)
    return max(severities, key=_ORDER.index, default=Severity.ACCEPT)


def told(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kept problem with its sentences in the reader's language."""
    text = _TEXTS[row["code"]]
    return {
        "code": row["code"],
        "severity": text.severity.value,
        "where": row["where"],
        "title": gettext(text.title) % row["params"],
        "advice": gettext(text.advice) % row["params"],
    }
