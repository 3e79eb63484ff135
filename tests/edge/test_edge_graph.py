"""The graph against the diagnoser that it was made from: every extraction, classifier and score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from edge_sets import machines, made_diagnoser

from faultsyn.diagnose import CLASSIFIERS, build_classifier
from faultsyn.edge.export import graph_inputs
from faultsyn.edge.graph import EdgeGraph
from faultsyn.edge.heads import head_module
from faultsyn.errors import InputError
from faultsyn.evaluate.calibration import Calibration, Isotonic
from faultsyn.plant.crossfit import SCORES
from faultsyn.plant.diagnoser import Diagnoser
from faultsyn.signal.features import FEATURES
from faultsyn.windows import WindowSet

NETWORK = {"width": 8, "dim": 8, "steps": 3}
LEARNER = {**NETWORK, "way": 3, "batch": 12}
QUICK: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("cnn", "residual-cnn"), NETWORK),
    **{key: {**NETWORK, "base_steps": 2} for key in ("fine-tuned-cnn", "baseline-plus")},
    **dict.fromkeys(("prototypical", "matching", "relation", "siamese"), LEARNER),
    **{key: {**LEARNER, "tasks": 2, "base_steps": 2} for key in ("maml", "anil", "reptile")},
    **{key: {"n_trees": 10} for key in ("random-forest", "extra-trees")},
    "ordinal-ridge": {"drop": None},
}
WITHOUT_GRAPH = {"minirocket"}


def same(diagnoser: Diagnoser, windows: WindowSet, atol: float = 2e-5) -> None:
    graph = EdgeGraph(diagnoser, windows).eval()
    rows = diagnoser.fitted.rows(windows)
    for part in (slice(None), slice(0, 1)):
        few, own = windows.take(part), rows.take(part)
        with torch.no_grad():
            got = graph(*graph_inputs(graph, few))
        proba = diagnoser.proba(few, own)
        joint = diagnoser.confidence.calibration(proba)
        strange = diagnoser.strange(few, own)
        np.testing.assert_allclose(got.probability.numpy(), proba, atol=atol)
        np.testing.assert_allclose(got.joint.numpy(), joint, atol=atol)
        np.testing.assert_allclose(got.strange.numpy(), strange, rtol=1e-4, atol=1e-6)
        inside = diagnoser.confidence.sets(joint, len(few))
        np.testing.assert_array_equal(got.inside.numpy(), inside)


def halves(windows: WindowSet) -> tuple[WindowSet, WindowSet]:
    half = len(windows) // 2
    train, test = windows.take(slice(0, half)), windows.take(slice(half, None))
    # A model knows the bearings that it was trained on.
    return train, test.with_columns(bearing=train.column("bearing"))


@pytest.mark.parametrize("name", sorted(set(CLASSIFIERS) - WITHOUT_GRAPH))
def test_every_classifier(name: str) -> None:
    train, test = halves(machines(24, 512))
    severity = np.unique(train.labels, return_inverse=True)[1].astype(float)
    same(made_diagnoser(train.with_columns(severity=severity), name, **QUICK.get(name, {})), test)


@pytest.mark.parametrize("features", ["raw", "statistics", "spectrum", "orders", "process"])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_extraction(features: str, channels: int) -> None:
    train, test = halves(machines(18, 1024, channels))
    same(made_diagnoser(train, "nearest-mean", features), test)


def test_cycles_of_a_hydraulic_rig_with_whitened_channels() -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((12, 2, 120)).cumsum(axis=2).astype(np.float32)
    labels = np.array(["normal", "worn"] * 6)
    x[labels == "worn", 0] += 3
    made = WindowSet(x, {"label": labels}, 10.0, ("FS1", "FS2"), ("l/min", "l/min"))
    for scaling in ("zscore", "whiten"):
        same(
            made_diagnoser(
                made, "nearest-mean", "hydraulic",
                representation={"channels": scaling, "params": {"segments": 4}},
            ),
            made,
        )  # fmt: skip


@pytest.mark.parametrize("front", ["log-spectrum", "envelope", "order-spectrum"])
def test_every_front_end(front: str) -> None:
    train, test = halves(machines(18, 1024))
    same(made_diagnoser(train, "prototypical", front=front, **LEARNER), test)


def test_networks_on_rows_and_other_encoders() -> None:
    train, test = halves(machines(18, 512))
    rows = {**LEARNER, "encoder": "features", "front": "whiten"}
    same(made_diagnoser(train, "prototypical", **rows), test)
    same(made_diagnoser(train, "cnn", **{**NETWORK, "encoder": "transformer"}), test)


@pytest.mark.parametrize("kind", [*SCORES, "combined"])
@pytest.mark.parametrize("rule", ["logits", "probabilities"])
def test_every_unknown_score_and_calibration(kind: str, rule: Any) -> None:
    train, test = halves(machines(24, 512))
    knots = (np.array([0.0, 0.4, 0.4, 0.9]), np.array([0.1, 0.1, 0.6, 1.0]))
    constant = (np.array([0.5]), np.array([0.3]))
    isotonic = Isotonic((knots, constant, knots))
    calibration = Calibration(1e-2, 0.6, rule, 0.25, isotonic, 0.05)
    same(made_diagnoser(train, "lda", "statistics", kind, calibration), test)


def test_silent_and_constant_windows() -> None:
    train, test = halves(machines(18, 1024))
    x = test.x.copy()
    x[0], x[1] = 0.0, 3.7
    same(made_diagnoser(train, "nearest-mean", "orders"), test.with_x(x))


def test_what_has_no_graph_is_named() -> None:
    train, test = halves(machines(18, 512))
    assert {"wavelet"} == set(FEATURES) - {
        "raw", "statistics", "log-spectrum", "envelope", "spectrum", "orders", "process",
        "hydraulic",
    }  # fmt: skip
    for diagnoser, says in (
        (made_diagnoser(train, "lda", "wavelet"), "features 'wavelet'"),
        (made_diagnoser(train, "cnn", front="scalogram", **NETWORK), "front end 'scalogram'"),
    ):
        with pytest.raises(InputError, match=says):
            EdgeGraph(diagnoser, test)
    with pytest.raises(InputError, match="'minirocket' cannot"):
        head_module(build_classifier("minirocket"))
    diagnoser = made_diagnoser(train, "lda", "orders")
    fast = diagnoser.fitted.support.with_columns(rpm=train.column("rpm") * 100)
    diagnoser.fitted.support = fast
    with pytest.raises(InputError, match="above half the rate"):
        EdgeGraph(diagnoser, test)
