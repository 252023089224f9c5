"""What stands out within a part: lone prices, and prices that stand still. Where two parts meet, see ``seams.py``."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from workbench.model.names import Kind
from workbench.quality.chain import LEAST_STEP, NEARLY, STEP, Spikes, opening, spikes, steps, wicks
from workbench.quality.state import RUNS, SPIKES, frame_of
from workbench.quality.terms import NEVER, NO_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.links import Links
    from workbench.quality.parts import Parts
    from workbench.quality.rows import Positions, Rows
    from workbench.quality.terms import Terms


def lone_prices(
    rows: Rows, links: Links, parts: Parts, names: pl.Series, terms: Terms
) -> tuple[pl.DataFrame, NDArray[np.float64]]:
    """Find prices that leave their neighbours, or their own bar, and come back.

    Parameters
    ----------
    rows : Rows
    links : Links
    parts : Parts
    names : Series of String, shape (number of parts,)
    terms : Terms

    Returns
    -------
    DataFrame
        As ``SPIKES``.
    array, shape (number of parts,)
        The open of each part's first link where only the close before it can tell; else NaN.
    """
    pending = np.full(len(parts), np.nan)
    if terms.main is None or not len(links.price):
        return pl.DataFrame(schema=SPIKES), pending
    floor, price = terms.spike_floor, links.price
    found = [(terms.main, price, spikes(price, links.part, _jumps(links, floor), floor))]
    found.append((STEP, price, steps(price, np.flatnonzero(links.distance >= LEAST_STEP / (1 + LEAST_STEP) * NEARLY))))
    if terms.kind is Kind.BARS and len(terms.prices) > 1:
        top, bottom = rows.body if links.rows is None else (side[links.rows] for side in rows.body)
        beyond = (("high", top, True), ("high", bottom, False), ("low", bottom, False), ("low", top, True))
        for name, body, above in beyond:
            if name in terms.prices:
                found.append((name, links.values[name], wicks(links.values[name], body, floor, above=above)))
        if "open" in terms.prices and terms.main != "open":
            far = np.flatnonzero(bottom * (1 + floor) < top)
            firsts = np.isin(far, links.firsts)
            pending[links.part[far[firsts]]] = links.values["open"][far[firsts]]
            found.append(("open", links.values["open"], _lone_opens(links, far[~firsts], floor)))
    return _spike_frame(links, parts, names, found), pending


def _jumps(links: Links, floor: float) -> Positions:
    """Return links that move far from the one before and far to the one behind: few, and cheap to tell."""
    far = np.flatnonzero(links.distance >= floor / (1 + floor) * NEARLY)
    found: Positions = far[:-1][np.diff(far) == 1]
    return found


def _lone_opens(links: Links, at: Positions, floor: float) -> Spikes:
    away = opening(links.values["open"][at], links.price[at], links.price[at - 1])
    keep = away >= floor
    return Spikes(at[keep], links.price[at[keep] - 1], away[keep])


def _spike_frame(
    links: Links, parts: Parts, names: pl.Series, found: list[tuple[str, NDArray[np.float64], Spikes]]
) -> pl.DataFrame:
    at = np.concatenate([lone.at for _, _, lone in found])
    if not len(at):
        return pl.DataFrame(schema=SPIKES)
    part = links.part[at]
    field = np.repeat(np.arange(len(found)), [len(lone.at) for _, _, lone in found])
    columns = {
        "leaf": parts.leaf[part], "symbol": names.gather(part), "session": links.session[at], "at": links.at[at],
        "field": pl.Series([name for name, _, _ in found], dtype=pl.String).gather(field),
        "value": np.concatenate([values[lone.at] for _, values, lone in found]),
        "level": np.concatenate([lone.level for _, _, lone in found]),
        "move": np.concatenate([lone.move for _, _, lone in found]),
    }  # fmt: skip
    return frame_of(columns, SPIKES)


def standing_prices(links: Links, parts: Parts, names: pl.Series, terms: Terms) -> tuple[pl.DataFrame, dict[str, Any]]:
    """Find stretches in which all prices repeat.

    Returns
    -------
    DataFrame
        As ``RUNS``: those that begin and end within a part and are long enough to be kept.
    dict
        The columns of the parts that say how far the outermost prices repeat inward.
    """
    repeats = _repeats(links, terms)
    first = np.ones(len(repeats), dtype=bool)
    first[1:] = np.diff(repeats) != 1
    begins = np.flatnonzero(first)
    start, length = repeats[begins], np.diff(begins, append=len(repeats))
    end = start + length - 1
    trades = np.add.reduceat(_trades(links, repeats, terms), begins) if len(begins) else length
    part = links.part[start]
    is_head, is_tail = start == links.starts[part] + 1, end == links.ends[part] - 1
    kept = np.flatnonzero(~is_head & ~is_tail & (length >= terms.least_repeats))
    owner = part[kept]
    runs = {
        "leaf": parts.leaf[owner], "symbol": names.gather(owner),
        "start_at": links.at[start[kept]], "end_at": links.at[end[kept]],
        "first_session": links.session[start[kept]], "last_session": links.session[end[kept]], "repeats": length[kept],
        "trades": trades[kept], "value": links.price[start[kept]],
    }  # fmt: skip
    head, tail = np.flatnonzero(is_head), np.flatnonzero(is_tail)
    count = len(parts)
    return frame_of(runs, RUNS) if len(kept) else pl.DataFrame(schema=RUNS), {
        "repeats": np.bincount(links.part[repeats], minlength=count),
        "head_repeats": _by_part(count, part[head], length[head], 0), "head_trades": _by_part(count, part[head], trades[head], 0),
        "head_end_at": _by_part(count, part[head], links.at[end[head]], NEVER),
        "head_end_session": _by_part(count, part[head], links.session[end[head]], NO_DAY),
        "tail_repeats": _by_part(count, part[tail], length[tail], 0), "tail_trades": _by_part(count, part[tail], trades[tail], 0),
        "tail_start_at": _by_part(count, part[tail], links.at[start[tail]], NEVER),
        "tail_start_session": _by_part(count, part[tail], links.session[start[tail]], NO_DAY),
    }  # fmt: skip


def _repeats(links: Links, terms: Terms) -> Positions:
    """Return links whose prices all equal those of the link before in the same part."""
    price = links.price
    same = np.flatnonzero(price[1:] == price[:-1]) + 1
    others = [links.values[name] for name in terms.prices if name != terms.main]
    keep = reduce(
        np.logical_and, [values[same] == values[same - 1] for values in others], links.part[same] == links.part[same - 1]
    )
    found: Positions = same[keep]
    return found


def _trades(links: Links, at: Positions, terms: Terms) -> NDArray[np.int64]:
    """Return 1 for links with a volume of their own, not carried over from the link before."""
    if not terms.sizes:
        return np.zeros(len(at), dtype=np.int64)
    size = links.values[terms.sizes[0]]
    traded: NDArray[np.int64] = ((size[at] > 0) & (size[at] != size[at - 1])).astype(np.int64)
    return traded


def _by_part(count: int, part: NDArray[np.int32], values: NDArray[Any], otherwise: int) -> NDArray[Any]:
    """Put values at their parts."""
    found = np.full(count, otherwise, dtype=values.dtype)
    found[part] = values
    return found
