"""What a state keeps of a symbol's outermost rows, so that two states can be measured where they meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.quality.state import EDGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.links import Links
    from workbench.quality.rows import Positions
    from workbench.quality.terms import Terms

_PRIME = np.uint64(0x9E3779B97F4A7C15)
NO_FIRST, NO_LAST = np.uint64(0), np.uint64(1)
"""Fingerprints of a bar that lacks a price, at either end: never equal to any other."""


def edge_columns(links: Links, terms: Terms) -> dict[str, Any]:
    """Return the edge columns of each part: its first and last links, and what they look like."""
    starts, ends, counts = links.starts, links.ends, links.counts
    head = starts[:, None] + np.arange(EDGE)
    tail = ends[:, None] - EDGE + np.arange(EDGE)
    in_head, in_tail = head < ends[:, None], tail >= starts[:, None]
    some = counts > 0
    first, last = np.where(some, starts, 0), np.where(some, ends - 1, 0)
    size = links.values[terms.sizes[0]] if terms.sizes else None
    return {
        "head_price": _taken(links.price, head, in_head), "tail_price": _taken(links.price, tail, in_tail),
        "head_at": _taken(links.at, head, in_head), "tail_at": _taken(links.at, tail, in_tail),
        "head_session": _taken(links.session, head, in_head), "tail_session": _taken(links.session, tail, in_tail),
        "first_bar": np.where(some, _fingerprints(links, first, terms, NO_FIRST), NO_FIRST),
        "last_bar": np.where(some, _fingerprints(links, last, terms, NO_LAST), NO_LAST),
        "first_size": _sizes(size, first, some), "last_size": _sizes(size, last, some),
    }  # fmt: skip


def _taken(values: NDArray[Any], at: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[Any]:
    """Return values at some positions, zero where there are none."""
    if not len(values):
        return np.zeros(at.shape, dtype=values.dtype)
    return np.where(there, values[np.clip(at, 0, len(values) - 1)], values.dtype.type(0))


def _sizes(size: NDArray[np.float64] | None, at: Positions, some: NDArray[np.bool_]) -> NDArray[np.float64]:
    if size is None or not len(size):
        return np.full(len(at), np.nan)
    return np.where(some, size[at], np.nan)


def _fingerprints(links: Links, at: Positions, terms: Terms, lacking: np.uint64) -> NDArray[np.uint64]:
    """Return 64 bits that tell whether two bars have the same prices."""
    mixed = np.full(len(at), _PRIME, dtype=np.uint64)
    if not len(links.price):
        return mixed
    lacks = np.zeros(len(at), dtype=bool)
    for name in terms.prices:
        price = links.values[name][at] + 0.0  # minus zero becomes zero
        lacks |= np.isnan(price)
        mixed = (mixed ^ price.view(np.uint64)) * _PRIME
        mixed ^= mixed >> np.uint64(29)
    return np.where(lacks, lacking, mixed)
