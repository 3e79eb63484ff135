"""Why a verdict is what it is, in figures that an engineer can check."""

from __future__ import annotations

from typing import Any

import numpy as np

from faultsyn.errors import InputError
from faultsyn.plant.baseline import WATCHED
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.plant.occlusion import occlusion
from faultsyn.plant.verdict import Verdict
from faultsyn.signal.bearing import orders
from faultsyn.signal.envelope import bandpass, line_spectrum, squared_envelope
from faultsyn.signal.order_features import line_heights
from faultsyn.windows import NORMAL, WindowSet

REAL, SYNTHETIC = 3, 2
"""Nearest support windows that are shown of each kind."""
_HARMONICS = (1, 2, 3)
_BAND_FROM = 1000.0  # Hz; below it, shaft and gear lines hide the bearing
_MANY_CHANNELS = 3


def evidence(
    diagnoser: Diagnoser, windows: WindowSet, rows: WindowSet, made: Verdict
) -> dict[str, Any]:
    """Evidence for the verdict `made` on a recording's windows and their feature rows.

    - `levels`: RMS, crest factor, kurtosis and mean of each channel against the healthy baseline of
      its operating state, furthest first, with `deviations` and the `state`.
    - `fault_lines`: height of the bearing's lines in the envelope spectrum over their
      surroundings, where speed and bearing are known.
    - `nearest`: the support windows most like it, real ones first, synthetic ones marked.
    - `occlusion`: sensors and phases that moved the verdict, where there are several channels.
    """
    found: dict[str, Any] = {}
    if diagnoser.baseline is not None:
        found |= _levels(diagnoser, windows, made)
    lines = _fault_lines(windows)
    if lines:
        found["fault_lines"] = lines
    found["nearest"] = _nearest(diagnoser, rows)
    if len(windows.channels) >= _MANY_CHANNELS:
        proba = diagnoser.proba(windows, rows)[:, diagnoser.classes.index(made.label)]
        surest = int(proba.argmax())
        found["occlusion"] = occlusion(diagnoser, windows.take([surest]), made.label)
    return found


def warnings(diagnoser: Diagnoser, made: Verdict) -> list[str]:
    """What about a recording makes its verdict less trustworthy: another state, drifted levels."""
    found = [
        f"outside what was trained on: {what}" for what in diagnoser.states.outside(made.columns)
    ]
    baseline = diagnoser.baseline
    if baseline is None:
        return found
    levels = made.evidence.get("levels", [])
    if made.label == NORMAL and levels and abs(levels[0]["deviations"]) > baseline.limit:
        far = levels[0]
        found.append(
            f"most likely healthy, but {far['channel']} {far['statistic']} is {far['value']:.4g} "
            f"where healthy is {far['healthy']:.4g} ({far['deviations']:+.1f} deviations): sensor "
            "replaced, or another operating state? `faultsyn rebaseline` after maintenance"
        )
    return found


def _levels(diagnoser: Diagnoser, windows: WindowSet, made: Verdict) -> dict[str, Any]:
    baseline = diagnoser.baseline
    assert baseline is not None
    value = np.array(list(made.statistics.values()))
    deviations, state = baseline.deviations(value, made.columns)
    order = np.argsort(-np.abs(deviations), axis=None, kind="stable")
    levels = []
    for at in order:
        channel, kind = np.unravel_index(at, deviations.shape)
        levels.append(
            {
                "channel": windows.channels[channel],
                "unit": windows.units[channel] if windows.units else "",
                "statistic": WATCHED[kind],
                "value": float(value[channel, kind]),
                "healthy": float(baseline.centre[state, channel, kind]),
                "deviations": float(deviations[channel, kind]),
            }
        )
    return {"levels": levels[: 4 * _MANY_CHANNELS], "state": baseline.names[state]}


def _fault_lines(windows: WindowSet) -> list[dict[str, Any]]:
    """Mean height of three harmonics of each fault order that a window resolves, largest first."""
    rpm = np.asarray(windows.table.get("rpm", np.full(len(windows), np.nan)), float)
    bearing = str(np.asarray(windows.table.get("bearing", np.array([""])))[0])
    shaft = float(rpm[0]) / 60
    if not bearing or not np.isfinite(shaft) or shaft <= 0 or windows.rate < 4 * _BAND_FROM:
        return []
    try:
        known = orders(bearing)
    except InputError:
        return []
    named = {"BPFO": known.bpfo, "BPFI": known.bpfi, "2 BSF": 2 * known.bsf, "FTF": known.ftf}
    bin_hz = windows.rate / windows.n_samples
    named = {name: order for name, order in named.items() if order * shaft >= 2 * bin_hz}
    if not named or max(named.values()) * max(_HARMONICS) * shaft * 1.02 >= windows.rate / 2:
        return []
    x = windows.x[:, 0].astype(np.float64)
    curve = squared_envelope(bandpass(x, windows.rate, _BAND_FROM, 0.46 * windows.rate))
    freqs, spectrum = line_spectrum(curve, windows.rate)
    mean = spectrum.mean(axis=0, keepdims=True)
    at = np.array([[k * order * shaft for order in named.values() for k in _HARMONICS]])
    reach = np.maximum(0.012 * at, 0.6 * bin_hz)
    around = np.full_like(at, max(0.5 * shaft, 4 * bin_hz))
    heights = line_heights(mean, float(freqs[1]), at, reach, around)
    ratios = np.exp(heights.reshape(len(named), len(_HARMONICS)).mean(axis=1))
    found = [
        {"line": name, "order": order, "hz": order * shaft, "height": float(ratio)}
        for (name, order), ratio in zip(named.items(), ratios, strict=True)
    ]
    return sorted(found, key=lambda line: -line["height"])


def _nearest(diagnoser: Diagnoser, rows: WindowSet) -> list[dict[str, Any]]:
    """Support windows by their mean squared distance to the recording's windows."""
    support = diagnoser.fitted.support
    distance = np.sqrt(diagnoser.support_distances(rows).mean(axis=0) / rows.n_samples)
    found = []
    for synthetic, most in ((False, REAL), (True, SYNTHETIC)):
        members = np.flatnonzero(support.synthetic == synthetic)
        for at in members[np.argsort(distance[members], kind="stable")[:most]]:
            known = [name for name in ("recording", "asset") if name in support.table]
            place = {name: str(support.table[name][at]) for name in known}
            found.append(
                {
                    "label": str(support.labels[at]),
                    "synthetic": synthetic,
                    **place,
                    "start": None if synthetic else float(support.table["start"][at]),
                    "distance": float(distance[at]),
                }
            )
    return found
