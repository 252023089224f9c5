"""One pass over any number of rows: chunks measured on all cores, folded as they come, memory flat."""

from __future__ import annotations

import ctypes
import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Final

from workbench.model.names import EVENT_AT, SYMBOL
from workbench.quality.fold import Overlap, fold
from workbench.quality.measure import measure
from workbench.quality.rows import in_order
from workbench.quality.state import State, beside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import polars as pl

    from workbench.quality.terms import Terms

    Chunk = Callable[[], pl.DataFrame]

CHUNK_ROWS: Final = 262_144
"""Rows measured at once: their columns fit a processor's cache, and the cost of a call is spread over many."""
PARTS_AT_ONCE: Final = 65_536
"""Parts folded at once: few enough to stay small, many enough to be worth a call."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
WORKERS: Final = min(os.cpu_count() or 1, 8)


def measured(frame: pl.DataFrame, terms: Terms, *, by_leaf: bool = False) -> State:
    """Measure rows that are at hand.

    Parameters
    ----------
    frame : DataFrame
        Standard rows, in any order; quickest when sorted by symbol, then time.
    terms : Terms
    by_leaf : bool
        Keep leaves apart.
    """
    if len(frame) <= CHUNK_ROWS:
        return fold(measure(frame, terms), terms, by_leaf=by_leaf)
    try:
        return measured_chunks(_slices(frame), terms, by_leaf=by_leaf)
    except Overlap:
        return measured_chunks(_slices(in_order(frame, terms)), terms, by_leaf=by_leaf)


def measured_chunks(
    chunks: Iterable[Chunk], terms: Terms, *, by_leaf: bool = False, also: Callable[[pl.DataFrame, State], None] | None = None
) -> State:
    """Measure chunks that are read when they are needed, a few at a time.

    Parameters
    ----------
    chunks : iterable of callable
        Each returns standard rows. The rows of one symbol in one chunk lie before or behind those in any other.
    terms : Terms
    by_leaf : bool
        Keep leaves apart.
    also : callable, optional
        Is given the rows of each chunk, and its state, of which nothing is merged yet.

    Raises
    ------
    Overlap
        Two chunks hold rows of one symbol that overlap in time: measure them together.
    """
    keep_freed_memory()

    def measured_pieces(frame: pl.DataFrame) -> State:
        state = beside([measure(piece(), terms) for piece in _slices(frame)])
        if also is not None:
            also(frame, state)
        return state

    return _folded(map(measured_pieces, _read_ahead(chunks)), terms, by_leaf=by_leaf)


def _read_ahead(chunks: Iterable[Chunk]) -> Iterator[pl.DataFrame]:
    """Read chunks in order, a few ahead of the one that is asked for.

    Notes
    -----
    Reading goes on in threads of its own while a chunk is measured. Measuring in several threads was
    tried: many short calls that hold the interpreter's lock made two threads no quicker than one.
    """
    waiting = iter(chunks)
    with ThreadPoolExecutor(WORKERS) as pool:
        ahead = deque(pool.submit(chunk) for chunk in islice(waiting, WORKERS))
        while ahead:
            frame = ahead.popleft().result()
            ahead.extend(pool.submit(chunk) for chunk in islice(waiting, 1))
            yield frame


def fold_all(states: Sequence[State], terms: Terms) -> State:
    """Merge many states, such as those of leaves side by side, on all cores and some at a time.

    Parameters
    ----------
    states : sequence of State
        Each of one leaf or more.
    terms : Terms

    Raises
    ------
    Overlap
        Two parts of one symbol overlap in time.
    """
    keep_freed_memory()
    with ThreadPoolExecutor(WORKERS) as pool:
        return _folded(pool.map(lambda state: fold(state, terms), states) if len(states) > 1 else states, terms)


def _folded(states: Iterable[State], terms: Terms, *, by_leaf: bool = False) -> State:
    """Fold states as they come, so that few of them lie in memory beside each other."""
    waiting: list[State] = []
    for state in states:
        waiting.append(state)
        if sum(len(w.series) for w in waiting) > PARTS_AT_ONCE and len(waiting) > 1:
            waiting = [fold(beside(waiting), terms, by_leaf=by_leaf)]
    return fold(beside(waiting), terms, by_leaf=by_leaf)


def _slices(frame: pl.DataFrame) -> Iterator[Chunk]:
    """Cut a sorted frame; never between two rows of one symbol and time."""
    bounds = sorted({_clear_of_ties(frame, bound) for bound in range(0, len(frame), CHUNK_ROWS)})
    for low, high in pairwise([*bounds, len(frame)]):
        yield lambda low=low, high=high: frame[low:high]  # type: ignore[misc]


def _clear_of_ties(frame: pl.DataFrame, bound: int) -> int:
    """Move a cut forward to where symbol or time changes."""
    while 0 < bound < len(frame):
        pair = frame[bound - 1 : bound + 1].select(SYMBOL, EVENT_AT)
        if pair.row(0) != pair.row(1):
            break
        bound += 1
    return bound


@cache
def keep_freed_memory() -> None:
    """Let the C library keep the memory of arrays that are done with, instead of handing it back each time.

    Notes
    -----
    A chunk's arrays are of a megabyte each; by default glibc returns them to the system at once, and the
    page faults of the next ones take four times as long as the arithmetic (4.0 against 1.0 ms for the sums
    of a chunk, 2026-11-24). Elsewhere this does nothing.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, or another system
        return
    mallopt(_M_TRIM_THRESHOLD, 256 << 20)
    mallopt(_M_MMAP_THRESHOLD, 32 << 20)
