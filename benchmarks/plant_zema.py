"""Four diagnosers for one hydraulic unit: `python benchmarks/plant_zema.py [FOLDER]`.

Trains cooler, valve, pump and accumulator on the training side of each task's first fold, asks them
about cycles of the held-out combinations, and writes a page of verdicts for each.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from faultsyn import api
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.store import Recording, Store, StoreWriter

HEADS = {"cooler": "lda", "valve": "lda", "pump": "lda", "accumulator": "ordinal-ridge"}
HEALTHY = {"cooler": "100", "valve": "100", "pump": "0", "accumulator": "130"}
CYCLES = 40


def held_out(model: Path, component: str, target: Path) -> Path:
    """A store of cycles of combinations that the diagnoser has not seen, labelled by component."""
    seen = Diagnoser.load(model).provenance["train"]["seen"]["columns"]
    names = ("cooler", "valve", "pump", "accumulator")
    known = set(zip(*(seen[name] for name in names), strict=True))
    target.unlink(missing_ok=True)
    with Store("data/zema.h5") as store, StoreWriter(target) as writer:
        columns = [store.recordings[name] for name in names]
        combination = [tuple(f"{float(v):g}" for v in row) for row in zip(*columns, strict=True)]
        fresh = np.array([row for row, of in enumerate(combination) if of not in known])
        for row in fresh[np.linspace(0, len(fresh) - 1, CYCLES).astype(int)]:
            one = store.recording(int(row))
            label = f"{float(one.columns[component]):g}"
            writer.add(
                Recording(
                    one.id, "normal" if label == HEALTHY[component] else label, one.streams,
                    one.source_file, one.source_sha256, one.columns,
                )
            )  # fmt: skip
    return target


def main() -> None:
    """Train, ask, write the pages, print how often they were right."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/plant")
    folder.mkdir(parents=True, exist_ok=True)
    for component, head in HEADS.items():
        model = Path("models") / f"zema-{component}"
        if not model.is_dir():
            api.train("data/zema.h5", task=f"zema-{component}", classifier=head, out=model, fold=1)
        store = held_out(model, component, folder / f"zema-{component}.h5")
        found = api.diagnose(model, store, html=folder / f"zema-{component}.html")
        made = Counter(
            "right" if one["verdict"] == one["said"]
            else one["verdict"] if one["verdict"] not in one["probabilities"] else "wrong"
            for one in found["verdicts"]
        )  # fmt: skip
        moved = Counter(
            part["channel"]
            for one in found["verdicts"]
            for part in one["evidence"]["occlusion"][:1]
            if one["label"] != "normal"
        )
        print(component, dict(made), "moved by", dict(moved.most_common(3)), found["page"])


if __name__ == "__main__":
    main()
