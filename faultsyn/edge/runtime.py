"""What runs an exported diagnoser: numpy and onnxruntime, nothing else of this package but errors.

model = EdgeModel.open("pump.onnx")
verdict = model.diagnose(x, rate=12000, channels=["DE"], units=["g"], rpm=1797, bearing="6205")

A file says for which rate, channels and units it was made; anything else is refused, because a
graph would answer all the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from faultsyn.errors import InputError

FORMAT = 1
KEY = "faultsyn"
UNKNOWN, UNCLEAR, NORMAL = "unknown", "not enough evidence", "normal"
_SAME_RATE = 1e-3
_MOST_BYTES = 1 << 30

Floats = NDArray[np.float64]


class Answer(NamedTuple):
    """What the graph says of the windows of one recording.

    - `probability`: of each class for each window, `(n, n_classes)`; `strange`: `(n,)`.
    - `joint`: calibrated, of the recording, `(n_classes,)`; `inside`: its prediction set.
    """

    probability: Floats
    strange: Floats
    joint: Floats
    inside: NDArray[np.bool_]


class EdgeModel:
    """An exported diagnoser.

    - `about`: what the file says of itself: classes, rate, samples, channels, units, ...
    """

    def __init__(self, session: Any, about: dict[str, Any]) -> None:
        self._session = session
        self.about = about

    @classmethod
    def open(cls, path: str | Path, threads: int = 1) -> Self:
        """Read a file that `export_onnx` wrote; `threads` is how many cores it may use.

        Raises `InputError` when it is none, or of another format.
        """
        try:
            import onnxruntime
        except ImportError:
            raise InputError(
                "edge: onnxruntime is not installed", "pip install onnxruntime"
            ) from None
        where = Path(path)
        if where.stat().st_size > _MOST_BYTES:
            raise InputError(f"{where}: larger than {_MOST_BYTES >> 20} MB, no diagnoser")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        try:
            # From bytes, so that a file cannot name others to be read beside it.
            session = onnxruntime.InferenceSession(
                where.read_bytes(), options, providers=["CPUExecutionProvider"]
            )
            told = session.get_modelmeta().custom_metadata_map.get(KEY, "")
        except Exception as error:  # onnxruntime's errors have no common base of their own
            raise InputError(f"{where}: not an ONNX file ({_line(error)})") from None
        return cls(session, _checked(told, session, where))

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in the order of all its arrays."""
        return tuple(self.about["classes"])

    def check(self, rate: float, channels: Sequence[str], units: Sequence[str]) -> None:
        """Raise `InputError` when a signal is not what the model was made for."""
        told = self.about
        if not abs(rate - told["rate"]) <= _SAME_RATE * told["rate"]:
            raise InputError(
                f"edge: {rate:g} Hz, the model takes {told['rate']:g} Hz",
                "resample with an anti-alias filter",
            )
        if list(channels) != told["channels"]:
            raise InputError(
                f"edge: channels {list(channels)}, the model takes {told['channels']} in this order"
            )
        if list(units) != told["units"]:
            raise InputError(
                f"edge: units {list(units)}, the model takes {told['units']}", "convert the samples"
            )

    def judge(
        self,
        windows: NDArray[Any],
        *,
        rpm: float | NDArray[Any] | None = None,
        bearing: str | NDArray[Any] | None = None,
    ) -> Answer:
        """The graph's answer on windows `(n, channels, samples)` of one recording.

        - `rpm`, `bearing`: of the recording or of each window, where the model needs them.

        Raises `InputError` on another shape, samples that are not finite, or a speed or bearing
        that is missing or out of the model's reach.
        """
        x = np.ascontiguousarray(windows, np.float32)
        shape = (len(self.about["channels"]), self.about["samples"])
        if x.ndim != 3 or x.shape[1:] != shape or not len(x):
            raise InputError(
                f"edge: expected windows (n, {shape[0]} channels, {shape[1]} samples), got "
                f"{x.shape}"
            )
        if not np.isfinite(x).all():
            raise InputError("edge: NaN or infinity in the samples")
        given: dict[str, NDArray[Any]] = {"windows": x}
        if self.about["speed"] is not None:
            given |= self._speed(rpm, bearing, len(x))
        return Answer(*self._session.run(list(Answer._fields), given))

    def diagnose(
        self,
        samples: NDArray[Any],
        *,
        rate: float,
        channels: Sequence[str],
        units: Sequence[str],
        rpm: float | None = None,
        bearing: str | None = None,
    ) -> dict[str, Any]:
        """The verdict on a recording `(channels, n)`, cut into windows that do not overlap.

        Raises `InputError` as `check` and `judge` do, and when it is shorter than a window.
        """
        self.check(rate, channels, units)
        x = np.asarray(samples)
        if x.ndim != 2 or len(x) != len(channels):
            raise InputError(f"edge: expected samples ({len(channels)} channels, n), got {x.shape}")
        length = self.about["samples"]
        n = x.shape[1] // length
        if n == 0:
            raise InputError(f"edge: {x.shape[1]} samples, a window has {length}")
        windows = np.moveaxis(x[:, : n * length].reshape(len(x), n, length), 1, 0)
        return self.verdict(self.judge(windows, rpm=rpm, bearing=bearing))

    def verdict(self, answer: Answer) -> dict[str, Any]:
        """The rule of `faultsyn.plant.verdict.decide` on an answer."""
        joint, n = answer.joint, len(answer.probability)
        order = np.argsort(-joint, kind="stable")
        names = self.classes
        stated = self.about["coverage"] is not None
        limit = self.about["limits"][int(n == 1)] if stated else None
        strange = float(answer.strange.mean())
        kept = None
        said = label = names[order[0]]
        if stated:
            kept = [names[i] for i in order if answer.inside[i]]
            if limit is not None and strange > limit:
                said = UNKNOWN
            elif len(kept) > 1:
                said = UNCLEAR
        alarm = None
        if self.about["alarm"] is not None:
            suspicion = 1 - float(joint[names.index(NORMAL)])
            alarm = bool(suspicion >= self.about["alarm"]) or said == UNKNOWN
        return {
            "verdict": said,
            "label": label,
            "probability": float(joint[order[0]]),
            "runner_up": names[order[1]],
            "runner_up_probability": float(joint[order[1]]),
            "probabilities": {name: float(p) for name, p in zip(names, joint, strict=True)},
            "prediction_set": kept,
            "coverage": self.about["coverage"],
            "alarm": alarm,
            "unknown_score": strange,
            "unknown_limit": limit,
            "windows": n,
        }

    def _speed(self, rpm: Any, bearing: Any, n: int) -> dict[str, NDArray[Any]]:
        known = self.about["speed"]
        if rpm is None or bearing is None:
            raise InputError(
                "edge: this model reads fault orders and needs rpm and bearing",
                f"bearings: {', '.join(known['bearings'])}",
            )
        speeds = np.broadcast_to(np.asarray(rpm, np.float64), n)
        if not (np.isfinite(speeds) & (speeds > 0) & (speeds <= known["rpm"])).all():
            raise InputError(
                f"edge: rpm {np.unique(speeds).tolist()}, expected above 0 and up to "
                f"{known['rpm']:g}"
            )
        names = np.broadcast_to(np.asarray(bearing, str), n).tolist()
        lacking = sorted(set(names) - known["bearings"].keys())
        if lacking:
            raise InputError(
                f"edge: bearing '{lacking[0]}' is not in the model",
                f"known: {', '.join(known['bearings'])}; add it to data/bearings.csv and export "
                "again",
            )
        orders = np.array([known["bearings"][name] for name in names], np.float64)
        return {"rpm": np.array(speeds), "orders": orders}


def _checked(told: str, session: Any, where: Path) -> dict[str, Any]:
    """What the file says of itself, as far as this package relies on it."""
    try:
        about: dict[str, Any] = json.loads(told)
        if about["format"] != FORMAT:
            raise InputError(f"{where}: edge format {about['format']}, expected {FORMAT}")
        n = len(about["classes"])
        sound = (
            n >= 2
            and math.isfinite(about["rate"])
            and about["rate"] > 0
            and about["samples"] >= 1
            and len(about["channels"]) == len(about["units"]) >= 1
            and all(isinstance(name, str) for name in (*about["classes"], *about["channels"]))
            and len(about["limits"]) == 2
            and (about["alarm"] is None or NORMAL in about["classes"])
            and {output.name for output in session.get_outputs()} == set(Answer._fields)
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(
            f"{where}: an ONNX file, but no diagnoser of faultsyn ({type(error).__name__})"
        ) from None
    if not sound:
        raise InputError(f"{where}: what it says of itself does not hold together")
    return about


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
