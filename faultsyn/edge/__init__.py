"""Diagnosers for a box beside the machine: ONNX files, and the little that runs them.

`export_onnx` writes preprocessing and classifier as one graph; `faultsyn.edge.runtime.EdgeModel`
runs it with numpy and onnxruntime alone and refuses signals of another rate, channels or units.
Extra: `pip install faultsyn[edge]`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faultsyn.edge.export import export_onnx
    from faultsyn.edge.runtime import EdgeModel

__all__ = ["EdgeModel", "export_onnx"]

_HOMES = {"EdgeModel": "runtime", "export_onnx": "export"}


def __getattr__(name: str) -> Any:
    # The box has no torch: running a model must not import what exports one.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
