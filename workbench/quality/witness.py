"""Findings heard again with another source as witness: what both sources have is no slip of one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Explained, Hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.model.findings import Finding
    from workbench.quality.sources.opinion import Opinion

WITNESSED: Final = ("bad_tick", "unit_switch", "partial_split", "stale", "unadjusted_split", "double_split", "volume_unit")
"""Kinds another source can speak about, cell by cell."""
OF_SCALE: Final = ("unit_switch", "partial_split", "unadjusted_split", "double_split")
MOST: Final = 0.8
"""The share of the cells that must speak one way."""
CERTAIN: Final = 0.99


def heard_again(
    findings: Iterable[Finding], faults: pl.DataFrame, opinion: Opinion
) -> tuple[list[Finding], list[Explained], pl.DataFrame]:
    """Ask another source about findings.

    Parameters
    ----------
    findings : iterable of Finding
    faults : DataFrame
        As ``FAULTS``.
    opinion : Opinion

    Returns
    -------
    list of Finding
        Those that are not refuted; confirmed ones with more confidence, and the other source's value.
    list of Explained
        What both sources have.
    DataFrame
        Faults without what was refuted.
    """
    kept: list[Finding] = []
    refuted: list[Finding] = []
    for finding in findings:
        share = _agreement(finding, opinion)
        if share is None or 1 - MOST < share < MOST:
            kept.append(finding)
        elif share >= MOST:
            refuted.append(finding)
        else:
            kept.append(_confirmed(finding, opinion))
    told = [
        Explained("real_move", f.symbol, f.start, f.end, f"looked like {f.kind}, but the other source has it too")
        for f in refuted
    ]
    return kept, told, faults.filter(~pl.col("finding").is_in([f.id for f in refuted]))


def _agreement(finding: Finding, opinion: Opinion) -> float | None:
    """Return how far other sources bear the data out; None where they cannot speak about it."""
    stood = finding.kind == "stale" and isinstance(finding.start, datetime)
    if finding.kind not in WITNESSED or stood:  # what stands within a day is counted from states
        return None
    return opinion.agreement(finding.symbol, finding.start, finding.end, finding.fields, of_scale=finding.kind in OF_SCALE)


def _confirmed(finding: Finding, opinion: Opinion) -> Finding:
    text = (
        f"{finding.hypotheses[0].evidence}; the other source has another value"
        if finding.hypotheses
        else "the other source differs"
    )
    rivals = [replace(h, probability=round((1 - CERTAIN) * h.probability, 4)) for h in finding.hypotheses[1:]]
    claims = (Hypothesis(finding.kind, round(1 - sum(h.probability for h in rivals), 4), text), *rivals)
    value = opinion.agreed(finding.symbol, finding.start, finding.fields) if finding.rows == 1 else None
    return replace(
        finding,
        confidence=max(finding.confidence, claims[0].probability),
        hypotheses=claims,
        proposed=value or finding.proposed,
        by_reference=value is not None,
    )
