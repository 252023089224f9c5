"""One pass over the rows: every rule's failures and totals, for each symbol and session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.detection import detect
from workbench.quality.rules import RowRule, rules_for

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence

ROWS = "rows"
SEEN = "seen"
IN_HOURS = "in_hours"
PLACEHOLDER = "is_placeholder"


@dataclass(frozen=True, slots=True)
class Tally:
    """What was counted.

    Attributes
    ----------
    rows
        The evidence's rows with one boolean column for each rule and field.
    facts
        ``symbol, session``, then Int64: ``rows``, ``seen`` (rows with a price), ``in_hours``
        (distinct times within regular hours, null where those are not known), and for each check
        ``<check>/failures`` and ``<check>/total``.
    rules
        The row rules that were counted.
    """

    rows: pl.DataFrame
    facts: pl.DataFrame
    rules: tuple[RowRule, ...]

    def has(self, check: str) -> bool:
        """Whether any rule counted for a check."""
        return any(rule.check == check for rule in self.rules)

    def of(self, check: str) -> pl.DataFrame:
        """Return ``symbol, session, failures, total`` of one check."""
        return self.facts.select(
            SYMBOL, SESSION, pl.col(f"{check}/failures").alias("failures"), pl.col(f"{check}/total").alias("total")
        )


def tally(evidence: Evidence) -> Tally:
    """Count everything the row rules and detectors ask for.

    Notes
    -----
    A row without any price on a day that is no session is a publisher's placeholder for a holiday:
    it counts for nothing.
    """
    frame, detected = detect(evidence)
    rules = [*rules_for(evidence), *detected]
    price = pl.any_horizontal(pl.col(name).is_not_null() for name in evidence.prices) if evidence.prices else pl.lit(value=False)
    flagged = _with_schedule(frame, evidence).with_columns(price.alias("has_price"))
    flagged = flagged.with_columns(
        (~pl.col("has_price") & ~pl.col("is_session") & pl.col(SESSION).is_not_null()).alias(PLACEHOLDER)
    )
    flagged = flagged.with_columns(expr for rule in rules for expr in rule.flags())
    real = flagged.filter(~pl.col(PLACEHOLDER))
    sums = [expr for check in dict.fromkeys(rule.check for rule in rules) for expr in _sums(check, rules)]
    facts = real.group_by(SYMBOL, SESSION).agg(
        pl.len().cast(pl.Int64).alias(ROWS),
        pl.col("has_price").sum().cast(pl.Int64).alias(SEEN),
        pl.col(EVENT_AT).filter(pl.col(IN_HOURS)).n_unique().cast(pl.Int64).alias(IN_HOURS),
        *sums,
    )
    collected, counted = pl.collect_all([flagged, facts])
    return Tally(collected, counted.sort(SYMBOL, SESSION), tuple(rules))


def _sums(check: str, rules: list[RowRule]) -> list[pl.Expr]:
    """Return the check's failures and total for a group; several rules of one check share its total."""
    mine = [rule for rule in rules if rule.check == check]
    names = [rule.flag_name(name) for rule in mine for name in rule.fails]
    columns = [pl.col(name) for name in names]
    failing = pl.sum_horizontal(columns) if mine[0].per_cell else pl.any_horizontal(columns)
    counted = mine[0].counted.cast(pl.Int64)
    total = counted * pl.len() if not counted.meta.root_names() else counted.sum()
    return [failing.sum().cast(pl.Int64).alias(f"{check}/failures"), total.cast(pl.Int64).alias(f"{check}/total")]


def _with_schedule(frame: pl.DataFrame, evidence: Evidence) -> pl.LazyFrame:
    """Say of each row whether its session was expected, and whether it lies within regular hours."""
    if evidence.expected is None:
        return frame.lazy().with_columns(pl.lit(value=True).alias("is_session"), pl.lit(value=True).alias(IN_HOURS))
    expected = evidence.expected.lazy().with_columns(pl.lit(value=True).alias("is_session"))
    joined = frame.lazy().join(expected, on=[SYMBOL, SESSION], how="left", maintain_order="left")
    at_start = (pl.col(EVENT_AT) >= pl.col("open_at")) & (pl.col(EVENT_AT) < pl.col("close_at"))
    at_end = (pl.col(EVENT_AT) > pl.col("open_at")) & (pl.col(EVENT_AT) <= pl.col("close_at"))
    within = at_end if evidence.contract.stamp == "end" else at_start
    known = pl.when(pl.col("open_at").is_null()).then(pl.col("is_session")).otherwise(within)
    return joined.with_columns(pl.col("is_session").fill_null(value=False), known.fill_null(value=False).alias(IN_HOURS))
