"""MATLAB 7.3 files: HDF5 in MATLAB's own layout, axes reversed, structs as groups."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np

from faultsyn.errors import InputError
from faultsyn.ingest.readers.slabs import Slab, SlabSource

_MOST_VARIABLES = 1 << 14
_MOST_DEPTH = 16


class Mat73Source(SlabSource):
    """Variables named as in `open_mat`: structs dotted, elements of arrays by `Name` or counted."""

    kind = "MATLAB 7.3"

    def _find(self, file: h5py.File) -> None:
        for name in file:
            if not name.startswith("#"):
                self._flatten(name, file[name], file, 0)

    def _flatten(self, name: str, thing: Any, file: h5py.File, depth: int) -> None:
        if depth > _MOST_DEPTH or len(self._slabs) > _MOST_VARIABLES:
            raise InputError(f"{self.path}: nested too deeply, or too many variables, at '{name}'")
        if isinstance(thing, h5py.Group):
            self._struct(name, thing, file, depth)
            return
        if not isinstance(thing, h5py.Dataset) or not thing.shape or "MATLAB_empty" in thing.attrs:
            return
        kind = _class(thing)
        if thing.dtype == h5py.ref_dtype:
            references = thing[()].transpose().ravel()
            for k, reference in enumerate(references):
                head = f"{name}.{k + 1}" if len(references) > 1 else name
                self._flatten(head, file[reference], file, depth + 1)
        elif kind == "char":
            self._slabs[name] = Slab(thing.name, (1,), True, text="utf-16")
        elif thing.dtype.kind in "iufb":
            self._enter(name, thing, reversed_axes=True)

    def _struct(self, name: str, group: h5py.Group, file: h5py.File, depth: int) -> None:
        """A struct, or an array of structs: then each field is a dataset of references."""
        fields = {field: group[field] for field in group}
        arrays = [
            thing
            for thing in fields.values()
            if isinstance(thing, h5py.Dataset)
            and thing.dtype == h5py.ref_dtype
            and _class(thing) != "cell"
        ]
        if not arrays or len(arrays) != len(fields):
            for field, thing in fields.items():
                self._flatten(f"{name}.{field}", thing, file, depth + 1)
            return
        n = arrays[0].size
        labels = _labels(fields, file, n)
        for k, label in enumerate(labels):
            head = f"{name}.{label}" if label else name
            for field, thing in fields.items():
                reference = thing[()].transpose().ravel()[k]
                self._flatten(f"{head}.{field}", file[reference], file, depth + 1)


def _class(dataset: h5py.Dataset) -> str:
    value = dataset.attrs.get("MATLAB_class", b"")
    return value.decode() if isinstance(value, bytes) else str(value)


def _labels(fields: dict[str, h5py.Dataset], file: h5py.File, n: int) -> list[str]:
    """How the elements of a struct array are told apart; one element needs no name."""
    if n <= 1:
        return [""] * n
    for field, thing in fields.items():
        if field.lower() == "name":
            cells = [file[reference] for reference in thing[()].transpose().ravel()]
            if all(isinstance(c, h5py.Dataset) and _class(c) == "char" for c in cells):
                texts = ["".join(map(chr, np.ravel(c[()].transpose()).tolist())) for c in cells]
                if all(texts) and len(set(texts)) == len(texts):
                    return texts
    return [str(k + 1) for k in range(n)]
