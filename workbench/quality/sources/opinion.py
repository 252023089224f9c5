"""The idea of this folder: the same data from elsewhere, conventions taken off, compared cell by cell and symbol by symbol.

It looks at rows, not at states: what it says stands beside them and joins them at scoring.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import EVENT_AT, SESSION, SYMBOL
from workbench.quality.sources.conventions import Convention
from workbench.quality.sources.disagreement import compared_cells, disagreements
from workbench.quality.sources.pairing import OTHER, paired

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.model.contract import Reference
    from workbench.model.findings import Finding, Moment
    from workbench.quality.sources.disagreement import Cells
    from workbench.quality.sources.pairing import Pairs
    from workbench.quality.terms import Terms

    Floats = NDArray[np.float64]

LEAST_PAIRS: Final = 3
OWN: Final = "this data"
CELLS: Final = {SYMBOL: pl.String, SESSION: pl.Date, "failures": pl.Int64, "total": pl.Int64}
SYMBOLS: Final = {
    SYMBOL: pl.String,
    "correlation": pl.Float64,
    "correlation_holds": pl.Boolean,
    "rmse": pl.Float64,
    "rmse_holds": pl.Boolean,
}
TRUST: Final = {"month": pl.Date, "source": pl.String, "agreeing": pl.Int64, "cells": pl.Int64}


@dataclass(frozen=True, slots=True)
class Opinion:
    """How sources compare.

    Attributes
    ----------
    cells
        ``symbol, session, failures, total``: price cells further apart than conventions explain and not shown to be
        the other source's mistake, of those that at least two sources have.
    symbols
        ``symbol, correlation, correlation_holds, rmse, rmse_holds``; null where too few rows are shared. Both
        are against the first source that has the symbol, conventions taken off.
    trust
        ``month, source, agreeing, cells``: how often each source agrees with what most say.
    covered
        Source -> the share of the data's rows that it has too.
    """

    cells: pl.DataFrame
    symbols: pl.DataFrame
    trust: pl.DataFrame
    conventions: tuple[Convention, ...] = ()
    findings: tuple[Finding, ...] = ()
    covered: dict[str, float] = field(default_factory=dict)
    by_symbol: dict[str, tuple[list[Moment], dict[str, Cells]]] = field(default_factory=dict)
    """Symbol -> the moments of its shared rows, and what was compared of each field."""

    def agreement(self, symbol: str, start: Moment, end: Moment, fields: tuple[str, ...], *, of_scale: bool) -> float | None:
        """Return the share of some cells in which the sources bear the data out; None where nobody says anything of them.

        ``of_scale``: whether the rows are suspected to be on another scale. Lasting steps are taken off as conventions
        before cells are compared; where the data steps alone, no cell bears it out.
        """
        moments, cells = self.by_symbol.get(symbol, ([], {}))
        low, high = bisect_left(moments, start), bisect_right(moments, end)
        told = [cells[name] for name in fields if name in cells]
        known = sum(int(np.isfinite(one.off[low:high]).sum()) for one in told)
        if not known:
            return None
        if of_scale and any(one.steps_alone(low, high - 1) for one in told):
            return 0.0
        return 1 - sum(int(one.is_doubted[low:high].sum()) for one in told) / known

    def said(self, symbol: str, field: str, start: Moment, end: Moment) -> tuple[list[Moment], list[float | None]] | None:
        """Return what the other sources say of a stretch, on the data's scale; None where they say nothing of it."""
        moments, cells = self.by_symbol.get(symbol, ([], {}))
        low, high = bisect_left(moments, start), bisect_right(moments, end)
        if field not in cells or low >= high:
            return None
        values = cells[field].agreed[low:high]
        return moments[low:high], [float(value) if np.isfinite(value) else None for value in values]

    def differences(self, symbol: str, field: str) -> pl.DataFrame:
        """Return how far each source lies off, over time.

        Returns
        -------
        DataFrame
            ``at`` (Date, or Datetime in UTC within a day), ``source``, ``bps`` (conventions taken off: of two sources the other
            off the data, of more each off what most say), ``factor`` (by convention, the data over the source; null for the
            data itself). Only where a source says something.
        """
        moments, cells = self.by_symbol.get(symbol, ([], {}))
        if field not in cells:
            return pl.DataFrame(schema={"at": pl.Date, "source": pl.String, "bps": pl.Float64, "factor": pl.Float64})
        told, names = cells[field], list(cells[field].beside)
        off = {**({OWN: told.off} if len(names) > 1 else {}), **told.beside}
        nothing = np.full(len(moments), np.nan)
        factors = {OWN: nothing, **{name: np.exp(level) for name, level in zip(names, told.levels, strict=True)}}
        parts = [
            pl.DataFrame({"at": moments, "source": [name] * len(moments), "bps": 1e4 * values, "factor": factors[name]})
            for name, values in off.items()
        ]
        return pl.concat(parts).filter(pl.col("bps").is_finite()).with_columns(pl.col("factor").fill_nan(None))

    def agreed(self, symbol: str, when: Moment, fields: tuple[str, ...]) -> dict[str, object] | None:
        """Return what the other sources say of one row, on the data's scale."""
        moments, cells = self.by_symbol.get(symbol, ([], {}))
        at = bisect_left(moments, when)
        if at >= len(moments) or moments[at] != when:
            return None
        known = {name: float(cells[name].agreed[at]) for name in fields if name in cells}
        return {name: float(f"{value:.6g}") for name, value in known.items() if np.isfinite(value)} or None


@np.errstate(all="ignore")
def compared(frame: pl.DataFrame, references: Mapping[str, pl.DataFrame], terms: Terms, limits: Reference) -> Opinion | None:
    """Compare rows with one reference or more: on the session for daily data, on the time within a day.

    Parameters
    ----------
    frame : DataFrame
        Standard columns; rows in quarantine are passed over.
    references : mapping of name to DataFrame
        In order of trust.
    terms : Terms
    limits : Reference
        How far apart two may be.

    Returns
    -------
    Opinion or None
        None where no reference has any of the price columns.
    """
    pairs = {name: paired(frame, other, terms) for name, other in references.items()}
    pairs = {name: met for name, met in pairs.items() if set(met.fields) & set(terms.prices)}
    if not pairs:
        return None
    clocks = [Convention("clock", name, "time", 1.0, told=str(lag)) for name, met in pairs.items() for lag in met.lags]
    together, names = _together(pairs, terms)
    found: list[Finding] = []
    said: list[Convention] = clocks
    whole: dict[str, tuple[list[Moment], dict[str, Cells]]] = {}
    counted, rated, trusted = [pl.DataFrame(schema=CELLS)], [], [pl.DataFrame(schema=TRUST)]
    for (symbol,), rows in together.partition_by(SYMBOL, as_dict=True, maintain_order=True).items():
        cells = _cells_of(str(symbol), rows, names, terms, limits)
        moments = rows[EVENT_AT if terms.is_intraday else SESSION].to_list()
        found += disagreements(rows, str(symbol), cells, moments)
        said += [convention for compared in cells.values() for convention in compared.conventions]
        whole[str(symbol)] = (moments, cells)
        prices = {name: compared for name, compared in cells.items() if name in terms.prices}
        counted.append(_counted(str(symbol), rows, prices))
        rated.append(_rated(str(symbol), rows, cells, terms, limits))
        trusted.append(_trusted(rows, prices, names))
    trust = pl.concat(trusted).group_by("month", "source").agg(pl.col("agreeing", "cells").sum()).sort("month", "source")
    symbols = pl.DataFrame([row for row in rated if row is not None], schema=SYMBOLS)
    covered = {name: met.covered for name, met in pairs.items()}
    return Opinion(
        pl.concat(counted).sort(SYMBOL, SESSION), symbols.sort(SYMBOL), trust, tuple(said), tuple(found), covered, whole
    )


def _together(pairs: Mapping[str, Pairs], terms: Terms) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Put all sources beside the data: each of its fields, and ``field_reference_<number>``; rows that anybody shares."""
    moment = EVENT_AT if terms.is_intraday else SESSION
    frames = list(pairs.values())
    fields = tuple(dict.fromkeys(name for met in frames for name in met.fields))
    keys = list(dict.fromkeys([SYMBOL, SESSION, moment]))
    mine = [met.frame.select(*keys, *(name for name in fields if name in met.frame.columns)) for met in frames]
    own = pl.concat(mine, how="diagonal").unique([SYMBOL, moment], maintain_order=True)
    for number, met in enumerate(frames):
        theirs = met.frame.select(SYMBOL, moment, *(pl.col(f + OTHER).alias(f"{f}{OTHER}_{number}") for f in met.fields))
        own = own.join(theirs.unique([SYMBOL, moment]), on=[SYMBOL, moment], how="left")
    return own.sort(SYMBOL, moment), tuple(pairs)


def _cells_of(symbol: str, rows: pl.DataFrame, names: tuple[str, ...], terms: Terms, limits: Reference) -> dict[str, Cells]:
    found = {}
    for name in (*terms.prices, *terms.sizes):
        if name not in rows.columns:
            continue
        others = {
            source: rows[column].fill_null(np.nan).to_numpy()
            for number, source in enumerate(names)
            if (column := f"{name}{OTHER}_{number}") in rows.columns and rows[column].null_count() < len(rows)
        }
        if others:
            mine = rows[name].fill_null(np.nan).to_numpy()
            found[name] = compared_cells(symbol, name, mine, others, limits.max_deviation_bps)
    return found


def _counted(symbol: str, rows: pl.DataFrame, cells: Mapping[str, Cells]) -> pl.DataFrame:
    """Count price cells that differ and may be the data's own mistake."""
    failures, total = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows), dtype=np.int64)
    for compared in cells.values():
        failures += compared.is_doubted
        total += np.isfinite(compared.off)
    counts = pl.DataFrame(
        {SYMBOL: [symbol] * len(rows), SESSION: rows[SESSION], "failures": failures, "total": total}, schema=CELLS
    )
    return counts.group_by(SYMBOL, SESSION).agg(pl.col("failures", "total").sum())


def _rated(
    symbol: str, rows: pl.DataFrame, cells: Mapping[str, Cells], terms: Terms, limits: Reference
) -> dict[str, object] | None:
    """Correlate log returns (Pearson) and take the relative root mean square difference, of the main price."""
    main = next((name for name in reversed(terms.prices) if name in cells), None)
    if main is None:
        return None
    own, other = rows[main].fill_null(np.nan).to_numpy(), cells[main].first
    good = (own > 0) & (other > 0)
    if int(good.sum()) < LEAST_PAIRS:
        return None
    mine, theirs = np.log(own[good]), np.log(other[good])
    rmse = float(np.sqrt(np.mean(np.expm1(mine - theirs) ** 2)))
    moves = np.diff(mine), np.diff(theirs)
    moving = min(float(np.std(m)) for m in moves) > 0
    correlation = float(np.corrcoef(*moves)[0, 1]) if moving else None
    return {
        SYMBOL: symbol, "correlation": correlation, "rmse": rmse, "rmse_holds": rmse <= limits.max_rmse,
        "correlation_holds": None if correlation is None else correlation >= limits.min_correlation,
    }  # fmt: skip


def _trusted(rows: pl.DataFrame, cells: Mapping[str, Cells], names: tuple[str, ...]) -> pl.DataFrame:
    """Count for each month how often each source agrees with what most say."""
    month = rows[SESSION].dt.truncate("1mo")
    sums: dict[str, list[NDArray[np.int64]]] = defaultdict(lambda: [np.zeros(len(rows), dtype=np.int64) for _ in range(2)])
    for compared in cells.values():
        for source, (agreeing, known) in compared.allies.items():
            sums[source or OWN][0] += agreeing
            sums[source or OWN][1] += known
    parts = [
        pl.DataFrame({"month": month, "source": [source] * len(rows), "agreeing": agreeing, "cells": known}, schema=TRUST)
        for source, (agreeing, known) in sums.items()
        if source in (OWN, *names)
    ]
    return pl.concat(parts) if parts else pl.DataFrame(schema=TRUST)
