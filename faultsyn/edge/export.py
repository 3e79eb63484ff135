"""`export_onnx`: a diagnoser as one ONNX file, checked before it is kept."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from faultsyn import __version__
from faultsyn.edge.graph import EdgeGraph, Judged
from faultsyn.edge.runtime import FORMAT, KEY, EdgeModel
from faultsyn.errors import InputError
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.windows import WindowSet

OPSET = 18
TOLERANCE = 1e-4
"""Largest difference in probability between the diagnoser and its file."""
_CHECKED = 64


def export_onnx(diagnoser: Diagnoser, out: str | Path, windows: WindowSet) -> dict[str, Any]:
    """Write preprocessing, classifier, calibration and unknown score as one ONNX file.

    - `windows`: windows of the diagnoser's kind, real ones best: the file must judge (at most 64
      of) them as the diagnoser does, or it is not kept.

    Returns what the file says of itself, with `difference`, the largest in probability that was
    seen. Raises `InputError` when the extra is not installed, a part of the diagnoser has no graph,
    or the file's answers differ by more than `TOLERANCE`.
    """
    _require_extra()
    graph = EdgeGraph(diagnoser, windows).eval()
    few = within_reach(graph, windows).take(slice(0, _CHECKED))
    if len(few) < 2:
        raise InputError(
            "edge: the check of an export needs at least two windows that it can judge",
            "give recordings with the speeds and bearings of training",
        )
    about = _about(diagnoser, graph)
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(prefix=f".{target.name}-", suffix=".onnx", dir=target.parent)
    os.close(handle)
    try:
        _write(graph, graph_inputs(graph, few), made, about)
        difference = _difference(diagnoser, EdgeModel.open(made), few)
        if not difference <= TOLERANCE:
            raise InputError(
                f"{target}: the file's probabilities differ by {difference:.2g} from the "
                f"diagnoser's, more than {TOLERANCE:g}"
            )
        Path(made).chmod(0o644)
        Path(made).replace(target)
    finally:
        Path(made).unlink(missing_ok=True)
    seen = {"checked": len(few), "difference": difference}
    return {**about, "path": str(target), "bytes": target.stat().st_size, **seen}


def within_reach(graph: EdgeGraph, windows: WindowSet) -> WindowSet:
    """The windows whose speed and bearing the graph can take."""
    if graph.reach is None:
        return windows
    rpm = np.asarray(windows.column("rpm"), np.float64)
    known = np.isin(np.asarray(windows.column("bearing"), str), list(graph.reach.bearings))
    return windows.take(known & (rpm > 0) & (rpm <= graph.reach.rpm))


def graph_inputs(graph: EdgeGraph, windows: WindowSet) -> tuple[torch.Tensor, ...]:
    """What the graph takes, from windows."""
    samples = torch.from_numpy(np.ascontiguousarray(windows.x))
    if graph.reach is None:
        return (samples,)
    orders = [graph.reach.bearings[str(name)] for name in windows.column("bearing").tolist()]
    rpm = torch.as_tensor(np.asarray(windows.column("rpm"), np.float64))
    return samples, rpm, torch.as_tensor(np.array(orders, np.float64))


def _about(diagnoser: Diagnoser, graph: EdgeGraph) -> dict[str, Any]:
    """What the file says of itself: all that a runtime must check."""
    posed, confidence = diagnoser.posed, diagnoser.confidence
    spec = posed.spec
    told: dict[str, Any] = {
        "format": FORMAT,
        "version": __version__,
        "task": posed.task.name,
        "classifier": diagnoser.fitted.classifier.name,
        "features": diagnoser.fitted.representation.features,
        "classes": list(diagnoser.classes),
        "rate": float(spec.rate),
        "samples": int(spec.samples),
        "channels": list(spec.channels),
        "units": list(posed.units),
        "severities": {name: list(of) for name, of in posed.severities.items()},
        "coverage": confidence.coverage if confidence.stated else None,
        "limits": _limits(confidence.limits.recording, confidence.limits.window),
        "alarm": confidence.alarm,
        "data_hash": diagnoser.provenance.get("train", {}).get("data_hash"),
        "speed": None,
    }
    if graph.reach is not None:
        bearings = {name: list(orders) for name, orders in graph.reach.bearings.items()}
        told["speed"] = {"rpm": graph.reach.rpm, "bearings": bearings}
    return told


def _limits(recording: float, window: float) -> list[float | None]:
    return [limit if np.isfinite(limit) else None for limit in (recording, window)]


def _write(
    graph: EdgeGraph, inputs: tuple[torch.Tensor, ...], path: str, about: dict[str, Any]
) -> None:
    count = torch.export.Dim("windows", min=1)
    names = ("windows", "rpm", "orders")[: len(inputs)]
    with warnings.catch_warnings(), torch.no_grad():
        # torch's exporter calls parts of torch that torch has deprecated.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph,
            inputs,
            dynamo=True,
            input_names=list(names),
            output_names=list(Judged._fields),
            dynamic_shapes={name: {0: count} for name in names},
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props[KEY] = json.dumps(about, allow_nan=False)
    program.save(path, external_data=False)


def _difference(diagnoser: Diagnoser, model: EdgeModel, windows: WindowSet) -> float:
    """Largest difference in window and joint probability, one window and all at once."""
    rows = diagnoser.fitted.rows(windows)
    proba = diagnoser.proba(windows, rows)
    seen = 0.0
    for part in (slice(None), slice(0, 1)):
        judged = model.judge(windows.x[part], **speed_of(model, windows.take(part)))
        joint = diagnoser.confidence.calibration(proba[part])
        seen = max(
            seen,
            float(np.abs(judged.probability - proba[part]).max()),
            float(np.abs(judged.joint - joint).max()),
        )
    return seen


def speed_of(model: EdgeModel, windows: WindowSet) -> dict[str, NDArray[Any]]:
    """Arguments `rpm` and `bearing` of `EdgeModel.judge`, where the model needs them."""
    if model.about["speed"] is None:
        return {}
    return {
        "rpm": np.asarray(windows.column("rpm"), np.float64),
        "bearing": np.asarray(windows.column("bearing"), str),
    }


def _require_extra() -> None:
    for name in ("onnx", "onnxruntime", "onnxscript"):
        if importlib.util.find_spec(name) is None:
            raise InputError(f"edge: {name} is not installed", "pip install 'faultsyn[edge]'")
