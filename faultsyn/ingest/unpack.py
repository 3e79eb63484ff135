"""Unpacking a downloaded archive: never outside its folder, whole or not at all."""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from faultsyn.errors import InputError

_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)


def unpack(archive: Path, folder: Path) -> bool:
    """Unpack a .zip, .tar(.gz, .bz2, .xz) or .gz into `folder`; False when that was done before.

    Raises `InputError` when the archive is damaged, holds paths that lead out of the folder, or the
    disk has no room for it.
    """
    done = archive.with_name(f".{archive.name}.unpacked")
    stamp = f"{archive.stat().st_size} {archive.stat().st_mtime_ns}"
    if done.is_file() and done.read_text() == stamp:
        return False
    staging = folder / f".{archive.name}.unpacking"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    try:
        _extract(archive, staging)
        for path in sorted(p for p in staging.rglob("*") if p.is_file() and not p.is_symlink()):
            target = folder / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
    except _BROKEN as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(
            f"{archive}: cannot be unpacked ({reason})", "remove it and fetch it again"
        ) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    done.write_text(stamp)
    return True


def _extract(archive: Path, staging: Path) -> None:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                _check_name(entry.filename, archive)
            _check_room(sum(entry.file_size for entry in opened.infolist()), archive)
            opened.extractall(staging)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            for member in members:
                _check_name(member.name, archive)
            _check_room(sum(member.size for member in members), archive)
            tar.extractall(staging, filter="data")
    elif archive.suffix == ".gz":
        with gzip.open(archive) as packed, (staging / archive.stem).open("wb") as plain:
            shutil.copyfileobj(packed, plain, 1 << 20)
    else:
        raise InputError(f"{archive}: expected a .zip, .tar or .gz file to unpack")


def _check_name(name: str, archive: Path) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise InputError(f"{archive}: holds '{name}', which leads out of its folder")


def _check_room(size: int, archive: Path) -> None:
    free = shutil.disk_usage(archive.parent).free
    if size > free:
        raise InputError(
            f"{archive}: {size / 1e6:.0f} MB unpacked, {free / 1e6:.0f} MB free",
            "free some space and run the same command again",
        )
