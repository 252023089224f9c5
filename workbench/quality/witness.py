"""Findings heard again with another source as witness: what both sources have is no slip of one of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.findings import Explained, Hypothesis
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.accuracy import CHECK_OF

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from workbench.model.findings import Finding
    from workbench.quality.sources.opinion import Opinion

WITNESSED: Final = ("bad_tick", "unit_switch", "partial_split", "stale", "unadjusted_split", "double_split", "volume_unit")
"""Kinds another source can speak about, cell by cell."""
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
        share = (
            opinion.agreement(finding.symbol, finding.start, finding.end, finding.fields) if finding.kind in WITNESSED else None
        )
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
    return kept, told, _without(faults, refuted)


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
        finding, confidence=max(finding.confidence, claims[0].probability), hypotheses=claims, proposed=value or finding.proposed
    )


def _without(faults: pl.DataFrame, refuted: list[Finding]) -> pl.DataFrame:
    """Take the rows of refuted findings out of what counts."""
    for finding in refuted:
        mine = (
            (pl.col(SYMBOL) == finding.symbol)
            & (pl.col("check") == CHECK_OF.get(finding.kind, ""))
            & pl.col(SESSION).is_between(_day(finding.start), _day(finding.end))
        )
        fewer = pl.when(mine).then(
            (pl.col("failures") - max(1, finding.rows if _day(finding.start) == _day(finding.end) else 1)).clip(0)
        )
        faults = faults.with_columns(fewer.otherwise("failures").alias("failures"))
    return faults.filter(pl.col("failures") > 0) if refuted else faults


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
