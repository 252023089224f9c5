"""``wb.compare``: what moved a score, with the parts adding up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from workbench.figures.change import change
from workbench.model.html import table, titled
from workbench.model.score import Score
from workbench.quality.attribution import By, Comparison
from workbench.quality.attribution import compare as compare_scores

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go


@dataclass(frozen=True, slots=True)
class Compared:
    """Two scores, and what moved one to the other; exact in :attr:`comparison`, Float64 in frames."""

    comparison: Comparison

    def to_polars(self) -> pl.DataFrame:
        """Return ``dimension, check, errors, rest, points``: a row for each check that moved the score, most first."""
        rows = [
            (m.dimension, m.check, float(m.errors), float(m.rest), float(m.errors + m.rest))
            for m in sorted(self.comparison.moved, key=lambda m: -abs(m.errors + m.rest))
            if m.errors or m.rest
        ]
        names = {"dimension": pl.String, "check": pl.String, "errors": pl.Float64, "rest": pl.Float64, "points": pl.Float64}
        return pl.DataFrame(rows, schema=names, orient="row")

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.to_polars().to_pandas()

    def by(self, key: By) -> pl.DataFrame:
        """Return ``check | symbol | session, points``: what more or fewer failures did."""
        shares = self.comparison.by(key)
        return pl.DataFrame({key: list(shares), "points": [float(points) for points in shares.values()]}, strict=False)

    def to_json(self) -> dict[str, Any]:
        """Return the two scores and what moved them as JSON values."""
        made = self.comparison
        return {
            "before": float(made.before.value),
            "after": float(made.after.value),
            "change": float(made.change),
            "checks": self.to_polars().to_dicts(),
            "symbols": {str(key): float(points) for key, points in list(made.by("symbol").items())[:20] if key},
            "sessions": {str(key): float(points) for key, points in list(made.by("session").items())[:20] if key},
        }

    def figure(self) -> go.Figure:
        """Draw the way from the earlier score to the later one."""
        return change(self.comparison)

    def _repr_html_(self) -> str:
        rows = [(row["check"], row["errors"], row["rest"]) for row in self.to_polars().iter_rows(named=True)]
        return titled(repr(self), table(("check", "errors", "weights, coverage, rows"), rows))

    def __repr__(self) -> str:
        made = self.comparison
        return f"{float(made.before):.2f} to {float(made.after):.2f}: {float(made.change):+.2f} points"


def compare(before: Any, after: Any) -> Compared:
    """Explain how a score came to differ from another.

    Parameters
    ----------
    before, after
        A score, or anything that has one: what ``wb.check`` or ``dataset.score`` return.
    """
    then, now = (made if isinstance(made, Score) else made.score for made in (before, after))
    return Compared(compare_scores(then, now))
