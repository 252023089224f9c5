"""What decisions teach: how often each kind was right, and what another threshold would have shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.decisions import CONFIRMING, REFUTING
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.model.decisions import LedgerEntry
    from workbench.model.findings import Finding

THRESHOLDS: Final = tuple(round(0.3 + 0.05 * step, 2) for step in range(15))
"""From the least confidence at which anything is told, to certainty."""
LEAST_JUDGED: Final = 5
"""So many findings of a kind must have been judged before anything is proposed."""
KINDS: Final = {
    "kind": pl.String, "judged": pl.Int64, "confirmed": pl.Int64, "precision": pl.Float64, "low": pl.Float64, "high": pl.Float64,
}  # fmt: skip
WHAT_IFS: Final = {"kind": pl.String, "threshold": pl.Float64, "fewer": pl.Int64, "missed": pl.Int64, "spared": pl.Int64}


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned.

    Attributes
    ----------
    kinds
        ``kind, judged, confirmed, precision, low, high``: the share of judged findings that a person confirmed (corrected, or put
        into quarantine), with its 95 % interval.
    thresholds
        ``kind, threshold, fewer, missed, spared``: of all findings those that would not be asked about if that much confidence
        were asked for; how many of them somebody confirmed, and how many somebody refuted.
    """

    kinds: pl.DataFrame
    thresholds: pl.DataFrame

    def what_if(self, kind: str, threshold: float) -> str:
        """Say what asking for so much confidence would have changed for a kind.

        Raises
        ------
        BadInput
            Nobody has decided about that kind.
        """
        mine = self.thresholds.filter(pl.col("kind") == kind)
        known = mine.filter(pl.col("threshold") <= max(threshold, THRESHOLDS[0]) + 1e-9)
        if mine.is_empty():
            kinds = self.kinds["kind"].to_list()
            raise BadInput(f"kind {kind[:40]}: nobody has decided about one; expected one of {', '.join(kinds) or 'none yet'}")
        row = known.sort("threshold").row(-1, named=True)
        missed = f"missed {row['missed']:,}" if row["missed"] else "missed none"
        return (
            f"with a threshold of {row['threshold']:g} for {kind} you would have had {row['fewer']:,} fewer findings, and "
            f"{missed} that you confirmed"
        )

    def proposals(self) -> list[str]:
        """Return changes to the contract, as TOML: confidences below which a kind need not be asked about, as none was right."""
        made = []
        enough = self.kinds.filter(pl.col("judged") >= LEAST_JUDGED)["kind"].to_list()
        for kind in enough:
            free = self.thresholds.filter((pl.col("kind") == kind) & (pl.col("missed") == 0) & (pl.col("spared") > 0))
            if len(free):
                row = free.sort("fewer", "threshold", descending=[True, False]).row(0, named=True)
                made.append(
                    f"# {row['fewer']} fewer findings, {row['spared']} of them refuted, none confirmed\n"
                    f'[[policies.findings]]\nkind = "{kind}"\naction = "keep"\nmin_confidence = 0.0\n'
                    f"below_confidence = {row['threshold']:g}\n"
                )
        return made


def learn(findings: Sequence[Finding], lines: Iterable[LedgerEntry]) -> Lessons:
    """Learn from what persons decided.

    Parameters
    ----------
    findings : sequence of Finding
        All that are made now.
    lines : iterable of LedgerEntry
        Those that stand.
    """
    judged = [line for line in lines if line.is_by_person and line.kind and line.action in (*CONFIRMING, *REFUTING)]
    return Lessons(_kinds(judged), _thresholds(findings, judged))


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, JASA 22, 1927).

    Examples
    --------
    >>> [round(edge, 3) for edge in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not total:
        return 0.0, 1.0
    z = 1.959964
    share, wide = hits / total, 1 + z * z / total
    middle, half = share + z * z / (2 * total), z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (middle - half) / wide, (middle + half) / wide


def _kinds(judged: Sequence[LedgerEntry]) -> pl.DataFrame:
    rows = []
    for kind in sorted({line.kind for line in judged}):
        mine = [line for line in judged if line.kind == kind]
        confirmed = sum(line.action in CONFIRMING for line in mine)
        rows.append((kind, len(mine), confirmed, confirmed / len(mine), *wilson(confirmed, len(mine))))
    return pl.DataFrame(rows, schema=KINDS, orient="row").sort("precision", "kind")


def _thresholds(findings: Sequence[Finding], judged: Sequence[LedgerEntry]) -> pl.DataFrame:
    rows = []
    for kind in sorted({line.kind for line in judged}):
        sure = [finding.confidence for finding in findings if finding.kind == kind]
        said = [(line.confidence, line.action) for line in judged if line.kind == kind and line.confidence is not None]
        for threshold in THRESHOLDS:
            below = [action for confidence, action in said if confidence < threshold]
            fewer = sum(confidence < threshold for confidence in sure)
            missed = sum(action in CONFIRMING for action in below)
            rows.append((kind, threshold, fewer, missed, len(below) - missed))
    return pl.DataFrame(rows, schema=WHAT_IFS, orient="row")
