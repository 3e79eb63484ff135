"""What an audit calls a leak, from figures that are known."""

from __future__ import annotations

from faultsyn.experiment.audit_found import AttributeRow, Audit
from faultsyn.privacy.attribute import AttributeLeak
from faultsyn.report.audit_tables import attribute_table


def audit(**p: float) -> Audit:
    rows = tuple(
        AttributeRow(name, AttributeLeak(0.42, 0.25, 0.39, value, 0.22, 40, ("0", "1", "2", "3")))
        for name, value in p.items()
    )
    return Audit({}, {}, (), rows, (), {}, None, None, {})


def test_one_lucky_attribute_of_four_is_no_leak() -> None:
    found = audit(load=0.03, severity=0.4, session=0.7, location=0.2)
    assert found.told == ()
    assert audit(load=0.03).told == ("load",)
    table = attribute_table(found)
    assert table is not None
    assert not any(cell.strong for row in table.rows for cell in row)


def test_an_attribute_that_holds_among_all_is_told() -> None:
    found = audit(load=0.01, severity=0.4, session=0.7, location=0.2)
    assert found.told == ("load",)
    assert found.as_json()["told"] == ["load"]
