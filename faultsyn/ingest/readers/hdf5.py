"""HDF5 files of any layout: datasets by their path, attributes as `path@name`."""

from __future__ import annotations

import h5py

from faultsyn.errors import InputError
from faultsyn.ingest.readers.slabs import Slab, SlabSource

_MOST_OBJECTS = 1 << 14


class Hdf5Source(SlabSource):
    """Datasets as `group/name`, columns of a matrix as `group/name.1`, fields of a table as
    `group/name.field`; an attribute `unit` is the unit.
    """

    def _find(self, file: h5py.File) -> None:
        if file.attrs.get("schema") == "faultsyn-store":
            raise InputError(f"{self.path}: is a store already", "it needs no ingest")
        self._describe("", file)
        seen = 0

        def visit(name: str, thing: h5py.Group | h5py.Dataset) -> None:
            nonlocal seen
            seen += 1
            if seen > _MOST_OBJECTS:
                raise InputError(f"{self.path}: more than {_MOST_OBJECTS} groups and datasets")
            if isinstance(thing, h5py.Dataset) and thing.shape is not None:
                self._dataset(name, thing)
            self._describe(name, thing)

        file.visititems(visit)

    def _dataset(self, name: str, dataset: h5py.Dataset) -> None:
        shape = tuple(dataset.shape)
        if dataset.dtype.names:
            self._check_size(name, dataset)
            for field in dataset.dtype.names:
                if dataset.dtype[field].kind in "iufb" and not dataset.dtype[field].shape:
                    self._slabs[f"{name}.{field}"] = Slab(dataset.name, shape, False, field=field)
        elif dataset.dtype.kind in "iufb":
            self._enter(name, dataset, reversed_axes=False)
        elif h5py.check_string_dtype(dataset.dtype) is not None and len(shape) <= 1:
            self._slabs[name] = Slab(dataset.name, shape or (1,), False, text="string")
