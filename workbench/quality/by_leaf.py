"""Findings by leaf: what local detectors say of a month of daily rows depends on them and on a margin, and is remembered.

A new day changes the leaves within that margin; all others stand. What only a symbol's whole past can settle is not said
here: the symbol is named as an open question, and asked about as a whole (``findings.py``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import polars as pl

from workbench.model.names import SYMBOL
from workbench.quality.accuracy import has_relative_scale
from workbench.quality.detectors.crowd import MEDIANS, Crowd, crowd_of, votes_of
from workbench.quality.detectors.panel import MARGIN
from workbench.quality.examination import faults_of, made_up_days, told_of, tracks_in
from workbench.quality.ledger import FAULTS
from workbench.quality.looking import ROWS_AT_ONCE, groups_of_symbols
from workbench.quality.rows import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from workbench.model.findings import Explained, Finding
    from workbench.quality.detectors.suspicion import Suspicion
    from workbench.quality.detectors.track import Track
    from workbench.quality.examination import Fault, Told
    from workbench.quality.ledger import Ledger

MONTHS: Final = 14
"""Months before and behind a leaf that hold ``MARGIN`` sessions, on every exchange there is."""
_EPOCH: Final = date(1970, 1, 1)
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class LeafFound:
    """What local detectors say of one leaf.

    Attributes
    ----------
    findings, explained
        Those that begin in it.
    faults
        As ``FAULTS``, of its sessions.
    open_symbols
        About which only their whole past can tell: nothing that is said of them here counts.
    crowd
        As ``MEDIANS``: what all symbols did at its moments.
    """

    findings: tuple[Finding, ...] = ()
    explained: tuple[Explained, ...] = ()
    faults: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=FAULTS))
    open_symbols: tuple[str, ...] = ()
    crowd: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=MEDIANS))


class LeafMemory(Protocol):
    """Where what was found in leaves is kept, under what they and their margins hold."""

    @property
    def leaves(self) -> tuple[date, ...]:
        """The first days of all months that hold rows, ascending."""
        ...

    def load(self, circumstances: Mapping[date, str]) -> dict[date, LeafFound]:
        """Return what was found in leaves before; without those that, or whose margin or circumstances, are others now."""
        ...

    def save(self, leaf: date, circumstances: str, found: LeafFound) -> None:
        """Remember what was found."""
        ...


@dataclass(frozen=True, slots=True)
class FoundLocally:
    """What local detectors say of all leaves.

    Attributes
    ----------
    open_symbols
        Symbols to be asked about as a whole; nothing else is said of them.
    crowd
        What all symbols did, at all moments.
    failure
        Why detectors could not be heard to the end.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Explained, ...]
    faults: pl.DataFrame
    open_symbols: frozenset[str]
    crowd: Crowd
    failure: str = ""


def found_by_leaf(ledger: Ledger, look: Callable[[pl.DataFrame], pl.DataFrame], memory: LeafMemory) -> FoundLocally:
    """Say what local detectors find, and look only at leaves of which that is not known.

    Parameters
    ----------
    ledger : Ledger
        Over daily data.
    look : callable
        ``leaf``, or ``leaf, symbol``, to all rows that arrived of them, in any order.
    memory : LeafMemory
    """
    made_up = {(symbol, day) for symbol, days in made_up_days(ledger).items() for day in days}
    circumstances = {leaf: _circumstances(ledger, made_up, leaf) for leaf in memory.leaves}
    known = memory.load(circumstances)
    failure = ""
    for some in _neighbours([leaf for leaf in memory.leaves if leaf not in known]):
        new, failure = _judged(ledger, look, some, memory.leaves)
        known |= new
        if failure:
            break
        for leaf, part in new.items():
            memory.save(leaf, circumstances[leaf], part)
    return _put_together([known[leaf] for leaf in memory.leaves if leaf in known], failure)


def month_from(leaf: date, months: int) -> date:
    """Return the first day of the month that lies so many months behind a leaf; before it, where they are negative.

    Examples
    --------
    >>> month_from(date(2024, 1, 1), -14)
    datetime.date(2022, 11, 1)
    """
    year, month = divmod(leaf.year * 12 + leaf.month - 1 + months, 12)
    return date(year, month + 1, 1)


def _circumstances(ledger: Ledger, made_up: Iterable[tuple[str, int]], leaf: date) -> str:
    """Name what the findings of a leaf depend on beside rows and events."""
    first, behind = (_number(month_from(leaf, months)) for months in (-MONTHS, MONTHS + 1))
    near = sorted((symbol, day) for symbol, day in made_up if first <= day < behind)
    terms = ledger.terms
    return repr((terms.kind.value, terms.frequency, terms.fields, terms.allow_non_positive, has_relative_scale(ledger), near))


def _neighbours(leaves: Sequence[date]) -> Iterator[list[date]]:
    """Gather leaves whose margins meet: they are judged from the same rows."""
    some: list[date] = []
    for leaf in leaves:
        if some and leaf > month_from(some[-1], 2 * MONTHS):
            yield some
            some = []
        some.append(leaf)
    if some:
        yield some


def _judged(
    ledger: Ledger, look: Callable[[pl.DataFrame], pl.DataFrame], wanted: Sequence[date], leaves: Sequence[date]
) -> tuple[dict[date, LeafFound], str]:
    """Judge some leaves by their rows and those of the months around them."""
    window = Window(month_from(wanted[0], -MONTHS), month_from(wanted[-1], MONTHS + 1), tuple(wanted), tuple(leaves))
    near = pl.DataFrame({"leaf": [leaf for leaf in leaves if window.first <= leaf < window.behind]})
    groups = groups_of_symbols(ledger, at_once=ROWS_AT_ONCE * len(leaves) / len(near))
    cells = [near] if len(groups) == 1 else [near.join(symbols, how="cross") for symbols in groups]

    def tracks_of(some: pl.DataFrame) -> list[Track]:
        return tracks_in(ledger, in_order(look(some), ledger.terms))

    first = tracks_of(cells[0])
    others = (track for some in cells[1:] for track in tracks_of(some))
    crowd = crowd_of(votes_of(track) for track in chain(first, others))
    pile = Pile(ledger, window)
    failure = ""
    for number, some in enumerate(cells):
        told, failure = told_of(ledger, tracks_of(some) if number else first, crowd, whole=False)
        pile.add(told)
        if failure:
            break
    return pile.leaves(crowd.to_frame()), failure


@dataclass(frozen=True, slots=True)
class Window:
    """The months whose rows are looked at, from ``first`` up to and without ``behind``, those to be judged, and all there are."""

    first: date
    behind: date
    wanted: tuple[date, ...]
    leaves: tuple[date, ...]

    def moments(self, leaf: date) -> pl.Expr:
        """Return whether ``at`` belongs to a leaf: stamps lie up to a day beside their session."""
        place = self.leaves.index(leaf)
        begins = pl.lit(value=True) if place == 0 else pl.col("at") >= _number(leaf) * _DAY_US
        is_last = place + 1 == len(self.leaves)
        return begins if is_last else begins & (pl.col("at") < _number(self.leaves[place + 1]) * _DAY_US)


class Pile:
    """What was told of tracks that a window cuts, sorted by the leaves that were wanted."""

    def __init__(self, ledger: Ledger, window: Window) -> None:
        self._window = window
        lives = ledger.state.series.drop_nulls([SYMBOL, "first_session"]).select(SYMBOL, "first_session", "last_session")
        self._lives = {symbol: (first, last) for symbol, first, last in lives.iter_rows()}
        self._findings: dict[date, list[Finding]] = defaultdict(list)
        self._explained: dict[date, list[Explained]] = defaultdict(list)
        self._faults: dict[date, list[Fault]] = defaultdict(list)
        self._open: dict[date, set[str]] = defaultdict(set)

    def add(self, told: Iterable[Told]) -> None:
        """Sort what was told."""
        for one in told:
            for finding in one.findings:
                self._findings[_leaf(finding.start)].append(finding)
            for odd in one.explained:
                self._explained[_leaf(odd.start)].append(odd)
            for fault in one.faults:
                self._faults[_leaf(_EPOCH + timedelta(days=fault[3]))].append(fault)
            for leaf in self._open_leaves(one):
                self._open[leaf].add(one.heard.track.symbol)

    def _open_leaves(self, told: Told) -> set[date]:
        """Return the leaves in which a symbol's rows ask for its whole past, or for more rows than the window has."""
        track = told.heard.track
        first, last = self._lives.get(track.symbol, (self._window.first, self._window.first))
        rows = Cut(track, is_cut_before=first < self._window.first, is_cut_behind=last >= self._window.behind)
        starts = np.searchsorted(track.session, [_number(leaf) for leaf in self._window.wanted])
        stops = np.searchsorted(track.session, [_number(month_from(leaf, 1)) for leaf in self._window.wanted])
        asks = np.zeros(len(track) + 1, dtype=np.int64)
        asks[1:][told.heard.open_at] = 1
        before = np.cumsum(asks)
        return {
            leaf
            for leaf, start, stop in zip(self._window.wanted, starts.tolist(), stops.tolist(), strict=True)
            if start < stop and (before[stop] > before[start] or rows.lacks(start, stop, told.heard.suspicions))
        }

    def leaves(self, crowd: pl.DataFrame) -> dict[date, LeafFound]:
        """Return what belongs to each leaf."""
        return {leaf: self._of(leaf, crowd) for leaf in self._window.wanted}

    def _of(self, leaf: date, crowd: pl.DataFrame) -> LeafFound:
        return LeafFound(
            tuple(self._findings[leaf]),
            tuple(self._explained[leaf]),
            faults_of(self._faults[leaf]),
            tuple(sorted(self._open[leaf])),
            crowd.filter(self._window.moments(leaf)),
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """A symbol's rows in a window, and at which ends the window cuts them off."""

    track: Track
    is_cut_before: bool
    is_cut_behind: bool

    def lacks(self, start: int, stop: int, said: Iterable[Suspicion]) -> bool:
        """Whether some rows cannot be judged from these: their margin is short, or what is said of them goes on beyond a cut."""
        end = len(self.track)
        if (self.is_cut_before and start < MARGIN) or (self.is_cut_behind and end - stop < MARGIN):
            return True
        return any(one.start < stop and one.end >= start and self._goes_on(one) for one in said) or self._stands(start, stop)

    def _goes_on(self, said: Suspicion) -> bool:
        return (self.is_cut_before and said.start <= 1) or (self.is_cut_behind and said.end >= len(self.track) - 1)

    def _stands(self, start: int, stop: int) -> bool:
        """Whether the price stands still from a cut end up to these rows."""
        moved = self.track.moves != 0
        return (self.is_cut_before and not moved[1 : start + 1].any()) or (self.is_cut_behind and not moved[stop:].any())


def _put_together(parts: Sequence[LeafFound], failure: str) -> FoundLocally:
    """Leave out what is said of symbols that are to be asked about as a whole."""
    asked = frozenset(symbol for part in parts for symbol in part.open_symbols)
    faults = pl.concat([pl.DataFrame(schema=FAULTS), *(part.faults for part in parts)])
    return FoundLocally(
        tuple(finding for part in parts for finding in part.findings if finding.symbol not in asked),
        tuple(odd for part in parts for odd in part.explained if odd.symbol not in asked),
        faults.filter(~pl.col(SYMBOL).is_in(list(asked))),
        asked,
        Crowd.from_frames(part.crowd for part in parts),
        failure,
    )


def _leaf(moment: date) -> date:
    return date(moment.year, moment.month, 1)


def _number(day: date) -> int:
    return (day - _EPOCH).days
