"""A folder of CSV files as a plant has them, cut from a simulated rig."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faultsyn import api
from faultsyn.store import Store


def write_plant_files(folder: Path) -> None:
    """`recordings/`: three motors, healthy and with each fault; `tomorrow/`: a fourth motor.

    `motor1_inner_1797rpm_0.csv` has the columns time [s] and acc [g]; the files of tomorrow name no
    fault (`motor4_1797rpm_0.csv` is healthy, `_1` an outer-race, `_2` an inner-race fault), and one
    of them is damaged.
    """
    api.simulate(folder / "rig.h5", assets=4, seconds=2.0)
    past, tomorrow = folder / "recordings", folder / "tomorrow"
    past.mkdir()
    tomorrow.mkdir()
    run = {"normal": 0, "outer": 1, "inner": 2, "ball": 3}
    with Store(folder / "rig.h5") as store:
        for row in range(len(store)):
            one = store.recording(row)
            label, unit = one.label, int(one.columns["unit"]) + 1  # type: ignore[call-overload]
            if int(one.columns["load"]) > 1:  # type: ignore[call-overload]
                continue
            rpm = round(float(one.columns["rpm"]))
            name = f"motor{unit}_{label}_{rpm}rpm_{run[label]}.csv"
            if unit == 4:
                name = f"motor{unit}_{rpm}rpm_{run[label]}.csv"
            x = np.asarray(one.streams[0].samples)[:, 0]
            times = np.arange(len(x)) / 12000
            path = (tomorrow if unit == 4 else past) / name
            np.savetxt(
                path, np.stack([times, x], axis=1), "%.7g", ",", header="time,acc", comments=""
            )
    (folder / "rig.h5").unlink()
    (tomorrow / "motor4_1500rpm_9.csv").write_text("time,acc\n0,0.1\n0.0001,??\n")
