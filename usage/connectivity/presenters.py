"""Presents the results of access checks: sentences, marks and a row for each name."""

from dataclasses import dataclass

from usage.connectivity.results import MachineResult
from usage.usg.client.access_check import Conclusion
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


def machine_row(result: MachineResult) -> MachineRow:
    """Return a machine's result as the page shows it."""
    report = result.report
    partly = report.conclusion is Conclusion.WORKS_PARTLY
    mark = "received" if report.works else "partial" if partly else "missing"
    every = (*report.bucket, *report.service)
    return MachineRow(
        result=result,
        mark=mark,
        title=title_of(report),
        advice=[] if report.works else advice_of(report),
        names=[_name_row(one) for one in every],
    )


def _name_row(one: NameProbe) -> NameRow:
    is_good = one.outcome in (ProbeOutcome.DENIED, ProbeOutcome.OTHER_ANSWER)
    facts = [*one.addresses, one.tls, one.issuer, str(one.status or ""), one.code]
    return NameRow(
        name=one.name,
        outcome=outcome_of(one),
        mark="received" if is_good else "missing",
        facts=", ".join(fact for fact in facts if fact),
    )
