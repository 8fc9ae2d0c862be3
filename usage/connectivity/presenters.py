"""Presents the results of access checks: sentences, marks and a row for each name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, ngettext

from usage.connectivity.results import MachineResult
from usage.usg.client.access_check import Conclusion, Names, is_foreign
from usage.usg.client.access_probe import NameProbe, ProbeOutcome
from usage.usg.client.access_text import advice_of, outcome_of, title_of


@dataclass(frozen=True, slots=True)
class NameRow:
    """One name as the page shows it; `facts` is what was found on the way."""

    name: str
    outcome: str
    mark: str
    facts: str


@dataclass(frozen=True, slots=True)
class MachineRow:
    """One machine as the page shows it; `mark` is its colour and shape."""

    result: MachineResult
    mark: str
    title: str
    advice: list[str]
    names: list[NameRow]


def machine_rows(found: Iterable[MachineResult]) -> list[MachineRow]:
    """Return the results as the page shows them, those without access first."""
    return [
        _machine_row(one) for one in sorted(found, key=lambda one: one.report.works)
    ]


def answer_text(found: Sequence[MachineResult]) -> str:
    """Return the first sentence about the results of a tenant's machines."""
    if not found:
        return gettext("No server has reported an access check yet.")
    bad = sum(not one.report.works for one in found)
    if bad == len(found) == 1:
        return gettext("The checked server does not have full access to S3.")
    if bad:
        return ngettext(
            "%(count)d of %(all)d checked servers does not have full access to S3.",
            "%(count)d of %(all)d checked servers do not have full access to S3.",
            bad,
        ) % {"count": bad, "all": len(found)}
    return ngettext(
        "%(all)d checked server has access to S3.",
        "%(all)d checked servers have access to S3.",
        len(found),
    ) % {"all": len(found)}


def _machine_row(result: MachineResult) -> MachineRow:
    report = result.report
    partly = report.conclusion is Conclusion.WORKS_PARTLY
    mark = "received" if report.works else "partial" if partly else "missing"
    good = {ProbeOutcome.DENIED}
    rows = [_name_row(one, report.names, good) for one in report.bucket]
    good |= {ProbeOutcome.OTHER_ANSWER}
    rows += [_name_row(one, report.names, good) for one in report.service]
    return MachineRow(
        result=result,
        mark=mark,
        title=title_of(report),
        advice=[] if report.works else advice_of(report),
        names=rows,
    )


def _name_row(one: NameProbe, names: Names, good: set[ProbeOutcome]) -> NameRow:
    """`good` are the outcomes that are well for this name, if it was Amazon's."""
    is_good = one.outcome in good and not is_foreign(one, names)
    facts = [*one.addresses, one.tls, one.issuer, str(one.status or ""), one.code]
    return NameRow(
        name=one.name,
        outcome=outcome_of(one),
        mark="received" if is_good else "missing",
        facts=", ".join(fact for fact in facts if fact),
    )
