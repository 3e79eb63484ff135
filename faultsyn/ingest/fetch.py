"""Downloading a data set from its publisher: resumed, checked, put in place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from faultsyn.errors import InputError
from faultsyn.ingest.card import load_card
from faultsyn.ingest.schema import Card
from faultsyn.ingest.schema_fetch import Download
from faultsyn.ingest.unpack import unpack

Progress = Callable[[int, int, str], None]

CHUNK = 1 << 20
TRIES = 5
TIMEOUT = 30.0
_AGAIN = (408, 429, 500, 502, 503, 504)
_BROKEN = (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError)


class _Dropped(Exception):
    """The connection ended before the file did; what came is kept."""


@dataclass
class FetchSummary:
    """What a fetch did.

    - `fetched`, `known`: files downloaded, and those that were there already.
    - `unpacked`: archives unpacked; `hashes`: SHA-256 of files for which the card gives none.
    """

    folder: Path
    fetched: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    unpacked: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)


def fetch(
    card: Card | str | Path,
    to: str | Path,
    *,
    progress: Progress | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> FetchSummary:
    """Download what a card lists under `fetch` into the folder `to`.

    A file that is there with the right hash is left alone; a partial one (`.part`) is gone on with.
    Run it again after any stop.

    - `progress`: called with megabytes done, megabytes in all (0: unknown), file.
    - `wait`: waits some seconds before another try.

    Raises `InputError` in one line: no address in the card, no network, a wrong hash, a full disk.
    """
    card = card if isinstance(card, Card) else load_card(card)
    folder = Path(to)
    if not card.fetch:
        raise InputError(
            f"card '{card.name}' does not say where its files can be downloaded",
            f"get them from {card.address or 'the publisher'} and copy them below {folder}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    summary = FetchSummary(folder)
    for entry in card.fetch:
        _one(entry, folder, summary, progress, wait)
    return summary


def _one(
    entry: Download,
    folder: Path,
    summary: FetchSummary,
    progress: Progress | None,
    wait: Callable[[float], None],
) -> None:
    target = folder / entry.name
    if target.is_file() and (entry.sha256 is None or _sha256(target) == entry.sha256):
        summary.known.append(entry.name)
    elif target.exists():
        raise InputError(
            f"{target}: is there, but not with the published SHA-256 {entry.sha256}",
            "move it away and fetch again",
        )
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        _download(entry, part, target, progress, wait)
        found = _sha256(part)
        if entry.sha256 is None:
            summary.hashes[entry.name] = found
        elif found != entry.sha256:
            part.unlink()  # to go on with it would never end well
            raise InputError(
                f"{entry.url}: expected SHA-256 {entry.sha256[:12]}.., got {found[:12]}..; the "
                "download was removed",
                "fetch again; if it stays so, the publisher has changed the file",
            )
        part.replace(target)
        summary.fetched.append(entry.name)
    if entry.unpack and unpack(target, folder):
        summary.unpacked.append(entry.name)


def _download(
    entry: Download,
    part: Path,
    target: Path,
    progress: Progress | None,
    wait: Callable[[float], None],
) -> None:
    """Get the whole file into `part`, going on after a dropped connection."""
    if entry.sha256 is None:
        part.unlink(missing_ok=True)  # nothing would tell whether an old half still fits
    tries = 0
    while True:
        before = _size(part)
        try:
            _pull(entry, part, progress)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code not in _AGAIN:
                raise InputError(
                    f"{entry.url}: the server says {error.code} {error.reason}",
                    f"find the file at its publisher and copy it to {target}",
                ) from None
            reason = f"{error.code} {error.reason}"
        except (*_BROKEN, _Dropped) as error:
            reason = str(getattr(error, "reason", "") or error) or type(error).__name__
        except OSError as error:
            raise _disk(error, part) from None
        tries = 0 if _size(part) > before else tries + 1
        if tries >= TRIES:
            raise InputError(
                f"{entry.url}: cannot be reached ({reason})",
                f"without a network: download it elsewhere, copy it to {target}, and run the same "
                "command again to have it checked",
            )
        wait(0.5 * 2**tries)


def _pull(entry: Download, part: Path, progress: Progress | None) -> None:
    """One connection: ask for what is missing and append it."""
    have = _size(part)
    if entry.size is not None and have > entry.size:
        part.unlink()
        have = 0
    if entry.size is not None and have == entry.size:
        return
    request = urllib.request.Request(entry.url, headers={"User-Agent": "faultsyn"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = _opener().open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        error.close()  # there is nothing after what we have: it is whole, or not this file
        if error.headers.get("Content-Range", "").endswith(f"/{have}"):
            return
        part.unlink()
        raise _Dropped("the partial file is longer than the published one") from None
    with response:
        going_on = have and response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        have = have if going_on else 0  # a server without ranges sends all of it again
        length = response.headers.get("Content-Length")
        total = entry.size or (have + int(length) if length and length.isdigit() else 0)
        if total and shutil.disk_usage(part.parent).free < total - have:
            raise OSError(errno.ENOSPC, f"{(total - have) / 1e6:.0f} MB are needed")
        with part.open("ab" if going_on else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                have += len(chunk)
                if entry.size is not None and have > entry.size:
                    raise InputError(
                        f"{entry.url}: is larger than the published {entry.size} bytes"
                    )
                if progress is not None:
                    progress(have // 1_000_000, total // 1_000_000, entry.name)
    if total and have < total:
        raise _Dropped(f"the connection ended after {have} of {total} bytes")


def _opener() -> urllib.request.OpenerDirector:
    """http, https and file; nothing else, also not by redirection."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.FileHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def _disk(error: OSError, part: Path) -> InputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            f"{part}: the disk is full ({_size(part)} bytes are kept)",
            "free some space and run the same command again to go on",
        )
    return InputError(f"{part}: cannot be written ({error.strerror or error})")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
