"""Measures and reports benchmarks: rounds, medians, spreads, ratios.

Every round runs each candidate once, so that a noisy machine disturbs all alike. The
figures that matter are the ratios, taken round by round.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"

Candidates = dict[str, Callable[[], object]]
Times = dict[str, list[float]]
Table = dict[str, Any]


def arguments(about: str, *, script: str, rounds: int) -> argparse.Namespace:
    """Read `--json` and `--rounds`, which every benchmark knows."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument(
        "--json", type=Path, default=RESULTS / f"{Path(script).stem}.json"
    )
    parser.add_argument("--rounds", type=int, default=rounds)
    return parser.parse_args()


def write(path: Path, tables: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"cores": os.cpu_count(), "load": os.getloadavg(), **tables}
    path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def milliseconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return (time.perf_counter() - began) * 1e3


def measure(candidates: Candidates, rounds: int) -> Times:
    """Run each candidate once to warm up, then once in every round."""
    for run in candidates.values():
        run()
    times: Times = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, run in candidates.items():
            times[name].append(milliseconds(run))
    return times


def report(title: str, times: Times, base: str, unit: str = "ms") -> Table:
    """Print and return medians, spreads, and ratios to the base, round by round."""
    sys.stdout.write(f"\n{title}\n" if title else "")
    table: Table = {}
    for name, taken in times.items():
        ratio = spread(
            [one / other for one, other in zip(taken, times[base], strict=True)]
        )
        figures = spread(taken)
        table[name] = {
            **{f"{key}_{unit}": value for key, value in figures.items()},
            f"ratio_to_{base}": ratio,
        }
        between = f"{figures['min']:8.2f} to {figures['max']:8.2f}"
        sys.stdout.write(f"  {name:34} {figures['median']:8.2f} {unit}  ({between})")
        sys.stdout.write(f"  {ratio['median']:5.2f} of {base}")
        sys.stdout.write(f" ({ratio['min']:.2f} to {ratio['max']:.2f})\n")
    return table


def spread(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 4),
        "min": round(min(values), 4),
        "max": round(max(values), 4),
    }


def report_values(name: str, values: Sequence[float], unit: str) -> dict[str, float]:
    """Print and return a figure that is no time and has no base."""
    figures = spread(values)
    sys.stdout.write(f"  {name:34} {figures['median']:8.2f} {unit}")
    sys.stdout.write(f"  ({figures['min']:8.2f} to {figures['max']:8.2f})\n")
    return figures
