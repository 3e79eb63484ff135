"""The Markdown summary says what the page says."""

from __future__ import annotations

from faultsyn.report.finding import Finding
from faultsyn.report.markdown import summary_markdown
from faultsyn.report.tables import Cell, Table


def test_findings_and_tables_are_there() -> None:
    table = Table("pump (held-out assets)", ("a | b", "K = 5"), ((Cell("x"), Cell("71", True)),), 1)
    found = [Finding("Synthesis did not win.", ("It lost by 2 points.",)), Finding("No gap.", ())]
    text = summary_markdown("study", "About.", [("Seeds", "3")], found, [table])
    lines = text.splitlines()
    assert lines[0] == "# study"
    assert "- **Seeds**: 3" in lines
    assert lines.index("**Synthesis did not win.**") < lines.index("- It lost by 2 points.")
    assert lines[-3:] == ["| a \\| b | K = 5 |", "| --- | --: |", "| x | **71** |"]
