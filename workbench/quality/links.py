"""Which rows can be neighbours, as one chain for each part: trusted, timed, with a price that is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.quality.chain import moves
from workbench.quality.terms import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.parts import Parts
    from workbench.quality.rows import Positions, Rows
    from workbench.quality.terms import Terms


@dataclass(frozen=True, slots=True)
class Links:
    """The chain of each part.

    Attributes
    ----------
    values
        Price and size columns of the links alone.
    price
        The main price of each link.
    counts
        How many links each part has; ``starts`` and ``ends`` bound them.
    part
        The part of each link.
    move, distance
        The simple return of each link on the one before in its part, and its absolute value; zero at
        the positions in ``void``, which have none.
    rows
        The position of each link among the chunk's rows; None where every row is one.
    """

    values: dict[str, NDArray[np.float64]]
    price: NDArray[np.float64]
    at: NDArray[np.int64]
    session: NDArray[np.int32]
    counts: Positions
    part: NDArray[np.int32]
    move: NDArray[np.float64]
    distance: NDArray[np.float64]
    void: Positions
    rows: Positions | None

    @property
    def ends(self) -> Positions:
        """Positions behind the last link of each part."""
        return np.cumsum(self.counts)

    @property
    def starts(self) -> Positions:
        """Positions of the first link of each part; where it has none, of the next part's."""
        return self.ends - self.counts

    @property
    def firsts(self) -> Positions:
        """Positions of the first links of those parts that have any."""
        return self.starts[self.counts > 0]


def links_of(rows: Rows, parts: Parts, terms: Terms) -> Links:
    """Pick the rows that can be neighbours."""
    wanted = (*terms.prices, *terms.sizes[:1])
    everything = _all_are_links(rows, terms)
    at: Any = slice(None) if everything else np.flatnonzero(_is_link(rows, terms))
    bounds = np.append(parts.starts, parts.size)
    counts = np.diff(bounds) if everything else np.diff(np.searchsorted(at, bounds))
    values = {name: rows.values[name][at] for name in wanted}
    price = values[terms.main] if terms.main else np.zeros(0)
    starts = (np.cumsum(counts) - counts)[counts > 0]
    move, void = moves(price, starts)
    return Links(
        values=values,
        price=price,
        at=rows.at[at],
        session=rows.session[at],
        counts=counts,
        part=np.repeat(np.arange(len(parts), dtype=np.int32), counts),
        move=move,
        distance=np.abs(move),
        void=void,
        rows=None if everything else at,
    )


def _all_are_links(rows: Rows, terms: Terms) -> bool:
    """Whether nothing need be left out: the usual case, told by two reductions."""
    if terms.main is None or not len(rows) or len(rows.untrusted) or None in rows.symbols:
        return False
    price = rows.values[terms.main]
    is_price = (terms.allow_non_positive or price.min() > 0) and terms.main not in rows.has_nulls
    return bool(is_price and np.isfinite(price.max()) and np.isfinite(price.min()) and rows.at.min() != NEVER)


def _is_link(rows: Rows, terms: Terms) -> NDArray[np.bool_]:
    if terms.main is None:
        return np.zeros(len(rows), dtype=bool)
    price = rows.values[terms.main]
    good: NDArray[np.bool_] = np.isfinite(price) & (rows.at != NEVER)
    if not terms.allow_non_positive:
        good &= price > 0
    good[rows.untrusted] = False
    good[rows.nameless] = False
    return good


def outermost(positions: Positions | None, starts: Positions, ends: Positions) -> tuple[Positions, Positions, Positions]:
    """Return the first and the last of some positions within each part, and how many lie in it.

    Parameters
    ----------
    positions : array or None
        Ascending; None for every row.

    Returns
    -------
    tuple of array
        The first two are only meaningful where the third is not zero.
    """
    if positions is None:
        return starts, ends - 1, ends - starts
    low, high = np.searchsorted(positions, starts), np.searchsorted(positions, ends)
    if not len(positions):
        return starts, starts, np.zeros(len(starts), dtype=np.int64)
    last = len(positions) - 1
    return positions[np.minimum(low, last)], positions[np.maximum(high - 1, 0)], high - low
