"""The finding on synthesis: what each verdict allows to be said, and no more."""

from __future__ import annotations

from collections.abc import Sequence

from faultsyn.report.arms import Arms, counted, percent, points, shots
from faultsyn.report.claims import MIN_SEEDS, Verdict
from faultsyn.report.finding import Finding, listed, p_text


def synthesis_finding(arms: Arms, verdicts: Sequence[Verdict]) -> Finding:
    """One finding over all settings and K, a point for each verdict."""
    if not verdicts:
        return Finding(
            "No synthesis method beyond the cheap ones was run, so none is claimed to help.", ()
        )
    lines = tuple(_verdict_line(arms, verdict) for verdict in verdicts)
    won = sum(verdict.outcome == "won" for verdict in verdicts)
    where = f"{won} of {len(verdicts)} comparisons (task and number of shots)"
    if won:
        return Finding(f"Synthesis beats every cheap method in {where}.", lines, "good")
    nearly = sum(verdict.outcome != "not shown" for verdict in verdicts)
    if nearly:
        title = f"Synthesis beats what was run in {nearly} of {len(verdicts)} comparisons, but"
        return Finding(f"{title} a claim needs more runs.", lines)
    return Finding("No synthesis method is shown to beat the cheap methods.", lines)


def _verdict_line(arms: Arms, verdict: Verdict) -> str:
    lead = verdict.lead
    summary, nearest = arms.summary(lead.arm), lead.nearest
    head = f"{verdict.setting}, {shots(verdict.k)}: {lead.arm.method} ({percent(summary.mean)} %)"
    c = nearest.comparison
    gap = (
        f"{points(c.difference)} points (interval {points(c.low)} to {points(c.high)}, "
        f"better in {c.groups_better} of {c.n_groups} groups, corrected {p_text(lead.p)})"
    )
    if verdict.outcome == "not shown":
        return f"{head} does not clear {nearest.arm.method}: {gap}."
    text = f"{head} beats each of its {len(lead.rivals)} rivals, {nearest.arm.method} by {gap}"
    if verdict.outcome == "unproven bars":
        return f"{text}; not run, so not beaten: {listed(verdict.missing)}."
    if verdict.outcome == "few seeds":
        seeds = counted(summary.n_seeds, "seed")
        return f"{text}; {seeds}, too few for a claim (at least {MIN_SEEDS})."
    if lead.beats_all_on_new_groups:
        return f"{text}. It holds for new groups too ({p_text(lead.p_groups)} over groups)."
    return (
        f"{text}. It holds for these groups; with {c.n_groups} of them the test over groups "
        f"reaches p = {lead.p_groups_floor:.3f} at best, before correction, so new groups remain "
        "open."
    )
