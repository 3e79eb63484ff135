"""Tables of an audit, and what is to be said first."""

from __future__ import annotations

from faultsyn.experiment.audit_found import SAME, Audit, MembershipRow
from faultsyn.privacy.intervals import Interval
from faultsyn.report.tables import MISSING, Cell, Table


def interval_text(found: Interval) -> str:
    """A figure and its interval."""
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def membership_table(audit: Audit) -> Table:
    """Every attack: area, true positives at few false ones."""
    rows = []
    for row in audit.membership:
        cells = [Cell(row.attack), Cell(row.view), Cell(row.against)]
        cells.append(Cell(interval_text(row.auc), strong=row in audit.leaks))
        for rate in row.rates:
            text = interval_text(rate.tpr) if rate.resolved else MISSING
            note = "" if rate.resolved else f"needs {1 / rate.at:.0f} windows that are no members"
            cells.append(Cell(text, note=note))
        cells += [Cell(str(row.n_members)), Cell(str(row.n_others))]
        rows.append(tuple(cells))
    caption = (
        "Telling members from others. Bold: above a half also with the interval that holds for all "
        "attacks together. –: too few others to see such a rate."
    )
    head = (
        "attack", "looks at", "from", "area [95 %]", "TPR at 1 % FPR", "TPR at 0.1 % FPR",
        "members", "others",
    )  # fmt: skip
    return Table(caption, head, tuple(rows), n_text=3)


def attribute_table(audit: Audit) -> Table | None:
    """How well load, location and the like are told."""
    rows = [
        (
            Cell(row.name),
            Cell(f"{row.leak.accuracy:.2f}", strong=row.name in audit.told),
            Cell(f"{row.leak.control:.2f}"),
            Cell(f"{row.leak.p:.2f}"),
            Cell(f"{row.leak.real:.2f}"),
            Cell(f"{row.leak.chance:.2f}"),
            Cell(str(row.leak.n)),
        )
        for row in audit.attributes
    ]
    caption = (
        "Balanced accuracy of reading an attribute off released windows. Control: 95 % quantile "
        "with the adversary's knowledge shuffled; real: the same on real windows. Bold: "
        "told, also with all attributes counted."
    )
    head = ("attribute", "released", "control", "p", "real", "chance", "windows")
    return Table(caption, head, tuple(rows), n_text=1) if rows else None


def link_table(audit: Audit) -> Table | None:
    """How well assets that took part are told from those that did not."""
    rows = [
        (
            Cell(row.view),
            Cell(interval_text(row.released.auc), strong=row.released.auc.low > 0.5),
            Cell(interval_text(row.real.auc)),
            Cell(str(row.released.n_members)),
            Cell(str(row.released.n_others)),
        )
        for row in audit.links
    ]
    caption = (
        "Area over assets: which took part, told by windows of theirs that were not learned from. "
        "Real: the same had the members themselves been released."
    )
    head = ("looks at", "released", "real", "assets that took part", "others")
    return Table(caption, head, tuple(rows), n_text=1) if rows else None


def copy_table(audit: Audit) -> Table:
    """Distance to the closest record."""
    rows = [
        (
            Cell(view),
            Cell(str(check.copies), strong=check.copies > 0),
            Cell(f"{check.closer:.2f}", strong=check.closer > check.high),
            Cell(f"{check.low:.2f} to {check.high:.2f}"),
            Cell(f"{check.to_members:.3g}"),
            Cell(f"{check.to_holdout:.3g}"),
            Cell(str(check.n)),
            Cell(str(check.size)),
        )
        for view, check in audit.copies.items()
    ]
    caption = (
        "Copy check, no proof of privacy: released windows closer to a training window than to any "
        "of as many held-out ones. Usual: 95 % range when the two are mixed."
    )
    head = (
        "looks at", "copies", "closer to training", "usual", "distance to training",
        "to held-out", "released", "of each",
    )  # fmt: skip
    return Table(caption, head, tuple(rows), n_text=1)


def first_words(audit: Audit) -> tuple[bool, list[str]]:
    """Whether something leaks, and what is to be known first, each a sentence."""
    said = []
    leaks = audit.leaks
    if leaks:
        worst = max(leaks, key=lambda row: row.auc.value)
        said.append(
            f"Members are told from others of the same groups: {_named(worst)} reaches an area of "
            f"{interval_text(worst.auc)}."
        )
    else:
        reach = max(row.auc.high for row in audit.membership if row.against == SAME)
        said.append(
            "No attack tells members from others of the same groups better than chance; with so "
            f"many windows an area up to {reach:.2f} may go unseen. A stronger attack may succeed."
        )
    copies = max((check.copies for check in audit.copies.values()), default=0)
    if copies:
        said.append(f"{copies} released windows are copies of training windows.")
    if audit.told:
        said.append(f"Released windows tell: {', '.join(audit.told)}.")
    if audit.anonymity is not None and audit.anonymity.k < 2:
        columns = ", ".join(audit.anonymity.columns)
        said.append(
            f"The released columns ({columns}) point at single assets in {audit.anonymity.single} "
            f"of {audit.anonymity.combinations} combinations: leave some out, or round them."
        )
    broken = False
    if audit.canary is not None:
        text = f"Canaries prove an epsilon of at least {audit.canary.epsilon:.2f}"
        claimed = audit.claim.get("epsilon")
        broken = claimed is not None and audit.canary.epsilon > claimed
        said.append(
            text + (" and refute the claim." if broken else ".")
            + f" So many trainings could prove {audit.canary.most:.2f} at most."
        )  # fmt: skip
    return bool(leaks or copies or audit.told or broken), said


def _named(row: MembershipRow) -> str:
    return f"{row.attack} ({row.view})"
