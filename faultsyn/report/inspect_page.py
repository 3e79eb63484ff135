"""`write_inspection`: what is in a store, as one page with figures of examples."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faultsyn import __version__
from faultsyn.report.gallery import Picture
from faultsyn.report.html import stem, template, write_text
from faultsyn.report.inspect_figures import store_figures
from faultsyn.report.style import save, styled
from faultsyn.report.tables import Cell, Table
from faultsyn.store import Store

PAGE = "inspect.html"
_MOST_ROWS = 200


def write_inspection(store: Store, summary: dict[str, Any], out: str | Path) -> dict[str, Any]:
    """Write `inspect.html` (one file, no network needed) and `figures/` to `out`.

    - `summary`: what `faultsyn.store.summary.summarise` says of the open `store`.

    Returns `page` and `figures`, the paths of what was written.
    """
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    pictures = []
    with styled():
        for name, caption, figure in store_figures(store, summary):
            png = save(figure, folder / "figures", stem(name))
            pictures.append(Picture(stem(name), caption, base64.b64encode(png).decode("ascii")))
    page = template("inspect.html").render(
        title=Path(store.path).stem,
        facts=_facts(summary),
        labels=_label_table(summary),
        assets=_asset_table(summary),
        conditions=_condition_table(summary),
        streams=_stream_table(summary),
        flags=_flag_table(summary),
        pictures=pictures,
        version=__version__,
    )
    path = write_text(folder / PAGE, page)
    return {
        "page": str(path),
        "figures": [str(folder / "figures" / f"{picture.name}.png") for picture in pictures],
    }


def _facts(summary: dict[str, Any]) -> list[tuple[str, str]]:
    seconds = sum(row["seconds"] for row in summary["labels"].values())
    return [
        ("Store", summary["path"]),
        ("Recordings", f"{summary['recordings']} ({seconds:.4g} s)"),
        ("Labels", str(len(summary["labels"]))),
        ("Assets", str(len({row["asset"] for row in summary["assets"]}) or "unknown")),
        ("Flagged", f"{len(summary['flagged'])} recordings"),
        ("Data hash", summary["data_hash"]),
    ]


def _label_table(summary: dict[str, Any]) -> Table:
    rows = [
        (name, str(row["assets"]), str(row["recordings"]), f"{row['seconds']:.1f}")
        for name, row in summary["labels"].items()
    ]
    return _table("By label", ("label", "assets", "recordings", "seconds"), rows, 1)


def _asset_table(summary: dict[str, Any]) -> Table:
    rows = [
        (row["asset"], row["label"], str(row["recordings"]), f"{row['seconds']:.1f}")
        for row in summary["assets"]
    ]
    return _table("By asset and label", ("asset", "label", "recordings", "seconds"), rows, 2)


def _condition_table(summary: dict[str, Any]) -> Table:
    rows = []
    for name, row in summary["conditions"].items():
        if "values" in row:
            text = ", ".join(f"{value} ({n})" for value, n in row["values"].items())
        elif "range" in row:
            text = f"{row['range'][0]:g} to {row['range'][1]:g}"
        else:
            text = "too many to list"
        rows.append((name, text, str(row["distinct"]), str(row["missing"])))
    head = ("column", "values (recordings)", "different", "without")
    return _table("Conditions", head, rows, 2)


def _stream_table(summary: dict[str, Any]) -> Table:
    rows = []
    for name, row in summary["streams"].items():
        pairs = zip(row["channels"], row["units"], strict=True)
        channels = ", ".join(f"{channel} [{unit}]" if unit else channel for channel, unit in pairs)
        gaps = ", ".join(f"{what} in {n}" for what, n in row["missing"].items() if n) or "none"
        length = f"{row['shortest']:.4g} to {row['longest']:.4g}"
        rows.append((name, channels, gaps, f"{row['rate']:g}", length, str(row["samples"])))
    head = ("stream", "channels", "missing in recordings", "rate [Hz]", "seconds", "samples")
    return _table("Streams", head, rows, 3)


def _flag_table(summary: dict[str, Any]) -> Table:
    rows = [(row["recording"], row["flags"]) for row in summary["flagged"]]
    return _table("Flagged recordings", ("recording", "flags"), rows, 2)


def _table(
    caption: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]], n_text: int
) -> Table:
    cells = [tuple(Cell(text) for text in row) for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        cells.append((Cell(f"and {len(rows) - _MOST_ROWS} more"), *(Cell("") for _ in head[1:])))
    return Table(caption, head, tuple(cells), n_text)
