"""What goes into a store, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from faultsyn.api.progress import Progress
from faultsyn.errors import InputError

if TYPE_CHECKING:
    from faultsyn.ingest import FetchSummary, IngestSummary, Preview


def simulate(
    out: str | Path,
    *,
    kind: str = "bearing",
    assets: int = 4,
    seconds: float | None = None,
    cycles: int = 2,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a simulated rig to a store and say what is in it (as `inspect`).

    - `kind`: "bearing" (machines of one bearing type), "machines" (every one of another geometry,
      with gear faults), "hydraulic" (units with worn cooler, valve, pump or accumulator).
    - `assets`: machines per fault mode, or hydraulic units.
    - `seconds`: length of a recording [s]; 5 when None. A hydraulic cycle always lasts 60.
    - `cycles`: of each hydraulic unit at each stage of wear.

    Raises `InputError` on an unknown kind or an impossible rig.
    """
    from faultsyn.ingest.simulate import recordings_of
    from faultsyn.store import StoreWriter

    total, recordings = recordings_of(kind, assets, seconds, cycles, seed)
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    with StoreWriter(out, info={"simulated": kind, "seed": seed}) as writer:
        for done, recording in enumerate(recordings, 1):
            writer.add(recording)
            if progress:
                progress(done, total)
    return inspect(out)


def card(folder: str | Path, *, out: str | Path | None = None) -> str:
    """A first dataset card from a look at the files below `folder`; `# ?` marks what is unsure.

    - `out`: where to write it as well; an existing file is not replaced.

    Raises `InputError` when nothing there can be read.
    """
    from faultsyn.ingest import guess_card

    text = guess_card(folder)
    if out is not None:
        try:
            with Path(out).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise InputError(f"{out}: is there already", "give another --out") from None
    return text


def preview(card: str | Path, raw: str | Path, *, progress: Progress | None = None) -> Preview:
    """What `ingest` would do with the files below `raw`: recordings, labels, streams, problems."""
    from faultsyn.ingest import load_card
    from faultsyn.ingest import preview as look

    return look(load_card(card), Path(raw), progress=progress)


def fetch(
    card: str | Path, *, to: str | Path | None = None, progress: Progress | None = None
) -> FetchSummary:
    """Download the files of a public data set from where its card says, checked by SHA-256.

    - `to`: the folder; `data/<name of the card>` when left out.

    Raises `InputError` when there is no network, a file is not the published one, or the disk is
    full; what came is kept, and the same call goes on with it.
    """
    from faultsyn.ingest import fetch as download
    from faultsyn.ingest import load_card

    loaded = load_card(card)
    return download(loaded, Path("data") / loaded.name if to is None else to, progress=progress)


def ingest(
    card: str | Path,
    raw: str | Path,
    out: str | Path,
    *,
    append: bool = False,
    on_error: Literal["stop", "skip"] = "stop",
    jobs: int = 1,
    shards: int | None = None,
    progress: Progress | None = None,
) -> IngestSummary:
    """Read the files below `raw` as the dataset card says, into the store `out`.

    - `card`: the name of a card ("cwru", "zema", "tep") or a path to one.
    - `append`: add to an existing store; what it holds already is recognised by hash and skipped.
    - `on_error`: "stop" at the first file that cannot be read, or "skip" it and say so.
    - `jobs`: processes; more than one make several stores, `out` becomes their index. `shards`: how
      many stores that are (16).
    """
    from faultsyn.ingest import ingest as ingest_files
    from faultsyn.ingest import ingest_shards, load_card
    from faultsyn.ingest.shards import SHARDS

    loaded = load_card(card)
    if jobs > 1 or shards is not None:
        return ingest_shards(
            loaded, raw, out, shards=shards or SHARDS, jobs=jobs, append=append,
            on_error=on_error, progress=progress,
        )  # fmt: skip
    return ingest_files(loaded, raw, out, append=append, on_error=on_error, progress=progress)


def join(stores: Sequence[str | Path], *, out: str | Path) -> dict[str, Any]:
    """Put several stores (one an asset, or a month) behind one index, which opens as one store.

    - `stores`: paths or addresses; they stay where they are. `out`: the index.

    Returns what `inspect` says of it.
    """
    from faultsyn.store import join_stores

    join_stores(stores, out)
    return inspect(out)


def inspect(store: str | Path, *, plot: str | Path | None = None) -> dict[str, Any]:
    """What a store holds: recordings by label, asset and condition; streams; flags; data hash.

    - `plot`: a folder for `inspect.html` (one file, no network needed) and its figures: examples of
      waveforms and spectra with the fault orders marked. Their paths are then in what is returned.
    """
    from faultsyn.store import Store
    from faultsyn.store.summary import summarise

    with Store(store) as opened:
        found = summarise(opened)
        if plot is not None:
            from faultsyn.report.inspect_page import write_inspection

            found |= write_inspection(opened, found, plot)
    return found


def validate(store: str | Path) -> list[str]:
    """Everything that is wrong with a store; empty when it is sound."""
    from faultsyn.store import validate as check

    return check(store)
