"""`write_quality`: what was found about synthetic windows becomes JSON, figures and one page."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultsyn import __version__
from faultsyn.evaluate.quality import QualityReport
from faultsyn.experiment.quality import StoreQuality
from faultsyn.report.gallery import Picture
from faultsyn.report.html import stem, template, write_text
from faultsyn.report.quality_figures import quality_figures
from faultsyn.report.quality_tables import (
    control_table,
    detail_table,
    measure_table,
    missing_table,
)
from faultsyn.report.style import save, styled
from faultsyn.report.tables import Table

JSON, PAGE = "quality.json", "quality.html"
_MOST_CHANNELS = 12


@dataclass(frozen=True)
class ClassSection:
    """What the page says of one class."""

    label: str
    anchor: str
    warnings: tuple[str, ...]
    tables: tuple[Table, ...]
    details: tuple[tuple[str, Table], ...]
    pictures: tuple[Picture, ...]


def write_quality(
    quality: StoreQuality, real: str | Path, synthetic: str | Path, out: str | Path
) -> dict[str, Any]:
    """Write `quality.json`, `quality.html` (one file, no network needed) and `figures/` to `out`.

    - `real`, `synthetic`: the stores that were compared, to be named.

    Returns what the JSON holds; its `report` is the page's path.
    """
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    facts = {
        "real": str(real),
        "synthetic": str(synthetic),
        "task": quality.task,
        "generators": list(quality.generators),
        "version": __version__,
    }
    sections = [_section(quality, report, folder) for report in quality.reports.values()]
    page = template("quality.html").render(
        title=Path(synthetic).stem,
        facts=[
            ("Synthetic", facts["synthetic"]),
            ("Real", facts["real"]),
            ("Task", quality.task),
            ("Generator", ", ".join(quality.generators) or "unknown"),
            ("Windows", _windows_text(quality)),
        ],
        sections=sections,
        version=__version__,
    )
    path = write_text(folder / PAGE, page)
    classes = {label: report.to_dict() for label, report in quality.reports.items()}
    found = {**facts, "classes": classes, "report": str(path)}
    plain: dict[str, Any] = _finite(found)
    write_text(folder / JSON, json.dumps(plain, indent=1, allow_nan=False))
    return plain


def _section(quality: StoreQuality, report: QualityReport, folder: Path) -> ClassSection:
    tables = (measure_table(report), missing_table(report))
    details = (
        ("Further figures of the measures", detail_table(report)),
        ("Controls: how the measures read windows that are certainly worse", control_table(report)),
    )
    pictures = []
    with styled():
        drawn = quality_figures(report.views, quality.rate, quality.channels, quality.units)
        for kind, caption, figure in drawn:
            name = f"{kind}-{stem(report.label)}"
            png = save(figure, folder / "figures", name)
            encoded = base64.b64encode(png).decode("ascii")
            pictures.append(Picture(name, f"Class {report.label}. {caption}", encoded))
    return ClassSection(
        report.label,
        f"class-{stem(report.label)}",
        report.warnings,
        tuple(table for table in tables if table is not None),
        tuple((name, table) for name, table in details if table is not None),
        tuple(pictures),
    )


def _windows_text(quality: StoreQuality) -> str:
    channels = [
        f"{name} [{unit}]" if unit else name
        for name, unit in zip(
            quality.channels, quality.units or ("",) * len(quality.channels), strict=True
        )
    ]
    more = len(channels) - _MOST_CHANNELS
    rest = f" and {more} more channels" if more > 0 else ""
    return f"{', '.join(channels[:_MOST_CHANNELS])}{rest} at {quality.rate:.4g} Hz"


def _finite(value: Any) -> Any:
    """The same with None for NaN and infinity, which JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
