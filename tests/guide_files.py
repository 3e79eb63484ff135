"""The folder of CSV files that `docs/first-verdict.md` begins with."""

from __future__ import annotations

from pathlib import Path

from faultsyn import api
from faultsyn.store import Store


def write_motor_files(folder: Path) -> None:
    """Motors 1 to 4 with their state in `recordings/`, four recordings of motor 5 in `arrived/`."""
    api.simulate(folder / "all.h5", assets=5, seconds=1.0, seed=3)
    for name in ("recordings", "arrived"):
        (folder / name).mkdir()
    shift = 0
    with Store(folder / "all.h5") as store:
        known = store.recordings
        for row in range(len(store)):
            motor, rpm = int(known["unit"][row]) + 1, round(float(known["rpm"][row]))
            state, place = str(known["label"][row]), "recordings"
            if motor == 5:
                if row % 4 != 1:
                    continue
                shift += 1
                state, place = f"shift{shift}", "arrived"
            stream = store.recording(row).streams[0]
            x = stream.samples[:, 0] * (stream.scale or 1)
            rows = "\n".join(f"{i / 12000:.7f},{value:.5f}" for i, value in enumerate(x))
            path = folder / place / f"motor{motor}_{state}_{rpm}rpm.csv"
            path.write_text(f"time [s],acc [g]\n{rows}\n")
    (folder / "all.h5").unlink()
