"""Where parts of one symbol meet: what neither of them could tell alone, measured from the rows kept at their edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.quality.chain import LEAST_STEP, MARGIN, NEARLY, STEP, moves, opening, spikes, steps
from workbench.quality.edges import NO_FIRST, NO_LAST
from workbench.quality.grids import BINS, MOVE_STEP, SQUARE_STEP, on_grid, ratio_bins
from workbench.quality.state import EDGE
from workbench.quality.terms import NEVER, NO_DAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.quality.chain import Spikes
    from workbench.quality.fold import Order
    from workbench.quality.rows import Positions
    from workbench.quality.terms import Terms

SHORT: Final = "short"
"""Distinct bars within regular hours of a session that has another number of them than it should."""

Columns = dict[str, "NDArray[Any]"]


@dataclass(frozen=True, slots=True)
class Seams:
    """What was found, and what remains at the edges of each group.

    Attributes
    ----------
    columns
        The edge columns of each group, as in ``SERIES``.
    returns, moves, squares, repeats
        What the first rows behind seams add to each group.
    spikes, runs, short
        Rows for ``SPIKES``, ``RUNS`` and ``COUNTS``, each with its ``group``.
    """

    columns: Columns
    returns: NDArray[np.int64]
    moves: NDArray[np.int64]
    squares: NDArray[np.int64]
    repeats: NDArray[np.int64]
    spikes: dict[str, Any]
    runs: dict[str, Any]
    short: dict[str, Any]


def seams_of(columns: Columns, order: Order, tables: NDArray[np.int64], terms: Terms) -> Seams:
    """Measure all seams between parts that follow each other.

    Parameters
    ----------
    columns : dict of array
        The series of all parts, as :func:`workbench.quality.state.arrays` gives them.
    order : Order
    tables : array
        The timetable of each group's symbol, -1 where it has none.
    terms : Terms
    """
    linked = order.at[columns["links"][order.at] > 0]
    group = order.group[columns["links"][order.at] > 0]
    kept = _kept_rows(columns, linked, group)
    count = len(order.starts)
    returns, sums, stepped = _returns(kept, count)
    lone = _spikes(kept, terms)
    pending, opens = _opens(columns, linked, group, count, terms)
    repeats, standing, runs = _runs(columns, linked, group, count, terms)
    bars, short = _bars(columns, order, tables, terms)
    found = ((terms.main or "", lone), ("open", opens), (STEP, stepped))
    fields = pl.Series([field for field, rows in found for _ in rows["group"]], dtype=pl.String)
    both = {name: np.concatenate([rows[name] for _, rows in found]) for name in lone}
    edge = {**_edges(kept, count), **_outer(columns, linked, group, count), **standing, **bars, "pending_open": pending}
    return Seams(edge, returns, *sums, repeats, {**both, "field": fields}, runs, short)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The rows that parts kept, in order: those of a group follow each other, with holes inside long parts."""

    price: NDArray[np.float64]
    at: NDArray[np.int64]
    session: NDArray[np.int32]
    group: NDArray[np.int64]
    part: NDArray[np.int64]
    sequence: NDArray[np.int64]
    is_judged: NDArray[np.bool_]


def _kept_rows(columns: Columns, linked: Positions, group: NDArray[np.int64]) -> _Kept:
    """Lay out the kept rows of all parts: the whole of a short part, both ends of a long one."""
    count = columns["links"][linked][:, None]
    slot = np.arange(2 * EDGE)
    index = np.where(slot < EDGE, slot, count - 2 * EDGE + slot)
    there = np.where(slot < EDGE, slot < count, index >= EDGE)
    hole = (slot == EDGE) & (count > 2 * EDGE)
    both = {
        name: np.concatenate([columns[f"head_{name}"][linked], columns[f"tail_{name}"][linked]], axis=1)[there]
        for name in ("price", "at", "session")
    }
    owner = np.broadcast_to(group[:, None], there.shape)[there]
    part = np.broadcast_to(np.arange(len(linked))[:, None], there.shape)[there]
    breaks = hole[there]
    breaks[1:] |= owner[1:] != owner[:-1]
    judged = ((index >= MARGIN) & (index < count - MARGIN))[there]
    return _Kept(both["price"], both["at"], both["session"], owner, part, np.cumsum(breaks), judged)


def _returns(kept: _Kept, count: int) -> tuple[NDArray[np.int64], tuple[NDArray[np.int64], NDArray[np.int64]], dict[str, Any]]:
    """Count the return of each part's first row on the last row of the part before, and find the steps among them."""
    inner = np.ones(len(kept.price), dtype=bool)
    inner[1:] = (kept.part[1:] == kept.part[:-1]) | (kept.group[1:] != kept.group[:-1])
    found, void = moves(kept.price, np.flatnonzero(inner))
    wanted = np.ones(len(found), dtype=bool)
    wanted[void] = False
    stepped = _placed(kept, steps(kept.price, np.flatnonzero(wanted & (np.abs(found) >= LEAST_STEP / (1 + LEAST_STEP) * NEARLY))))
    found, group = found[wanted], kept.group[wanted]
    bins = np.bincount(group * BINS + ratio_bins(np.abs(found)), minlength=count * BINS).reshape(count, BINS)
    clipped = np.clip(found, -1.0, 1.0)
    sums = np.zeros((2, count), dtype=np.int64)
    np.add.at(sums[0], group, on_grid(clipped, MOVE_STEP))
    np.add.at(sums[1], group, on_grid(clipped * clipped, SQUARE_STEP))
    return bins, (sums[0], sums[1]), stepped


def _spikes(kept: _Kept, terms: Terms) -> dict[str, Any]:
    """Judge the rows whose neighbours lie in several parts."""
    return _placed(kept, spikes(kept.price, kept.sequence, np.flatnonzero(~kept.is_judged), terms.spike_floor))


def _placed(kept: _Kept, lone: Spikes) -> dict[str, Any]:
    """Return spikes among kept rows as rows for ``SPIKES``."""
    return {
        "group": kept.group[lone.at], "session": kept.session[lone.at], "at": kept.at[lone.at],
        "value": kept.price[lone.at], "level": lone.level, "move": lone.move,
    }  # fmt: skip


def _opens(
    columns: Columns, linked: Positions, group: NDArray[np.int64], count: int, terms: Terms
) -> tuple[NDArray[np.float64], dict[str, Any]]:
    """Judge opens that waited for the close before them; those of a group's first part go on waiting."""
    opened = columns["pending_open"][linked]
    is_first = np.ones(len(linked), dtype=bool)
    is_first[1:] = group[1:] != group[:-1]
    pending = np.full(count, np.nan)
    pending[group[is_first]] = opened[is_first]
    at = np.flatnonzero(~is_first & ~np.isnan(opened))
    before = columns["tail_price"][linked[at - 1], -1]
    close = columns["head_price"][linked[at], 0]
    away = opening(opened[at], close, before)
    keep = away >= terms.spike_floor
    at, before, away = at[keep], before[keep], away[keep]
    mine = linked[at]
    return pending, {
        "group": group[at], "session": columns["head_session"][mine, 0], "at": columns["head_at"][mine, 0],
        "value": opened[at], "level": before, "move": away,
    }  # fmt: skip


def _edges(kept: _Kept, count: int) -> Columns:
    """Return the first and the last links of each group."""
    ends = np.cumsum(np.bincount(kept.group, minlength=count))
    starts = np.concatenate([[0], ends[:-1]])
    head, tail = starts[:, None] + np.arange(EDGE), ends[:, None] - EDGE + np.arange(EDGE)
    found: Columns = {}
    for name, values in (("price", kept.price), ("at", kept.at), ("session", kept.session)):
        for end, at, there in (("head", head, head < ends[:, None]), ("tail", tail, tail >= starts[:, None])):
            inside = np.clip(at, 0, max(len(values) - 1, 0))
            found[f"{end}_{name}"] = (
                np.where(there, values[inside], values.dtype.type(0)) if len(values) else np.zeros(at.shape, values.dtype)
            )
    return found


def _outer(columns: Columns, linked: Positions, group: NDArray[np.int64], count: int) -> Columns:
    """Return what the outermost bars of each group look like."""
    first, last = _ends(group)
    owner = group[first]
    found: Columns = {
        "first_bar": np.full(count, NO_FIRST), "last_bar": np.full(count, NO_LAST),
        "first_size": np.full(count, np.nan), "last_size": np.full(count, np.nan),
    }  # fmt: skip
    for name, at in (("first_bar", first), ("last_bar", last), ("first_size", first), ("last_size", last)):
        found[name][owner] = columns[name][linked[at]]
    return found


def _ends(group: NDArray[np.int64]) -> tuple[Positions, Positions]:
    """Return where each group begins and ends in an ascending array."""
    change = np.flatnonzero(group[1:] != group[:-1]) + 1
    if not len(group):
        return change, change
    return np.concatenate([[0], change]), np.concatenate([change - 1, [len(group) - 1]])


def _runs(
    columns: Columns, linked: Positions, group: NDArray[np.int64], count: int, terms: Terms
) -> tuple[NDArray[np.int64], Columns, dict[str, Any]]:
    """Join stretches of equal prices across seams.

    Notes
    -----
    A part contributes its head and its tail, or one piece where it stands still from end to end. A
    piece is joined to the one before where the bars on both sides of the seam are the same; the
    first bar behind the seam is then a repeat too.
    """
    part = {name: columns[name][linked] for name in (
        "links", "first_bar", "last_bar", "first_size", "last_size", "head_repeats", "head_trades", "head_end_at",
        "head_end_session", "tail_repeats", "tail_trades", "tail_start_at", "tail_start_session")}  # fmt: skip
    joined = np.zeros(len(linked), dtype=bool)
    joined[1:] = (group[1:] == group[:-1]) & (part["first_bar"][1:] == part["last_bar"][:-1])
    traded = np.zeros(len(linked), dtype=np.int64)
    traded[1:] = joined[1:] & (part["first_size"][1:] > 0) & (part["first_size"][1:] != part["last_size"][:-1])
    whole = part["head_repeats"] == part["links"] - 1
    head_at, head_day = columns["head_at"][linked], columns["head_session"][linked]
    tail_at, tail_day = columns["tail_at"][linked], columns["tail_session"][linked]
    price = columns["head_price"][linked][:, 0], columns["tail_price"][linked][:, -1]
    second = np.minimum(1, part["links"] - 1)
    rows = np.arange(len(linked))
    has_head = (part["head_repeats"] > 0) | joined
    head = {
        "group": group, "part": rows * 2, "repeats": part["head_repeats"] + joined, "trades": part["head_trades"] + traded,
        "start_at": np.where(joined, head_at[:, 0], head_at[rows, second]),
        "start_day": np.where(joined, head_day[:, 0], head_day[rows, second]),
        "end_at": np.where(part["head_repeats"] > 0, part["head_end_at"], head_at[:, 0]),
        "end_day": np.where(part["head_repeats"] > 0, part["head_end_session"], head_day[:, 0]),
        "has_repeats": has_head, "value": price[0], "joined": joined,
    }  # fmt: skip
    tail = {
        "group": group, "part": rows * 2 + 1, "repeats": part["tail_repeats"], "trades": part["tail_trades"],
        "start_at": part["tail_start_at"], "start_day": part["tail_start_session"],
        "end_at": tail_at[:, -1], "end_day": tail_day[:, -1],
        "has_repeats": part["tail_repeats"] > 0, "value": price[1], "joined": np.zeros(len(linked), dtype=bool),
    }  # fmt: skip
    order = np.argsort(np.concatenate([head["part"], tail["part"][~whole]]), kind="stable")
    pieces = {name: np.concatenate([head[name], tail[name][~whole]])[order] for name in head}
    return np.bincount(group[joined], minlength=count), *_joined(pieces, count, terms)


def _joined(pieces: Columns, count: int, terms: Terms) -> tuple[Columns, dict[str, Any]]:
    """Add joined pieces up: what lies inside a group is complete, what touches its ends stays open."""
    edge: Columns = {
        "head_repeats": np.zeros(count, np.int64), "head_trades": np.zeros(count, np.int64),
        "head_end_at": np.full(count, NEVER), "head_end_session": np.full(count, NO_DAY, np.int32),
        "tail_repeats": np.zeros(count, np.int64), "tail_trades": np.zeros(count, np.int64),
        "tail_start_at": np.full(count, NEVER), "tail_start_session": np.full(count, NO_DAY, np.int32),
    }  # fmt: skip
    starts = np.flatnonzero(~pieces["joined"])
    if not len(starts):
        names = ("group", "start_at", "end_at", "first_session", "last_session", "repeats", "trades")
        none: dict[str, Any] = {name: np.zeros(0, np.int64) for name in names} | {"value": np.zeros(0)}
        return edge, none
    run = {name: np.add.reduceat(pieces[name], starts) for name in ("repeats", "trades")}
    owner = pieces["group"][starts]
    first, last = _first_and_last(pieces["has_repeats"], starts)
    run |= {"start_at": pieces["start_at"][first], "start_day": pieces["start_day"][first]}
    run |= {"end_at": pieces["end_at"][last], "end_day": pieces["end_day"][last], "value": pieces["value"][starts]}
    heads, tails = _ends(owner)
    has = heads[run["repeats"][heads] > 0]
    for name, source in (("repeats", "repeats"), ("trades", "trades"), ("end_at", "end_at"), ("end_session", "end_day")):
        edge[f"head_{name}"][owner[has]] = run[source][has]
    has = tails[run["repeats"][tails] > 0]
    for name, source in (("repeats", "repeats"), ("trades", "trades"), ("start_at", "start_at"), ("start_session", "start_day")):
        edge[f"tail_{name}"][owner[has]] = run[source][has]
    inside = np.ones(len(owner), dtype=bool)
    inside[heads] = inside[tails] = False
    kept = np.flatnonzero(inside & (run["repeats"] >= terms.least_repeats))
    return edge, {
        "group": owner[kept], "start_at": run["start_at"][kept], "end_at": run["end_at"][kept],
        "first_session": run["start_day"][kept], "last_session": run["end_day"][kept],
        "repeats": run["repeats"][kept], "trades": run["trades"][kept], "value": run["value"][kept],
    }  # fmt: skip


def _first_and_last(flags: NDArray[np.bool_], starts: Positions) -> tuple[Positions, Positions]:
    """Return the first and the last flagged position of each stretch; its own first where none is flagged."""
    index = np.arange(len(flags))
    ends = np.append(starts[1:], len(flags)) - 1
    first = np.minimum.reduceat(np.where(flags, index, len(flags)), starts)
    last = np.maximum.reduceat(np.where(flags, index, -1), starts)
    none = last < 0
    return np.where(none, starts, first), np.where(none, ends, last)


def _bars(columns: Columns, order: Order, tables: NDArray[np.int64], terms: Terms) -> tuple[Columns, dict[str, Any]]:
    """Add up the bars of a session that several parts share; say which complete sessions are short of bars.

    Notes
    -----
    A group's first and last session may go on in another part, so that they stay open.
    """
    at = order.at[columns["first_session"][order.at] != NO_DAY]
    group = order.group[columns["first_session"][order.at] != NO_DAY]
    session = np.stack([columns["first_session"][at], columns["last_session"][at]], axis=1)
    bars = np.stack([columns["first_bars"][at], columns["last_bars"][at]], axis=1)
    there = np.stack([np.ones(len(at), dtype=bool), session[:, 0] != session[:, 1]], axis=1)
    owner = np.repeat(group, there.sum(axis=1))
    session, bars = session[there], bars[there]
    new = np.ones(len(owner), dtype=bool)
    new[1:] = (owner[1:] != owner[:-1]) | (session[1:] != session[:-1])
    starts = np.flatnonzero(new)
    owner, session = owner[starts], session[starts]
    bars = np.add.reduceat(bars, starts) if len(starts) else bars
    first, last = _ends(owner)
    count = len(order.starts)
    edge: Columns = {
        "first_session": np.full(count, NO_DAY, np.int32), "last_session": np.full(count, NO_DAY, np.int32),
        "first_bars": np.zeros(count, np.int64), "last_bars": np.zeros(count, np.int64),
    }  # fmt: skip
    for end, cell in (("first", first), ("last", last)):
        edge[f"{end}_session"][owner[first]] = session[cell]
        edge[f"{end}_bars"][owner[first]] = bars[cell]
    inner = np.ones(len(owner), dtype=bool)
    inner[first] = inner[last] = False
    return edge, _short(owner[inner], session[inner], bars[inner], tables, terms)


def _short(
    owner: NDArray[np.int64], session: NDArray[np.int32], bars: NDArray[np.int64], tables: NDArray[np.int64], terms: Terms
) -> dict[str, Any]:
    """Return the sessions that hold another number of bars than their timetable says."""
    keep = np.zeros(len(owner), dtype=bool)
    for number, table in enumerate(terms.timetables):
        mine = np.flatnonzero(tables[owner] == number)
        seat = table.find(session[mine])
        keep[mine] = (seat >= 0) & (bars[mine] != table.bars[seat])
    at = np.flatnonzero(keep)
    words = {name: pl.Series([text]).new_from_index(0, len(at)) for name, text in (("what", SHORT), ("field", ""))}
    return {"group": owner[at], "session": session[at], "count": bars[at], **words}
