"""Writing a store: all or nothing, resumable, every recording once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from faultsyn.errors import StoreError
from faultsyn.store.assemble import assemble
from faultsyn.store.journal import Journal
from faultsyn.store.ledger import Ledger
from faultsyn.store.recording import Recording, check_columns
from faultsyn.store.schema import require_replaceable


class StoreWriter:
    """Collects recordings and puts a whole store in place when its `with` block ends well.

    Until then the old store, if any, is untouched. When the block ends with an error or the
    process is killed, what was added stays in `<store>.part/`, and the next writer with the same
    `info` goes on from there: `has` says which recordings are already in.

    - `path`: the store, `*.h5`.
    - `append`: keep the recordings of an existing store; otherwise it is replaced.
    - `info`: what makes the recordings (card, settings, versions), as JSON; kept in the store.

    Raises `StoreError` when `path` holds something else than a store, or another process is
    writing it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        append: bool = False,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self.info = dict(info or {})
        require_replaceable(self.path)
        self._base = append and self.path.exists()
        self._ledger = Ledger(self.path if self._base else None)
        self._journal = Journal(self.path, self.info)
        try:
            self._take_over()
        except BaseException:
            self._journal.close()
            raise

    def _take_over(self) -> None:
        """Count the recordings of an unfinished run, except those that the store has by now."""
        entries = [
            entry
            for entry in self._journal.entries
            if not self._ledger.has(entry["source_sha256"], entry["id"])
        ]
        for entry in entries:
            self._ledger.enter(entry)
        self._journal.entries = entries

    def __enter__(self) -> Self:
        return self

    def has(self, source_sha256: str, id: str) -> bool:
        """True when this recording of this source is already in the store or safely on its way."""
        return self._ledger.has(source_sha256, id)

    def add(self, recording: Recording, passport: Mapping[str, Any] | None = None) -> bool:
        """Add a recording; False when it was there already (same id and source hash).

        - `passport`: for a generated recording, its row in `/synthetic`: generator, config_hash,
          weights_hash, source windows, seed, acceptance figures.

        Raises `StoreError` when another source claims the id, the recording is malformed or
        contradicts the others (rate, unit, kind of a column), or the disk is full.
        """
        if self.has(recording.source_sha256, recording.id):
            return False
        self._ledger.refuse_claim(recording.id, recording.source_file)
        recording.check()
        if passport is not None:
            check_columns(passport, f"passport of recording '{recording.id}'")
        self._ledger.enter(self._journal.append(recording, passport, self._ledger.check))
        return True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._commit()
            elif not self._journal.entries:
                self._journal.discard()
        finally:
            self._journal.close()

    def _commit(self) -> None:
        n = len(self._journal.entries)
        if n:
            made = self._journal.folder / "store.h5"
            try:
                self._make(made)
                made.replace(self.path)
            except (OSError, RuntimeError) as error:  # h5py raises either when a disk is full
                raise StoreError(
                    f"{self.path}: cannot be written ({_reason(error)}); {n} recordings are safe "
                    f"in {self._journal.folder}",
                    "free some space and run the same command again to go on",
                ) from None
            finally:
                made.unlink(missing_ok=True)
        self._journal.discard()
        if not n and not self._base:
            raise StoreError(f"{self.path}: no recordings were added, so there is no store")

    def _make(self, made: Path) -> None:
        made.unlink(missing_ok=True)
        if self._base:
            shutil.copyfile(self.path, made)
        assemble(made, self._journal, self._ledger.heads, self.info)
        with made.open("rb+") as file:
            os.fsync(file.fileno())


def _reason(error: OSError | RuntimeError) -> str:
    """What went wrong, on one line: HDF5 tells the whole story of the file."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error).partition("\n")[0]
