"""`rebaseline`: what healthy looks like after maintenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from faultsyn.plant.baseline import WATCHED, Baseline
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.diagnosing import diagnose
from faultsyn.plant.sources import windows_of
from faultsyn.plant.states import States
from faultsyn.windows import NORMAL

_MOST_WINDOWS = 2000
_SHOWN = 5


def rebaselined(
    diagnoser: Diagnoser, paths: Sequence[str | Path], card: str | Path | None = None
) -> tuple[Diagnoser, dict[str, Any]]:
    """A diagnoser whose healthy baseline comes from these recordings, and what that changes.

    States that they do not cover keep their baseline. The classifier stays as it is: when healthy
    recordings are called a fault after maintenance, it must be trained again. The effect holds the
    verdicts on the recordings and, by state, the levels that move most. Raises `InputError` when
    none of the recordings fits.
    """
    windows = windows_of(diagnoser.posed, paths, card, _MOST_WINDOWS).with_columns(label=NORMAL)
    verdicts = Counter(
        made.verdict or made.status for made in diagnose(diagnoser, paths, card=card)
    )
    old = diagnoser.baseline
    states = States.learn(windows.table, ()) if old is None else old.states
    new = Baseline.learn(windows, states)
    joined = new if old is None else _joined(old, new)
    provenance = dict(diagnoser.provenance)
    told = {
        "recordings": sorted(set(windows.column("recording").tolist())),
        "windows": len(windows),
    }
    provenance["rebaselined"] = [*provenance.get("rebaselined", []), told]
    made = Diagnoser(diagnoser.posed, diagnoser.fitted, diagnoser.confidence, provenance, joined)
    return made, {**told, "verdicts": dict(verdicts), "states": _moved(old, new, windows.channels)}


def _joined(old: Baseline, new: Baseline) -> Baseline:
    """The new states, and the old ones that are not among them; `ALL` is the new one."""
    kept = [i for i, name in enumerate(old.names) if name not in new.names]
    return Baseline(
        states=old.states,
        names=(*new.names, *(old.names[i] for i in kept)),
        counts=(*new.counts, *(old.counts[i] for i in kept)),
        centre=np.concatenate([new.centre, old.centre[kept]]),
        spread=np.concatenate([new.spread, old.spread[kept]]),
        limit=new.limit,
        reference=new.reference,
    )


def _moved(
    old: Baseline | None, new: Baseline, channels: tuple[str, ...]
) -> dict[str, list[dict[str, Any]]]:
    """By state, the levels that move most, in deviations of the old baseline."""
    if old is None:
        return {}
    found = {}
    for at, name in enumerate(new.names):
        if name not in old.names:
            continue
        was = old.names.index(name)
        change = (new.centre[at] - old.centre[was]) / old.spread[was]
        order = np.argsort(-np.abs(change), axis=None, kind="stable")[:_SHOWN]
        places = [np.unravel_index(i, change.shape) for i in order]
        found[name] = [
            {
                "channel": channels[channel],
                "statistic": WATCHED[kind],
                "before": float(old.centre[was, channel, kind]),
                "after": float(new.centre[at, channel, kind]),
                "deviations": float(change[channel, kind]),
            }
            for channel, kind in places
        ]
    return found
