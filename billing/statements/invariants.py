"""Invariants: issued statements never change, current ones match their inputs."""

import hashlib
import json

from billing.coverage.periods import Period
from billing.models import (
    CurrentStatement,
    Statement,
    StatementCounter,
    StatementMark,
    StatementPdf,
)
from billing.statements import build_current, inputs
from billing.statements.compute.figures import figures_sha256
from billing.statements.overview import overview_of
from portal.health.invariants import Finding, Findings, Invariant, InvariantScope
from portal.models import Tenant


def _issued_statements_are_unchanged(scope: InvariantScope) -> Findings:
    with scope.snapshot():
        versions: dict[str, int] = {}
        rows = Statement.objects.select_related("pdf").order_by("period", "version")
        for one in rows.iterator(10):
            subject = f"the statement {one.number}"
            for problem in _wrong(one, after=versions.get(one.period, 0)):
                yield Finding(subject, problem)
            versions[one.period] = one.version


def _wrong(one: Statement, *, after: int) -> list[str]:
    document, files = bytes(one.document), bytes(one.files)
    content = json.loads(document)
    checks = (
        (
            hashlib.sha256(document).hexdigest() == one.sha256,
            "has a document that does not match its SHA-256",
        ),
        (
            hashlib.sha256(bytes(one.csv)).hexdigest() == one.csv_sha256
            and hashlib.sha256(bytes(one.focus_csv)).hexdigest()
            == one.focus_csv_sha256,
            "has a CSV file that does not match its SHA-256",
        ),
        (
            figures_sha256(content) == content["figures_sha256"] == one.figures_sha256,
            "has figures that do not match their hash",
        ),
        (
            hashlib.sha256(files).hexdigest() == content["files"]["manifest_sha256"],
            "has a list of files that does not match its hash",
        ),
        (
            one.overview == overview_of(content, json.loads(files)),
            "has an overview that differs from its document",
        ),
        (_has_right_pdf(one), "has a PDF that does not match its SHA-256"),
        (one.version == after + 1, f"follows version {after}"),
    )
    return [problem for is_right, problem in checks if not is_right]


def _has_right_pdf(one: Statement) -> bool:
    """Return whether the PDF is unchanged, or was never made."""
    pdf: StatementPdf | None = getattr(one, "pdf", None)
    return pdf is None or (hashlib.sha256(bytes(pdf.content)).hexdigest() == pdf.sha256)


def _positions_have_no_gaps(scope: InvariantScope) -> Findings:
    if scope.tenant_id is not None:
        return
    with scope.snapshot():
        positions = Statement.objects.order_by("position")
        found = list(positions.values_list("position", flat=True))
        last = StatementCounter.objects.values_list("last", flat=True).first() or 0
    if found != list(range(1, last + 1)):
        problem = f"are not 1 to {last} without gaps: there are {len(found)}"
        yield Finding("the positions of issued statements", problem)


def _current_statements_equal_recomputed(scope: InvariantScope) -> Findings:
    if scope.tenant_id is None:
        return
    with scope.snapshot():
        tenant = Tenant.objects.get()
        rows = list(CurrentStatement.objects.order_by("period"))
        names = [one.period for one in rows]
        stale = inputs.stale_periods(tenant.pk, names, at=scope.at)
        for one in rows:
            subject = f"the statement of {one.period}"
            if one.period in stale:
                continue
            built = build_current.build_row(
                tenant, Period.parse(one.period), at=one.computed_at
            )
            if built is None:
                yield Finding(subject, "has stale days, and no mark")
            elif (built.figures_sha256, built.state, built.overview) != (
                *(one.figures_sha256, one.state),
                one.overview,
            ):
                yield Finding(subject, "differs from its files and its calendar")
        problems = StatementMark.objects.exclude(problem="")
        for problem in problems.values_list("problem", flat=True):
            text = f"cannot be computed at the moment: {problem}"
            yield Finding("the statements", text, is_breach=False)


INVARIANTS = (
    Invariant(
        name="issued-statements-never-change",
        sentence="An issued statement has the bytes and figures it was issued with.",
        check=_issued_statements_are_unchanged,
    ),
    Invariant(
        name="positions-of-statements-have-no-gaps",
        sentence="Issued statements are numbered from 1 without gaps.",
        check=_positions_have_no_gaps,
        is_across=True,
    ),
    Invariant(
        name="current-statements-are-what-they-would-be",
        sentence="A current statement equals one that is computed anew, or is marked.",
        check=_current_statements_equal_recomputed,
    ),
)
