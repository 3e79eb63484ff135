"""Where a store lies: a path, or an address that fsspec reads (`s3://bucket/plant.h5`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from faultsyn.errors import InputError

Location = str | os.PathLike[str]


def is_address(location: Location) -> bool:
    """True for what fsspec reads instead of the file system."""
    return "://" in os.fspath(location)


def place_of(location: Location) -> Path | str:
    """A path, or the address as it is (a `Path` would lose one of its slashes)."""
    text = os.fspath(location)
    return text if is_address(text) else Path(text)


def is_there(location: Location) -> bool:
    """True when a file lies there; an address is asked over the network."""
    if not is_address(location):
        return Path(location).is_file()
    filesystem, path = _filesystem(os.fspath(location))
    return bool(filesystem.isfile(path))


def open_hdf5(location: Location, **options: Any) -> h5py.File:
    """Open an HDF5 file for reading; raises `OSError` when it cannot be."""
    if not is_address(location):
        return h5py.File(Path(location), "r", **options)
    filesystem, path = _filesystem(os.fspath(location))
    return h5py.File(filesystem.open(path, "rb"), "r", **options)


def beside(location: Location, name: str) -> Path | str:
    """The file `name` in the folder of `location`; an absolute name or an address as it is."""
    if is_address(name) or not is_address(location):
        return place_of(name) if is_address(name) else Path(location).parent / name
    return f"{os.fspath(location).rpartition('/')[0]}/{name}"


def _filesystem(address: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise InputError(
            f"{address}: reading from an address needs the package 'fsspec'",
            "pip install 'faultsyn[scale]'",
        ) from None
    try:
        filesystem, path = fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:  # an unknown protocol, or one that needs a package
        raise InputError(f"{address}: {error}") from None
    return filesystem, path
