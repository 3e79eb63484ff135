"""What a store holds already, so that a contradiction is refused when a recording is added."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faultsyn.errors import StoreError
from faultsyn.store.heads import StreamHead
from faultsyn.store.schema import open_store
from faultsyn.store.table import column_kind, kind, read_table


class Ledger:
    """Ids with their sources, the heads of the streams and the kinds of the columns.

    - `store`: an existing store to start from, or None.
    """

    def __init__(self, store: Path | None) -> None:
        self.heads: dict[str, StreamHead] = {}
        self._sources: dict[str, tuple[str, str]] = {}  # id -> (hash, file)
        self._kinds: dict[str, str] = {}
        if store is not None:
            self._read(store)

    def _read(self, store: Path) -> None:
        with open_store(store) as file:
            try:
                table = read_table(file["recordings"])
                passports = read_table(file["synthetic"]) if "synthetic" in file else {}
                self.heads = {name: StreamHead.of(group) for name, group in file["streams"].items()}
                digests, sources = table["source_sha256"].tolist(), table["source_file"].tolist()
                ids = table["id"].tolist()
            except (KeyError, OSError) as error:
                raise StoreError(f"{store}: the store is damaged ({error})") from None
        self._sources = dict(zip(ids, zip(digests, sources, strict=True), strict=True))
        for what, columns in (("column", table), ("passport", passports)):
            for name, column in columns.items():
                found = column_kind(column)
                if found:
                    self._kinds[f"{what} '{name}'"] = found

    def has(self, source_sha256: str, id: str) -> bool:
        """True when the recording of this source is in."""
        return id in self._sources and self._sources[id][0] == source_sha256

    def refuse_claim(self, id: str, source_file: str) -> None:
        """Raise `StoreError` when another source has given a recording of this id."""
        if id in self._sources:
            raise StoreError(
                f"two sources claim recording '{id}': {self._sources[id][1]} and {source_file}",
                "give them ids of their own; if the file has changed, start a new store (remove "
                "the `.part` folder of an unfinished one)",
            )

    def check(self, entry: Mapping[str, Any]) -> None:
        """Raise `StoreError` when the id, a stream or a column of a recording contradicts.

        - `entry`: as in the journal.
        """
        self.refuse_claim(entry["id"], entry["source_file"])
        self._joined_heads(entry)
        for name, value in _values(entry).items():
            found, known = kind(value), self._kinds.get(name)
            if found and known and found != known:
                raise StoreError(
                    f"recording '{entry['id']}', {name}: the store holds {known}, got {found} "
                    f"({value!r})"
                )

    def enter(self, entry: Mapping[str, Any]) -> None:
        """Take in a recording; raises as `check` does, and then takes nothing in."""
        self.check(entry)
        self.heads |= self._joined_heads(entry)
        kinds = {name: kind(value) for name, value in _values(entry).items()}
        self._kinds |= {name: found for name, found in kinds.items() if found}
        self._sources[entry["id"]] = (entry["source_sha256"], entry["source_file"])

    def _joined_heads(self, entry: Mapping[str, Any]) -> dict[str, StreamHead]:
        return {
            share["stream"]: StreamHead.joined(self.heads.get(share["stream"]), share, entry["id"])
            for share in entry["streams"]
        }


def _values(entry: Mapping[str, Any]) -> dict[str, Any]:
    columns = {f"column '{name}'": value for name, value in entry["columns"].items()}
    return columns | {
        f"passport '{name}'": value for name, value in (entry["passport"] or {}).items()
    }
