"""From checks to the score: rational arithmetic, so that the parts add up to 100 minus the score exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.checks import CheckResult, Dimension, Verdict
from workbench.model.names import SESSION, SYMBOL
from workbench.model.score import DimensionScore, Score, ScoredCheck

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.model.contract import Scoring

HUNDRED = Fraction(100)


def score(results: Sequence[CheckResult], rows: tuple[pl.DataFrame, pl.DataFrame], scoring: Scoring) -> Score:
    """Weigh checks into dimensions and dimensions into a score.

    Parameters
    ----------
    results : sequence of CheckResult
    rows : tuple of DataFrame
        ``symbol, rows`` and ``session, rows``.
    scoring : Scoring
        Weights and thresholds.

    Returns
    -------
    Score
        0 with a reason where there are no rows. A dimension with nothing applicable hands its
        weight to the others in proportion.

    Notes
    -----
    A check is worth ``1 - min(1, share / tolerance)``, a dimension the weighted mean of its checks,
    the score ``100 * sum(weight * dimension)``. See docs/scoring.md.
    """
    weights = _effective_weights(results, scoring)
    dimensions = tuple(_dimension(d, results, weights[d]) for d in Dimension)
    lost = sum((check.points_lost for d in dimensions for check in d.checks), Fraction(0))
    is_empty = not rows[0]["rows"].sum()
    value, reason = (Fraction(0), "there are no rows") if is_empty else (HUNDRED - lost, "")
    if not is_empty and not any(result.is_evaluated or result.verdict is Verdict.ERROR for result in results):
        value, reason = Fraction(0), "no check could be evaluated"
    return Score(
        value=value,
        coverage=_coverage(results, scoring),
        dimensions=dimensions,
        by_symbol=_scores_by(SYMBOL, results, rows[0], weights),
        by_session=_scores_by(SESSION, results, rows[1], weights),
        losses=_losses(dimensions),
        thresholds=scoring.thresholds(),
        reason=reason,
    )


def _asks(result: CheckResult) -> bool:
    return result.verdict is not Verdict.NOT_APPLICABLE and result.weight > 0


def _effective_weights(results: Sequence[CheckResult], scoring: Scoring) -> dict[Dimension, Fraction]:
    applicable = {result.dimension for result in results if _asks(result)}
    nominal = scoring.dimension_weights()
    total = sum((w for d, w in nominal.items() if d in applicable), Fraction(0))
    return {d: w / total if d in applicable and total else Fraction(0) for d, w in nominal.items()}


def _dimension(dimension: Dimension, results: Sequence[CheckResult], weight: Fraction) -> DimensionScore:
    mine = [result for result in results if result.dimension is dimension]
    total = sum((result.weight for result in mine if _asks(result)), Fraction(0))
    checks = tuple(ScoredCheck(r, HUNDRED * weight * r.weight / total if _asks(r) and total else Fraction(0)) for r in mine)
    if not total:
        return DimensionScore(dimension, None, Fraction(0), Verdict.NOT_APPLICABLE, checks)
    lost = sum((r.weight * r.share_lost for r in mine if _asks(r)), Fraction(0))
    return DimensionScore(dimension, 1 - lost / total, weight, _verdict(mine), checks)


def _verdict(results: Sequence[CheckResult]) -> Verdict:
    verdicts = {result.verdict for result in results}
    return next(v for v in (Verdict.ERROR, Verdict.FAIL, Verdict.PASS, Verdict.NOT_APPLICABLE) if v in verdicts)


def _coverage(results: Sequence[CheckResult], scoring: Scoring) -> Fraction:
    """Return the share of the checks, by weight, that were evaluated, each as far as it could judge."""
    covered = Fraction(0)
    for dimension, weight in scoring.dimension_weights().items():
        mine = [result for result in results if result.dimension is dimension]
        total = sum((result.weight for result in mine), Fraction(0))
        done = sum((result.weight * result.covered for result in mine if result.is_evaluated), Fraction(0))
        covered += weight * done / total if total else Fraction(0)
    return covered


def _losses(dimensions: Sequence[DimensionScore]) -> pl.DataFrame:
    """Share every check's lost points over its addresses, in proportion to failures."""
    schema = {"dimension": pl.String, "check": pl.String, SYMBOL: pl.String, SESSION: pl.Date, "points": pl.Float64}
    dear = [(d.dimension.value, check) for d in dimensions for check in d.checks if check.points_lost]
    parts = [
        _addresses(check).select(
            pl.lit(dimension).alias("dimension"),
            pl.lit(check.result.name).alias("check"),
            pl.col(SYMBOL),
            pl.col(SESSION),
            (pl.col("share") * float(check.points_lost)).alias("points"),
        )
        for dimension, check in dear
    ]
    return pl.concat([pl.DataFrame(schema=schema), *parts])


def _addresses(check: ScoredCheck) -> pl.DataFrame:
    where = check.result.where
    if where is None or where.cells.is_empty():
        return pl.DataFrame(
            {SYMBOL: [None], SESSION: [None], "share": [1.0]}, schema={SYMBOL: pl.String, SESSION: pl.Date, "share": pl.Float64}
        )
    return where.cells.select(SYMBOL, SESSION, (pl.col("failures") / pl.col("failures").sum()).alias("share"))


def _scores_by(key: str, results: Sequence[CheckResult], rows: pl.DataFrame, weights: dict[Dimension, Fraction]) -> pl.DataFrame:
    """Score each symbol, or each session, on its own rows; what has no such address counts for all.

    Float64: these are for ranking and thresholds, the exact sum is the dataset's.
    """
    known = rows.filter(pl.col(key).is_not_null()).group_by(key).agg(pl.col("rows").sum())
    asked = [result for result in results if _asks(result)]
    if not asked:
        return known.select(key, pl.lit(0.0).alias("score"), "rows").sort(key)
    everybody = pl.concat([known[key], *(t[key] for r in asked if (t := _totals(r, key)) is not None)]).drop_nulls().unique()
    checks = everybody.to_frame(key).lazy()
    for number, result in enumerate(asked):
        if _is_same_for_all(result, key, len(everybody)):
            checks = checks.with_columns(pl.lit(1.0 - float(result.share_lost)).alias(f"{number}"))
        else:
            checks = checks.join(_worth(key, result, f"{number}").lazy(), on=key, how="left")
    dimensions = {d: [(str(i), float(r.weight)) for i, r in enumerate(asked) if r.dimension is d] for d in Dimension}
    means = {d: _mean([(pl.col(name), weight) for name, weight in parts]) for d, parts in dimensions.items() if parts}
    total = _mean([(mean, float(weights[d])) for d, mean in means.items()])
    scored = checks.select(key, (100 * total).alias("score")).filter(pl.col("score").is_not_null()).collect()
    return scored.join(known, on=key, how="left").with_columns(pl.col("rows").fill_null(0)).sort("score", key)


def _is_same_for_all(result: CheckResult, key: str, count: int) -> bool:
    """Whether a check says the same of every symbol, or session: it has no such address, or all were counted and none failed."""
    table = _totals(result, key)
    if table is None:
        return True
    return not result.failures and len(table) == count and bool((table["total"] > 0).all()) and not table[key].has_nulls()


def _totals(result: CheckResult, key: str) -> pl.DataFrame | None:
    if result.where is None:
        return None
    return result.where.by_symbol if key == SYMBOL else result.where.by_session


def _worth(key: str, result: CheckResult, name: str) -> pl.DataFrame:
    """Return what the check is worth for each symbol or session of which it counted anything."""
    table = _totals(result, key)
    share = pl.col("failures") / pl.col("total") / float(result.tolerance)
    counted = (
        table.filter(pl.col(key).is_not_null() & (pl.col("total") > 0))
        if table is not None
        else pl.DataFrame(schema={key: pl.String})
    )
    return counted.select(key, (1.0 - share.clip(upper_bound=1.0)).alias(name))


def _mean(parts: Sequence[tuple[pl.Expr, float]]) -> pl.Expr:
    """Return the weighted mean of what is there; null where nothing is."""
    worth = pl.sum_horizontal([value * weight for value, weight in parts])
    weight = pl.sum_horizontal([pl.when(value.is_not_null()).then(pl.lit(weight)) for value, weight in parts])
    return pl.when(weight > 0).then(worth / weight)
