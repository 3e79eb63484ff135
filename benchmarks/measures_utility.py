"""Which quality measures predict utility: from studies that measured what they made.

    python benchmarks/measures_utility.py runs/generators --out experiments/results/measures-utility

Takes results folders of studies with `measures: true`, runs or published ones, whatever cells they
have; correlates each measure with the gain in balanced accuracy over no synthesis, and writes
`associations.csv`, `summary.md` and a figure.
"""

from __future__ import annotations

import argparse
import csv
from dataclasses import asdict, fields
from itertools import chain
from pathlib import Path

import numpy as np

from faultsyn.experiment.measuring import read_figures
from faultsyn.experiment.results import Results
from faultsyn.report.measure_figure import measure_figure
from faultsyn.report.measure_utility import EVERY, Association, associations
from faultsyn.report.style import save, styled


def main() -> None:
    """Read, correlate, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("results", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--reference", default="none")
    given = parser.parse_args()
    results = Results.of(chain.from_iterable(Results.read(f).rows() for f in given.results))
    figures = chain.from_iterable(read_figures(folder) for folder in given.results)
    found = associations(results, figures, np.random.default_rng(0), reference=given.reference)
    if not found:
        raise SystemExit("no block has figures and gains of enough generators yet")
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "associations.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Association)])
        writer.writeheader()
        writer.writerows(asdict(a) for a in found)
    text = table(found, given.reference)
    (given.out / "summary.md").write_text(text)
    print(text)
    with styled():
        save(measure_figure(found), given.out, "measures-utility")


def table(found: list[Association], reference: str) -> str:
    """The findings as Markdown."""
    names = list(dict.fromkeys(a.classifier for a in found if a.classifier != EVERY))
    head = ["measure", EVERY, "95 % interval", "p", "cells", "groups", *names]
    lines = [
        "# Which quality measures go with a gain in accuracy",
        "",
        "Spearman's rank correlation of a measure's figure and the gain in balanced accuracy over "
        f"`{reference}`, ranked within task, K, held-out group and seed. Positive: of generators "
        "on the same shots, those with the better figure help more. Intervals: held-out groups "
        "resampled; p: gains permuted within blocks, not corrected for the number of measures.",
        "",
        f"| {' | '.join(head)} |",
        "|---" * len(head) + "|",
    ]
    by = {(a.measure, a.classifier): a for a in found}
    for measure in dict.fromkeys(a.measure for a in found):
        a = by[measure, EVERY]
        span = "-" if a.low is None else f"{a.low:+.2f} to {a.high:+.2f}"
        cells = [measure, f"**{a.rho:+.2f}**", span, f"{a.p:.3f}", str(a.cells), str(a.clusters)]
        for name in names:
            own = by.get((measure, name))
            cells.append("-" if own is None else f"{own.rho:+.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
