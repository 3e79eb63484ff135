"""The findings and score tables of a report as Markdown, for a repository to show."""

from __future__ import annotations

from collections.abc import Sequence

from faultsyn.report.finding import Finding
from faultsyn.report.tables import Table


def summary_markdown(
    title: str,
    about: str,
    facts: Sequence[tuple[str, str]],
    found: Sequence[Finding],
    tables: Sequence[Table],
) -> str:
    """The page's words and its main tables; figures and details stay in `report.html`.

    - `facts`: what was run, name and text.
    """
    parts = [f"# {title}", about.strip(), "Written by `faultsyn report` from `results.csv`."]
    parts.append("\n".join(f"- **{name}**: {text}" for name, text in facts))
    parts.append("## Findings")
    for finding in found:
        points = "\n".join(f"- {point}" for point in finding.points)
        parts.append(f"**{finding.title}**\n\n{points}" if points else f"**{finding.title}**")
    parts.append("## Scores")
    parts += [_table(table) for table in tables]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(table: Table) -> str:
    head = _line(table.head)
    align = _line(["---" if i < table.n_text else "--:" for i in range(len(table.head))])
    rows = [
        _line([f"**{cell.text}**" if cell.strong else cell.text for cell in row])
        for row in table.rows
    ]
    return "\n".join([f"{table.caption}", "", head, align, *rows])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
