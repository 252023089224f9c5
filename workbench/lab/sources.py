"""``dataset.sources()``: vendors against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.figures.arbitration import arbitration
from workbench.figures.sources import agreement, differences
from workbench.lab.drawing import require_figure
from workbench.model.contract import Reference
from workbench.model.errors import BadInput, did_you_mean
from workbench.model.html import table, titled
from workbench.quality.sources.opinion import OWN

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.lab.judgement import Judgement
    from workbench.quality.sources.opinion import Opinion

FIGURES = ("trust", "differences", "agreement")
MOST_CONVENTIONS = 12


@dataclass(frozen=True, slots=True)
class Sources:
    """How a dataset and its other sources compare, what differs by convention taken off."""

    opinion: Opinion
    limits: Reference
    prices: tuple[str, ...]
    title: str

    def to_polars(self) -> pl.DataFrame:
        """Return ``source, covered`` (share of the data's rows it has), ``agreeing, cells, agreement``; the data itself first."""
        trust = self.opinion.trust.group_by("source").agg(pl.col("agreeing", "cells").sum())
        covered = pl.DataFrame({"source": [OWN, *self.opinion.covered], "covered": [1.0, *self.opinion.covered.values()]})
        both = covered.join(trust, on="source", how="left", maintain_order="left")
        return both.with_columns(pl.when(pl.col("cells") > 0).then(pl.col("agreeing") / pl.col("cells")).alias("agreement"))

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def to_json(self) -> dict[str, Any]:
        """Return sources, symbols and conventions as JSON values."""
        told = {"sources": self.to_polars(), "symbols": self.symbols, "conventions": self.conventions}
        return {name: frame.to_dicts() for name, frame in told.items()}

    @property
    def symbols(self) -> pl.DataFrame:
        """Correlation of returns and relative RMSE of each symbol, against the first source that has it."""
        return self.opinion.symbols

    @property
    def conventions(self) -> pl.DataFrame:
        """What differs by convention: ``kind, symbol, field, factor, told``."""
        rows = [(c.kind, c.symbol, c.field, c.factor, str(c)) for c in self.opinion.conventions]
        names = {"kind": pl.String, "symbol": pl.String, "field": pl.String, "factor": pl.Float64, "told": pl.String}
        return pl.DataFrame(rows, schema=names, orient="row")

    def differences(self, symbol: str | None = None, field: str | None = None) -> pl.DataFrame:
        """Return ``at, source, bps, factor`` of one symbol and field.

        Parameters
        ----------
        symbol : str, optional
            The one that disagrees most by default.
        field : str, optional
            The main price by default.

        Raises
        ------
        BadInput
            No other source has that symbol.
        """
        return self.opinion.differences(*self._chosen(symbol, field))

    def figure(self, which: str = "trust", *, symbol: str | None = None, field: str | None = None) -> go.Figure:
        """Draw who agrees with what most say (``trust``), ``differences`` over time, or ``agreement`` by symbol."""
        if which == "trust":
            return arbitration(self.opinion.trust, self.opinion.findings)
        if which == "agreement":
            return agreement(self.symbols, min_correlation=self.limits.min_correlation, max_rmse=self.limits.max_rmse)
        require_figure(which, FIGURES)
        chosen, name = self._chosen(symbol, field)
        told = self.opinion.differences(chosen, name)
        return differences(told, symbol=chosen, field=name, limit_bps=self.limits.max_deviation_bps)

    def _chosen(self, symbol: str | None, field: str | None) -> tuple[str, str]:
        known = tuple(self.opinion.by_symbol)
        if symbol is not None and symbol not in known:
            raise BadInput(f"no other source has '{symbol}'; expected of {', '.join(known[:12])}{did_you_mean(symbol, known)}")
        chosen = symbol or max(known, key=self._far_cells, default="")
        there = self.opinion.by_symbol[chosen][1] if chosen in self.opinion.by_symbol else {}
        return chosen, field or next((name for name in reversed(self.prices) if name in there), "")

    def _far_cells(self, symbol: str) -> int:
        """Count the cells of a symbol in which a source lies further off than is allowed."""
        offs = [
            off for name, told in self.opinion.by_symbol[symbol][1].items() if name in self.prices for off in told.beside.values()
        ]
        return sum(int((np.abs(off) > self.limits.max_deviation_bps / 1e4).sum()) for off in offs)

    def _repr_html_(self) -> str:
        shares = self.to_polars().rows()
        sources = table(("source", "rows shared", "agreeing", "of cells", "agreement"),
                        [(s, f"{c:.1%}", a, n, None if p is None else f"{p:.3%}") for s, c, a, n, p in shares])  # fmt: skip
        alike = self.conventions.group_by("symbol", "kind", pl.col("factor").round_sig_figs(4), maintain_order=True)
        by_convention = (
            alike.agg(pl.col("field").unique(maintain_order=True).str.join(", "))
            .select("symbol", "kind", "factor", "field")
            .head(MOST_CONVENTIONS)
        )
        header = ("symbol", "differs by convention", "data over source, in the end", "fields")
        conventions = table(header, by_convention.rows())
        found = f"{len(self.opinion.conventions):,} conventions, {len(self.opinion.findings):,} stretches of disagreement"
        return titled(f"{self.title}: sources", sources, conventions if len(self.conventions) else "", note=found)

    def __repr__(self) -> str:
        return f"{self.title}: sources\n{self.to_polars()!r}\n" + "\n".join(
            str(c) for c in self.opinion.conventions[:MOST_CONVENTIONS]
        )


def sources_of(made: Judgement, title: str) -> Sources:
    """Compare what was judged with its other sources.

    Raises
    ------
    BadInput
        There is none, or it has none of the prices.
    """
    contract, opinion = made.evidence.contract, made.ledger.opinion
    if opinion is None:
        raise BadInput(
            f"dataset {contract.dataset}: there is no other source of its prices to compare with; "
            'name one in its contract, with role = "reference"'
        )
    return Sources(opinion, contract.reference or Reference(), made.ledger.terms.prices, title)
