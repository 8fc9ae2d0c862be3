"""Problems as data: a code, where it was found, and bounded parameters."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from usage.usg.characters import cleaned
from usage.usg.codes import NO_PARAMS, RANK, Code, Params, Severity, Spec
from usage.usg.text import SPECS

__all__ = ["SPECS", "Code", "Params", "Problem", "Severity", "Spec", "shown", "worst"]

# Long enough to recognise a server or a field by, short enough for one table cell.
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one file; `where` is a part, field or row, never content."""

    code: Code
    where: str
    params: Params = field(default_factory=lambda: NO_PARAMS)

    @property
    def severity(self) -> Severity:
        return SPECS[self.code].severity

    @property
    def title(self) -> str:
        """English; endpoints translate SPECS[code].title and fill it themselves."""
        return SPECS[self.code].title % self.params

    @property
    def advice(self) -> str:
        return SPECS[self.code].advice % self.params


def shown(value: object) -> str:
    """Cut what a sender wrote and make it printable, for use as a parameter."""
    text = str(value)
    head = cleaned(text[:SHOWN_CHARACTERS])
    return head if len(text) == len(head) else head + "…"


def worst(problems: Iterable[Problem]) -> Severity:
    severities: Iterable[Severity] = (problem.severity for problem in problems)
    return max(severities, key=RANK.index, default=Severity.ACCEPT)


def deciding(problems: Sequence[Problem]) -> list[Problem]:
    """Return the problems that decide the verdict: of a rejected file, its rejections.

    Advice of the others is for a file that the portal keeps.
    """
    rejections = [one for one in problems if one.severity is Severity.REJECT]
    return rejections or list(problems)


def as_json(problem: Problem) -> Mapping[str, object]:
    """Return the form of the command line and of the golden vectors."""
    return {
        "code": problem.code.value,
        "severity": problem.severity.value,
        "where": problem.where,
        "params": dict(problem.params),
    }
