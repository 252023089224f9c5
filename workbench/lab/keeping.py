"""Rows kept while they are measured, because findings will most likely ask for them: no file is read twice for those."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.names import SESSION, SYMBOL
from workbench.quality.doubt import doubtful
from workbench.quality.looking import CELL

if TYPE_CHECKING:
    from workbench.quality.rows import Positions
    from workbench.quality.state import State
    from workbench.quality.terms import Terms

MOST_KEPT: Final = 1_000_000
"""Rows kept at most, about; what is doubtful beyond them is read again."""


@dataclass(slots=True)
class Kept:
    """Rows of doubtful sessions, chunk by chunk.

    Attributes
    ----------
    cells
        Of each chunk, ``symbol, session, is_kept``: all that it has rows of. A session may lie in several chunks.
    rows
        Of each chunk, those that were kept, ``symbol`` as String.
    """

    terms: Terms
    cells: list[pl.DataFrame] = field(default_factory=list)
    rows: list[pl.DataFrame] = field(default_factory=list)

    def keep(self, chunk: pl.DataFrame, state: State) -> None:
        """Keep what a chunk's own state casts doubt on.

        Parameters
        ----------
        chunk : DataFrame
            Standard rows.
        state : State
            Of the chunk, its parts not merged.
        """
        if chunk.is_empty():
            return
        has_room = sum(map(len, self.rows)) < MOST_KEPT
        starts = _starts(chunk, state) if has_room else None
        doubted = np.zeros(len(state.series), dtype=bool) if starts is None else doubtful(state, self.terms)
        self.cells.append(state.series.select(SYMBOL, pl.col("leaf").alias(SESSION), pl.Series("is_kept", doubted)))
        if starts is not None and doubted.any():
            bounds = zip(starts[:-1][doubted], starts[1:][doubted], strict=True)
            places = np.concatenate([np.arange(first, end) for first, end in bounds])
            self.rows.append(chunk[places].with_columns(pl.col(SYMBOL).cast(pl.String)))

    def of(self, asked: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return the rows of those of some sessions that were kept whole, and the sessions that must be read again.

        Parameters
        ----------
        asked : DataFrame
            ``symbol``, or ``symbol, session``.
        """
        if not self.rows or asked.columns != list(CELL):
            return pl.DataFrame(), asked
        held = pl.concat(self.cells).group_by(*CELL).agg(pl.col("is_kept").all())
        there = asked.join(held, on=list(CELL), how="inner", nulls_equal=True, maintain_order="left")
        whole, rest = there.filter("is_kept"), there.filter(~pl.col("is_kept"))
        kept = pl.concat(self.rows, how="diagonal_relaxed")
        rows = kept.join(whole, on=list(CELL), how="semi", nulls_equal=True, maintain_order="left")
        return rows, rest.select(CELL.keys())


def _starts(chunk: pl.DataFrame, state: State) -> Positions | None:
    """Return where the rows of each part of a state begin and, last, where all end; None where they are not in that order."""
    columns = [chunk[SYMBOL].cast(pl.Categorical).to_physical().to_numpy(), chunk[SESSION].to_physical().to_numpy()]
    is_new = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    starts = np.append(0, np.flatnonzero(is_new) + 1)
    heads = chunk.select(pl.col(SYMBOL).gather(starts).cast(pl.String), pl.col(SESSION).gather(starts).alias("leaf"))
    return np.append(starts, len(chunk)) if heads.equals(state.series.select(SYMBOL, "leaf")) else None
