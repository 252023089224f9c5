"""What decisions about a dataset teach: shown, drawn, and proposed as a change to its contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.figures.learning import precision, tolerances, what_if
from workbench.lab.displays import frame_html
from workbench.lab.documents import plain
from workbench.lab.drawing import require_figure
from workbench.model.checks import Verdict
from workbench.quality.costs import with_tolerance

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from workbench.model.score import Score
    from workbench.review.learning import Lessons

FACTORS: Final = tuple(2 ** (step / 4) for step in range(-8, 9))
"""Multiples of a tolerance, from a quarter to four times."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What decisions teach."""

    lessons: Lessons
    score: Score
    title: str

    def proposals(self) -> list[str]:
        """Return changes to the contract as TOML; nothing changes by itself."""
        return self.lessons.proposals()

    def what_if(self, kind: str, threshold: float) -> str:
        """Say what another threshold would have changed; see :meth:`workbench.review.learning.Lessons.what_if`."""
        return self.lessons.what_if(kind, threshold)

    def tolerances(self) -> pl.DataFrame:
        """Return ``check, factor, tolerance, score``: what the score would be with other tolerances."""
        failing = [check.result for check in self.score.checks if check.result.verdict is Verdict.FAIL]
        rows = [
            (one.name, factor, float(one.tolerance) * factor, with_tolerance(self.score, one.name, float(one.tolerance) * factor))
            for one in failing for factor in FACTORS
        ]  # fmt: skip
        schema = {"check": pl.String, "factor": pl.Float64, "tolerance": pl.Float64, "score": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")

    def figure(self, which: str = "thresholds") -> go.Figure:
        """Draw ``thresholds`` (what others would have shown), ``precision`` by kind, or ``tolerances``."""
        ways = {"thresholds": what_if, "precision": precision, "tolerances": tolerances}
        data = {"thresholds": self.lessons.thresholds, "precision": self.lessons.kinds, "tolerances": self.tolerances()}
        require_figure(which, ways)
        return ways[which](data[which])

    def to_polars(self) -> pl.DataFrame:
        """Return ``kind, judged, confirmed, precision, low, high``."""
        return self.lessons.kinds

    def to_pandas(self) -> pd.DataFrame:
        """Return :meth:`to_polars` as pandas."""
        return self.lessons.kinds.to_pandas()

    def to_json(self) -> dict[str, Any]:
        """Return what was learned as JSON values."""
        told = {"kinds": plain(self.lessons.kinds.to_dicts()), "thresholds": plain(self.lessons.thresholds.to_dicts())}
        return {"schema": "workbench.lessons/1", **told, "proposals": self.proposals()}

    def _repr_html_(self) -> str:
        return frame_html(f"What decisions about {self.title} teach", self.lessons.kinds)

    def __repr__(self) -> str:
        rows = self.lessons.kinds.iter_rows(named=True)
        told = [f"  {row['kind']}: {row['confirmed']} of {row['judged']} confirmed ({row['precision']:.0%})" for row in rows]
        return "\n".join([f"What decisions about {self.title} teach:", *(told or ["  nothing yet"])])
