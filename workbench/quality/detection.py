"""Runs the detectors that apply and puts their columns beside the rows they judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from workbench.model.findings import Severity
from workbench.model.names import SYMBOL, Kind
from workbench.quality.detectors.bad_tick import bad_tick
from workbench.quality.detectors.stale import stale
from workbench.quality.detectors.zero_volume_move import zero_volume_move
from workbench.quality.rules import RARE_SHARE, RowRule, impossible_prices, is_trustworthy

if TYPE_CHECKING:
    from workbench.quality.evidence import Evidence

LEVEL = "level"
_SLOW = ("1d", "1w", "1mo")


def detect(evidence: Evidence) -> tuple[pl.DataFrame, list[RowRule]]:
    """Judge rows by their neighbours.

    Returns
    -------
    tuple
        The evidence's frame with one boolean column for each detector and field, and the rules
        that read them. Rows in quarantine and rows without prices are no neighbours and are not
        judged.
    """
    prices, kind = evidence.prices, evidence.contract.kind
    frame = evidence.frame.with_row_index("position")
    usable = frame.filter(is_trustworthy() & pl.col(prices[-1]).is_not_null()) if prices else frame.clear()
    judged = pl.col(prices[-1]).is_not_null() if prices else pl.lit(value=False)
    columns = [usable.select("position")]
    rules: list[RowRule] = []
    if kind in (Kind.BARS, Kind.VALUES) and _has_ratio_scale(evidence, usable):
        ticks = bad_tick(usable.select(SYMBOL, *prices), prices)
        columns.append(ticks.rename({name: f"bad_tick/{name}" for name in prices}))
        fails = {name: _flag(f"bad_tick/{name}") for name in prices}
        rules.append(RowRule("statistical_bounds", "bad_tick", Severity.HIGH, 0.9, fails, judged))
        rules.append(impossible_prices(evidence))
    if kind in (Kind.BARS, Kind.VALUES) and evidence.contract.frequency != "irregular":
        columns.append(stale(usable, prices))
        rules.append(RowRule("historical_pattern", "stale", Severity.MEDIUM, 0.8, {prices[-1]: _flag("stale")}, judged))
    if {"high", "low", "volume"} <= set(frame.columns) and evidence.contract.frequency in _SLOW:
        columns.append(zero_volume_move(usable))
        fails = {"volume": _flag("zero_volume_move")}
        rules.append(RowRule("historical_pattern", "zero_volume_move", Severity.MEDIUM, 0.8, fails, judged))
    flags = pl.concat(columns, how="horizontal")
    return frame.join(flags, on="position", how="left", maintain_order="left"), rules


def _has_ratio_scale(evidence: Evidence, usable: pl.DataFrame) -> bool:
    """Whether a jump can be told in relative terms: prices are positive by promise, or nearly always in fact."""
    if not evidence.contract.allow_non_positive:
        return True
    main = pl.col(evidence.prices[-1])
    return usable.select((main > 0).mean() >= 1 - RARE_SHARE).item() is True


def _flag(name: str) -> pl.Expr:
    return pl.col(name).fill_null(value=False)
