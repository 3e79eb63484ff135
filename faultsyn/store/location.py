"""Where a store lies: a path, or an address that fsspec reads (`s3://bucket/plant.h5`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py

from faultsyn.errors import InputError

Location = str | os.PathLike[str]

_BLOCK, _BLOCKS = 1 << 18, 16
"""Bytes that are asked for at once, and how many such blocks of a file are kept.

The drivers' own blocks are megabytes, which suits reading from start to end. Windows are drawn at
random, and are smaller than this."""


def is_address(location: Location) -> bool:
    """True for what fsspec reads instead of the file system."""
    return "://" in os.fspath(location)


def place_of(location: Location) -> Path | str:
    """A path, or the address as it is (a `Path` would lose one of its slashes)."""
    text = os.fspath(location)
    return text if is_address(text) else Path(text)


def is_there(location: Location) -> bool:
    """True when a file lies there; an address is asked over the network.

    Raises `InputError` when nothing answers there, or refuses to.
    """
    if not is_address(location):
        return Path(location).is_file()
    filesystem, path = _filesystem(os.fspath(location))
    try:
        return bool(filesystem.info(path)["type"] == "file")
    except FileNotFoundError:
        return False
    except Exception as error:  # of many kinds: each service's package has its own
        raise InputError(
            f"{location}: cannot be reached ({_first_line(error)})",
            "address and credentials of a service are taken from the environment, such as "
            "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ) from None


def open_hdf5(location: Location, **options: Any) -> h5py.File:
    """Open an HDF5 file for reading; raises `OSError` when it cannot be."""
    if not is_address(location):
        return h5py.File(Path(location), "r", **options)
    filesystem, path = _filesystem(os.fspath(location))
    file = filesystem.open(
        path,
        "rb",
        block_size=_BLOCK,
        cache_type="blockcache",
        cache_options={"maxblocks": _BLOCKS},
    )
    return h5py.File(file, "r", **options)


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


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
