"""What each finding costs: the failures that are its own, in points; and the score there would be without some of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.checks import Verdict
from workbench.model.decisions import date_of
from workbench.model.names import SESSION, SYMBOL
from workbench.quality.accuracy import BOUNDS, PATTERN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.model.findings import Finding
    from workbench.model.score import Score, ScoredCheck

BARS: Final = "bar_count"
CHECKS_OF: Final = {
    "stale": (PATTERN,), "zero_volume_move": (PATTERN,), "clock_shift": (PATTERN, BARS, "references"),
    "non_positive": ("price_positive", "volume_non_negative", BOUNDS), "ohlc_order": ("ohlc_order",),
    "missing_value": ("missing_values", "types"), "out_of_range": ("ranges",), "crossed_quote": ("crossed_quotes",),
    "duplicate_key": ("unique_key",), "conflicting_duplicate": ("unique_key",), "out_of_order": ("time_order",),
    "missing_session": (BARS, "session_coverage"), "missing_bar": (BARS,), "delisting_hole": (BARS,), "truncated": (BARS,),
    "phantom_session": ("references",), "calendar_error": ("references",), "schema_drift": ("formats", "columns", "types"),
    "revision": ("vintage_stability",), "vendor_disagreement": ("reference_agreement",),
}  # fmt: skip
"""Which checks count what a kind of finding tells of; what detectors found says so itself (``FAULTS``)."""
_CLAIMS: Final = {"finding": pl.String, "check": pl.String, "failures": pl.Float64}
_SPANS: Final = {"finding": pl.String, "check": pl.String, SYMBOL: pl.String, "start": pl.Date, "end": pl.Date}


@dataclass(frozen=True, slots=True)
class Costs:
    """What findings cost a score.

    Attributes
    ----------
    claims
        Finding's id -> check -> failures that are its own; of a failure that several findings tell of, each has its part.
    points
        Finding's id -> points of the score, in [0, 100]; a saturated loss is shared in proportion to failures.
    """

    score: Score
    claims: dict[str, dict[str, float]]
    points: dict[str, float]

    def without(self, gone: Mapping[str, float], *, missing: int = 0) -> float:
        """Return the score as it would be if some failures were none.

        Parameters
        ----------
        gone : mapping
            Check -> failures that do not count.
        missing : int
            How many rows would be missing instead.

        Notes
        -----
        ``100 - sum(worth * min(1, failures left / total / tolerance))`` over all checks.
        """
        if self.score.reason:
            return float(self.score.value)
        lost = sum(_lost(check, gone.get(check.result.name, 0.0), missing) for check in self.score.checks)
        return round(100 - lost, 9)


def costs_of(findings: Mapping[str, Finding], score: Score, faults: pl.DataFrame) -> Costs:
    """Share every check's failures among the findings that tell of them.

    Parameters
    ----------
    findings : mapping
        Id -> finding.
    score : Score
    faults : DataFrame
        As ``FAULTS``: what detectors counted, by the id of what was found.
    """
    ids = list(findings)
    own = faults.filter(pl.col("finding").is_in(ids))
    spans = pl.DataFrame(
        [
            (one, check, f.symbol, date_of(f.start), date_of(f.end))
            for one, f in findings.items() for check in CHECKS_OF.get(f.kind, ())
        ],
        schema=_SPANS, orient="row",
    )  # fmt: skip
    dear = [check for check in score.checks if check.result.verdict is Verdict.FAIL]
    parts = [_claims(check, own, spans) for check in dear]
    claims = pl.concat([pl.DataFrame(schema=_CLAIMS), *parts])
    worth = pl.DataFrame(
        [(c.result.name, float(c.points_lost) / float(c.result.failures)) for c in dear],
        schema={"check": pl.String, "each": pl.Float64}, orient="row",
    )  # fmt: skip
    priced = claims.join(worth, on="check").group_by("finding").agg((pl.col("failures") * pl.col("each")).sum())
    points = dict.fromkeys(ids, 0.0) | dict(priced.iter_rows())
    by_finding: dict[str, dict[str, float]] = {finding: {} for finding in ids}
    for finding, check, failures in claims.iter_rows():
        by_finding[finding][check] = failures
    return Costs(score, by_finding, points)


def _claims(check: ScoredCheck, own: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return ``finding, check, failures`` of one check: what detectors counted first, of the rest what spans cover."""
    name = check.result.name
    mine = own.filter(pl.col("check") == name).select("finding", SYMBOL, SESSION, pl.col("failures").cast(pl.Float64))
    others = spans.filter(pl.col("check") == name).drop("check")
    where = check.result.where
    shares = [mine.select("finding", "failures")]
    if where is None and len(others):  # counted, and nobody says where
        each = float(check.result.failures) / len(others)
        shares.append(others.select("finding", pl.lit(each).alias("failures")))
    elif where is not None and len(others):
        shares.append(_covered(_unclaimed(where.cells, mine), others))
    total = pl.concat(shares).group_by("finding").agg(pl.col("failures").sum())
    return total.select("finding", pl.lit(name).alias("check"), "failures")


def _unclaimed(cells: pl.DataFrame, mine: pl.DataFrame) -> pl.DataFrame:
    """Return ``symbol, session, failures`` less what detectors counted there."""
    taken = mine.group_by(SYMBOL, SESSION).agg(pl.col("failures").sum().alias("taken"))
    left = cells.join(taken, on=[SYMBOL, SESSION], how="left", nulls_equal=True)
    rest = (pl.col("failures") - pl.col("taken").fill_null(0.0)).alias("failures")
    return left.select(SYMBOL, SESSION, rest).filter(pl.col("failures") > 0)


def _covered(cells: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return ``finding, failures`` of the cells that spans cover, each shared equally by those that cover it."""
    numbered = cells.with_row_index("cell")
    of_symbols = numbered.drop_nulls(SYMBOL).join(spans, on=SYMBOL)
    of_all = numbered.filter(pl.col(SYMBOL).is_null()).join(spans.rename({SYMBOL: "_symbol"}), how="cross").drop("_symbol")
    within = pl.col(SESSION).is_between(pl.col("start"), pl.col("end")) | pl.col(SESSION).is_null()
    both = pl.concat([of_symbols.select(of_all.columns), of_all]).filter(within)
    shared = both.with_columns(pl.col("failures") / pl.len().over("cell"))
    return shared.select("finding", pl.col("failures").cast(pl.Float64))


def _lost(check: ScoredCheck, gone: float, missing: int) -> float:
    """Return the points a check would cost with fewer failures, and, if it counts rows, more that are missing."""
    result = check.result
    more = missing if result.name == BARS and result.is_evaluated else 0
    if not result.total or not (gone or more):
        return float(check.points_lost)
    left = max(float(result.failures) - gone, 0.0) + more
    return float(check.worth) * min(1.0, left / float(result.total) / float(result.tolerance))


def with_tolerance(score: Score, check: str, tolerance: float) -> float:
    """Return the score as it would be if one check forgave another share of failures.

    Parameters
    ----------
    score : Score
    check : str
        Its name; one that is not evaluated changes nothing.
    tolerance : float
        Above zero: the share of failures at which the check is worth nothing.
    """
    found = next((one for one in score.checks if one.result.name == check), None)
    if score.reason or found is None or not found.result.is_evaluated or not found.result.total:
        return float(score.value)
    lost = float(found.worth) * min(1.0, float(found.result.failures / found.result.total) / tolerance)
    return float(score.value) + float(found.points_lost) - lost
