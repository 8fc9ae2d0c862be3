"""Groups the files of one server into series, and joins series into chains."""

from collections.abc import Iterable
from uuid import UUID

from billing.coverage.facts import FileFact


def by_series(files: Iterable[FileFact]) -> list[list[FileFact]]:
    """Sort one server's files into series, each by number, the oldest series first.

    Raises ValueError when two files claim one number: a conflict must be decided, at
    least for now, before it is counted.
    """
    series: dict[UUID, list[FileFact]] = {}
    for fact in sorted(set(files), key=lambda fact: fact.sequence):
        run = series.setdefault(fact.series, [])
        if run and run[-1].sequence == fact.sequence:
            message = f"two accepted files {fact.sequence} of {fact.server!r}"
            raise ValueError(message)
        run.append(fact)
    return sorted(series.values(), key=lambda run: (run[0].opened_at, run[0].series))


def chains_of(files: Iterable[FileFact]) -> list[list[FileFact]]:
    """Join series where number 1 of the new one names the last file of the old."""
    series = by_series(files)
    ends = {run[-1].sha256: run for run in series}
    heirs: dict[bytes, list[FileFact]] = {}
    for run in series:
        previous = run[0].previous
        if run[0].sequence == 1 and previous in ends and ends[previous] is not run:
            heirs.setdefault(previous, run)
    joined = {run[0].series for run in heirs.values()}
    # Hashes cannot name each other in a circle; if input ever claims it, its series
    # come last and still each count once.
    heads = [run for run in series if run[0].series not in joined]
    heads += [run for run in series if run[0].series in joined]
    chains = []
    placed: set[UUID] = set()
    for head in heads:
        chain: list[FileFact] = []
        run_or_none: list[FileFact] | None = head
        while run_or_none is not None and run_or_none[0].series not in placed:
            placed.add(run_or_none[0].series)
            chain += run_or_none
            run_or_none = heirs.get(chain[-1].sha256)
        if chain:
            chains.append(chain)
    return chains


def one_per_number(
    accepted: Iterable[FileFact], held: Iterable[FileFact]
) -> list[FileFact]:
    """Resolve each conflict as later files propose, else for the file that waits."""
    waiting = set(held)
    facts = {*accepted, *waiting}
    named = {fact.previous for fact in facts}
    best: dict[tuple[UUID, int], FileFact] = {}
    ranked = sorted(
        facts,
        key=lambda f: (f.sha256 not in named, f not in waiting, f.sha256),
    )
    for fact in ranked:
        best.setdefault((fact.series, fact.sequence), fact)
    return list(best.values())
