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
from faultsyn.store.recording import Recording, check_columns
from faultsyn.store.schema import open_store
from faultsyn.store.table import read_table


class StoreWriter:
    """Collects recordings and puts a whole store in place when its `with` block ends well.

    Until then the old store, if any, is untouched. When the block ends with an error or the
    process is killed, what was added stays in `<store>.part/`, and the next writer with the same
    `info` goes on from there: `has` says which recordings are already in.

    - `path`: the store, `*.h5`.
    - `append`: keep the recordings of an existing store; otherwise it is replaced.
    - `info`: what makes the recordings (card, settings, versions), as JSON; kept in the store.
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
        self._known: dict[str, tuple[str, str]] = {}  # id -> (hash, file) of its source
        self._base = append and self.path.exists()
        if self._base:
            with open_store(self.path) as file:
                table = read_table(file["recordings"])
            keys = zip(table["source_sha256"], table["source_file"], strict=True)
            self._known.update(zip(table["id"].tolist(), keys, strict=True))
        self._journal = Journal(self.path, self.info)
        try:
            self._take_over()
        except BaseException:
            self._journal.close()
            raise

    def _take_over(self) -> None:
        """Count the recordings of an unfinished run, except those that the store has by now."""
        fresh = [
            e for e in self._journal.entries if not self._claimed(e["id"], e["source_sha256"], e)
        ]
        self._journal.entries = fresh
        for entry in fresh:
            self._known[entry["id"]] = (entry["source_sha256"], entry["source_file"])

    def __enter__(self) -> Self:
        return self

    def has(self, source_sha256: str, id: str) -> bool:
        """True when this recording of this source is already in the store or safely on its way."""
        return id in self._known and self._known[id][0] == source_sha256

    def add(self, recording: Recording, passport: Mapping[str, Any] | None = None) -> bool:
        """Add a recording; False when it was there already (same id and source hash).

        - `passport`: for a generated recording, its row in `/synthetic`: generator, config_hash,
          weights_hash, source windows, seed, acceptance figures.

        Raises `StoreError` when another source claims the id, the recording is malformed, or the
        disk is full.
        """
        recording.check()
        if passport is not None:
            check_columns(passport, f"passport of recording '{recording.id}'")
        claim = {"source_file": recording.source_file}
        if self._claimed(recording.id, recording.source_sha256, claim):
            return False
        self._journal.append(recording, passport)
        self._known[recording.id] = (recording.source_sha256, recording.source_file)
        return True

    def _claimed(self, id: str, digest: str, claim: Mapping[str, Any]) -> bool:
        if id not in self._known:
            return False
        known, file = self._known[id]
        if known == digest:
            return True
        raise StoreError(
            f"{self.path}: two sources claim recording '{id}': {file} and {claim['source_file']}",
            "give them different ids, or ingest into a new store if the file has changed",
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                self._commit()
            except BaseException:
                self._journal.close()
                raise
        elif self._journal.entries:
            self._journal.close()
        else:
            self._journal.discard()

    def _commit(self) -> None:
        if not self._journal.entries:
            self._journal.discard()
            if not self._base:
                raise StoreError(f"{self.path}: no recordings were added, so there is no store")
            return
        made = self._journal.folder / "store.h5"
        try:
            made.unlink(missing_ok=True)
            if self._base:
                shutil.copyfile(self.path, made)
            assemble(made, self._journal, self.info)
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.replace(self.path)
        except (OSError, RuntimeError) as error:
            made.unlink(missing_ok=True)
            raise StoreError(
                f"{self.path}: cannot be written ({error}); {len(self._journal.entries)} "
                f"recordings are safe in {self._journal.folder}",
                "free some space and run the same command again to go on",
            ) from None
        self._journal.discard()
