"""What a store holds, in plain JSON types: by label, asset and condition; streams; flags."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from faultsyn.store.reader import Store

_TOLD_ELSEWHERE = frozenset(
    {"id", "label", "asset", "source_file", "source_sha256", "flags", "start_time", "session"}
)
_MOST_VALUES = 12
"""A condition with more values than this is told as a range or a number of values."""


def summarise(store: Store) -> dict[str, Any]:
    """Counts, conditions, streams and flags of an open store; reads no samples.

    - `labels`: recordings, assets and seconds by label; `assets`: the same by asset and label.
    - `conditions`: by column, how many recordings have which value, or the range.
    - `streams`: rate [Hz], channels, units, samples, shortest and longest recording [s], and
      `missing`: how many recordings lack the whole stream or one of its channels.
    - `flags`: recordings by flag; `flagged`: which recordings, and the text of their flags.
    """
    columns = store.recordings
    seconds = np.zeros(len(store))
    for name, file in store.stream_files.items():
        np.maximum(seconds, np.diff(file.offsets) / store.streams[name].rate, out=seconds)
    flags = columns.get("flags", np.full(len(store), "")).astype(str)
    return {
        "path": str(store.path),
        "data_hash": store.data_hash,
        "recordings": len(store),
        "columns": sorted(columns),
        "labels": _labels(columns, seconds),
        "assets": _assets(columns, seconds),
        "conditions": {
            name: _condition(values)
            for name, values in sorted(columns.items())
            if name not in _TOLD_ELSEWHERE
        },
        "streams": {name: _stream(store, name) for name in store.streams},
        "flags": _flag_counts(flags),
        "flagged": [
            {"recording": str(columns["id"][row]), "flags": str(flags[row])}
            for row in np.flatnonzero(flags != "")
        ],
    }


def _labels(columns: dict[str, NDArray[Any]], seconds: NDArray[np.float64]) -> dict[str, Any]:
    found = {}
    for label in sorted(set(columns["label"].tolist())):
        of = columns["label"] == label
        assets = set(columns["asset"][of].tolist()) if "asset" in columns else set()
        found[label] = {
            "recordings": int(of.sum()),
            "assets": len(assets),
            "seconds": float(seconds[of].sum()),
        }
    return found


def _assets(columns: dict[str, NDArray[Any]], seconds: NDArray[np.float64]) -> list[dict[str, Any]]:
    if "asset" not in columns:
        return []
    rows = []
    pairs = zip(columns["asset"].tolist(), columns["label"].tolist(), strict=True)
    for asset, label in sorted(set(pairs)):
        of = (columns["asset"] == asset) & (columns["label"] == label)
        rows.append(
            {
                "asset": asset,
                "label": label,
                "recordings": int(of.sum()),
                "seconds": float(seconds[of].sum()),
            }
        )
    return rows


def _condition(values: NDArray[Any]) -> dict[str, Any]:
    kind = values.dtype.kind
    if kind == "f":
        known = values[np.isfinite(values)]
    else:
        known = values[values != ""] if kind == "U" else values
    distinct, counts = np.unique(known, return_counts=True)
    told: dict[str, Any] = {"distinct": len(distinct), "missing": len(values) - len(known)}
    if len(distinct) <= _MOST_VALUES:
        names = [f"{v:g}" if kind == "f" else str(v) for v in distinct.tolist()]
        told["values"] = dict(zip(names, counts.tolist(), strict=True))
    elif kind in "fiu":
        told["range"] = [float(distinct[0]), float(distinct[-1])]
    return told


def _stream(store: Store, name: str) -> dict[str, Any]:
    info, file = store.streams[name], store.stream_files[name]
    lengths = np.diff(file.offsets)
    there = file.present.any(axis=1)
    lacking = {
        channel: int((there & ~file.present[:, i]).sum()) for i, channel in enumerate(info.channels)
    }
    return {
        "rate": info.rate,
        "channels": list(info.channels),
        "units": list(info.units),
        "samples": info.n_samples,
        "shortest": float(lengths[there].min() / info.rate) if there.any() else 0.0,
        "longest": float(lengths[there].max() / info.rate) if there.any() else 0.0,
        "missing": {
            "stream": int((~there).sum()),
            **{channel: n for channel, n in lacking.items() if n},
        },
    }


def _flag_counts(flags: NDArray[np.str_]) -> dict[str, int]:
    # One count a recording and flag, whichever channels it names: "nan:DE;nan:FE" is one.
    names = [n for text in flags for n in {f.split(":")[0] for f in str(text).split(";") if f}]
    values, counts = np.unique(np.asarray(names, dtype=str), return_counts=True)
    return {str(value): int(count) for value, count in zip(values, counts, strict=True)}
