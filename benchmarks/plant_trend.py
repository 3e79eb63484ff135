"""The trend of a real motor that is damaged: `python benchmarks/plant_trend.py [FIGURE]`.

CWRU's motor without load, in quarters of a second: of its healthy run (five seconds at 48 kHz) some
are the baseline, the others and then three of each inner-race fault of 7, 14 and 21 mil are the
recordings to come. Prints what is outside healthy for two baselines: every other quarter, and the
first ten. With every other quarter the figure is drawn. The times are made up; the recordings say
none.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from faultsyn.experiment import load_task
from faultsyn.plant.baseline import Baseline, level_statistics
from faultsyn.plant.posed import Posed
from faultsyn.plant.states import States
from faultsyn.plant.trends import Trends
from faultsyn.plant.verdict import Verdict
from faultsyn.report.style import styled
from faultsyn.report.trend_figure import trend_figure
from faultsyn.store import Store
from faultsyn.store.resample import rate_ratio, resample
from faultsyn.windows import WindowSet, concat

RATE, WINDOW, PIECE = 12000, 1024, 3000
FAULTS = ("105_0", "169_0", "209_0")
TASK = {
    "name": "motor",
    "store": "data/cwru.h5",
    "window": {"samples": WINDOW, "rate": RATE, "channels": ["DE"]},
    "label": {"column": "label", "classes": ["normal", "inner"], "normal": "normal"},
    "split": {"scheme": "leave-one-out", "level": "recording", "groups": "session"},
    "k": ["all"],
    "budget": {"text": "all"},
    "representation": {"features": "orders"},
}


def quarters() -> dict[str, list[WindowSet]]:
    """Windows of each quarter of a second of the healthy run, and of three of each fault."""
    found = {}
    with Store("data/cwru.h5") as store:
        ids = store.recordings["id"].tolist()
        healthy = ids[store.recordings["label"].tolist().index("normal")]
        for name, count in ((healthy, 20), *((fault, 3) for fault in FAULTS)):
            (stream,) = store.recording(ids.index(name)).streams
            x = np.concatenate(list(stream.blocks(name)))[:, stream.channels.index("DE")]
            x = (x * (stream.scale or 1)).astype(np.float32)
            ratio = rate_ratio(stream.rate, RATE, stream.stream)
            x = x if ratio == 1 else resample(x[None], ratio)[0]
            own = "healthy" if name == healthy else name
            found[own] = [windows(x[PIECE * i : PIECE * (i + 1)]) for i in range(count)]
    return found


def windows(x: np.ndarray) -> WindowSet:
    """A piece of the drive end's signal, cut."""
    cut = x[: len(x) // WINDOW * WINDOW].reshape(-1, 1, WINDOW).astype(np.float32)
    return WindowSet(cut, {"label": np.full(len(cut), "")}, RATE, ("DE",))


def main() -> None:
    """Print both, draw the first."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/figures/plant-trend.png")
    known = quarters()
    healthy = known.pop("healthy")
    posed = Posed(load_task(TASK), ("g",), ((float(RATE),),), {})
    for name, base, rest in (
        ("every other quarter", healthy[::2], healthy[1::2]),
        ("the first ten quarters", healthy[:10], healthy[10:]),
    ):
        baseline = Baseline.learn(concat(base), States.learn({}, []))
        trends = Trends(posed, baseline)
        coming = [("healthy", part) for part in rest]
        coming += [(fault, part) for fault, parts in known.items() for part in parts]
        for day, (label, part) in enumerate(coming, start=1):
            columns = {"asset": "motor", "start_time": f"2024-03-{day:02d}T06:00:00"}
            levels = dict(zip(part.channels, level_statistics(part.x).tolist(), strict=True))
            faulty = label != "healthy"
            trends.add(
                Verdict(f"{label}-{day}", "", alarm=faulty, columns=columns, statistics=levels)
            )
        (trend,) = trends
        outside = np.any([one.outside for one in trend.series], axis=0)
        n = len(rest)
        print(f"baseline: {name}, {len(concat(base))} windows, limit {baseline.limit:.1f}")
        print(f"  healthy quarters outside: {outside[:n].sum()} of {n}")
        for one in trend.series:
            far, fault = np.abs(one.deviations[:n]).max(), one.deviations[n:]
            print(
                f"  {one.statistic}: healthy at most {far:.1f}, faults {fault.min():.1f} to "
                f"{fault.max():.1f}, 7 mil {fault[:3].mean():.0f}; {one.direction or 'level'} "
                f"(p = {one.p:.1g})"
            )
        if name.startswith("every"):
            with styled():
                figure, _ = trend_figure(trend, fast=True)
                figure.savefig(target, dpi=130, metadata={"Software": None})


if __name__ == "__main__":
    main()
