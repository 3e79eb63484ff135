"""`write_audit`: what an audit found becomes JSON, figures and one page."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from faultsyn import __version__
from faultsyn.experiment.audit_found import Audit
from faultsyn.report.audit_figures import area_figure, curve_figure
from faultsyn.report.audit_tables import (
    attribute_table,
    copy_table,
    first_words,
    link_table,
    membership_table,
)
from faultsyn.report.gallery import Picture
from faultsyn.report.html import template, write_text
from faultsyn.report.style import save, styled
from faultsyn.report.tables import Cell, Table

JSON, PAGE = "audit.json", "audit.html"


def write_audit(audit: Audit, out: str | Path) -> dict[str, Any]:
    """Write `audit.json`, `audit.html` (one file, no network needed) and `figures/` to `out`.

    Returns what the JSON holds; its `report` is the page's path.
    """
    folder = Path(out)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    leaks, said = first_words(audit)
    tables = (membership_table(audit), copy_table(audit), link_table(audit), attribute_table(audit))
    page = template("audit.html").render(
        title=f"{Path(str(audit.facts['generator'])).stem} on {audit.facts['task']}",
        facts=[(name.capitalize(), str(value)) for name, value in audit.facts.items()],
        leaks=leaks,
        said=said,
        claim=", ".join(f"{name} {value}" for name, value in audit.claim.items()),
        tables=[table for table in tables if table is not None],
        left_out=_left_out(audit),
        anonymity=audit.anonymity,
        pictures=_pictures(audit, folder),
        version=__version__,
    )
    path = write_text(folder / PAGE, page)
    found = {**audit.as_json(), "findings": said, "version": __version__, "report": str(path)}
    text = json.dumps(found, indent=1, allow_nan=False)
    write_text(folder / JSON, text)
    plain: dict[str, Any] = json.loads(text)
    return plain


def _left_out(audit: Audit) -> Table | None:
    rows = tuple((Cell(name), Cell(why)) for name, why in audit.left_out.items())
    return Table("Not done, and why.", ("what", "reason"), rows) if rows else None


def _pictures(audit: Audit, folder: Path) -> list[Picture]:
    captions = {
        "areas": "Area under the ROC curve of every attack on membership, with 95 % intervals that "
        "count recordings, not windows. Dashed: chance. Windows of other groups differ from "
        "members anyway; only the same groups tell of leaks.",
        "curves": "Members found against false alarms, from windows of the same groups. Dashed: "
        "chance. Shaded: rates that so few windows cannot show.",
    }
    made = []
    with styled():
        for name, draw in (("areas", area_figure), ("curves", curve_figure)):
            encoded = base64.b64encode(save(draw(audit), folder / "figures", name)).decode("ascii")
            made.append(Picture(name, captions[name], encoded))
    return made
