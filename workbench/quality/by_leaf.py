"""Findings by leaf: what local detectors say of a month of daily rows depends on them and on a margin, and is remembered.

A new day changes the leaves within that margin; all others stand. What only a symbol's whole past can settle is not said
here: the symbol is named as an open question, and asked about as a whole (``findings.py``).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from itertools import chain
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import polars as pl

from workbench.model.names import SYMBOL
from workbench.quality.accuracy import has_relative_scale
from workbench.quality.detectors.crowd import Crowd, crowd_of, votes_of
from workbench.quality.examination import faults_of, made_up_days, to_the_end, told_by, tracks_in
from workbench.quality.looking import ROWS_AT_ONCE, groups_of_symbols
from workbench.quality.margins import MONTHS, Window, day_number, leaf_of, month_from
from workbench.quality.rows import in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.model.findings import Explained, Finding
    from workbench.quality.detectors.track import Track
    from workbench.quality.examination import Fault, Told
    from workbench.quality.ledger import Ledger

_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class LeafFound:
    """What local detectors say of one leaf.

    Attributes
    ----------
    findings, explained
        Those that begin in it.
    faults
        Of its sessions.
    open_symbols
        About which only their whole past can tell: nothing that is said of them here counts.
    crowd
        What all symbols did at its moments.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Explained, ...]
    faults: tuple[Fault, ...]
    open_symbols: tuple[str, ...]
    crowd: Crowd


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
    circumstances = _circumstances(ledger, memory.leaves)
    known = memory.load(circumstances)

    def ask() -> None:
        for some in _neighbours([leaf for leaf in memory.leaves if leaf not in known]):
            new = _judged(ledger, look, some, memory.leaves)
            known.update(new)
            for leaf, part in new.items():
                memory.save(leaf, circumstances[leaf], part)

    failure = to_the_end(ask)
    return _put_together([known[leaf] for leaf in memory.leaves if leaf in known], failure)


def _circumstances(ledger: Ledger, leaves: Sequence[date]) -> dict[date, str]:
    """Name what the findings of each leaf depend on beside rows and events: days that are no session, who goes on beyond."""
    made_up = [(symbol, day) for symbol, days in made_up_days(ledger).items() for day in days]
    lives = ledger.state.series.drop_nulls([SYMBOL, "first_session", "last_session"])
    begun, ended = (Reach.of(lives[SYMBOL], lives[name]) for name in ("first_session", "last_session"))
    terms = ledger.terms
    of_all = (terms.kind.value, terms.frequency, terms.fields, terms.allow_non_positive, has_relative_scale(ledger))
    told = {}
    for leaf in leaves:
        first, behind = (day_number(month_from(leaf, months)) for months in (-MONTHS, MONTHS + 1))
        near = sorted((symbol, day) for symbol, day in made_up if first <= day < behind)
        told[leaf] = repr((of_all, near, begun.before(first), ended.all ^ ended.before(behind)))
    return told


@dataclass(frozen=True, slots=True)
class Reach:
    """Which symbols did something before a day, as one number for each set of them.

    Attributes
    ----------
    days
        Days since 1970, ascending.
    sets
        The set of the first symbol, of the first two, and so on; none at first.
    """

    days: NDArray[np.int32]
    sets: NDArray[np.uint64]

    @classmethod
    def of(cls, symbols: pl.Series, days: pl.Series) -> Reach:
        """Put symbols in the order of their days."""
        number = [int.from_bytes(blake2b(s.encode("utf-8", "surrogatepass"), digest_size=8).digest()) for s in symbols]
        day = days.to_physical().to_numpy()
        order = np.argsort(day, kind="stable")
        together = np.bitwise_xor.accumulate(np.array(number, dtype=np.uint64)[order])
        return cls(day[order], np.concatenate([np.zeros(1, dtype=np.uint64), together]))

    @property
    def all(self) -> int:
        """The set of all symbols."""
        return int(self.sets[-1])

    def before(self, day: int) -> int:
        """Return the set of those whose day lies before one."""
        return int(self.sets[np.searchsorted(self.days, day)])


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
) -> dict[date, LeafFound]:
    """Judge some leaves by their rows and those of the months around them."""
    window = Window.around(tuple(wanted))
    near = pl.DataFrame({"leaf": [leaf for leaf in leaves if window.first <= leaf < window.behind]})
    groups = groups_of_symbols(ledger, at_once=ROWS_AT_ONCE * len(leaves) / len(near))
    cells = [near] if len(groups) <= 1 else [near.join(symbols, how="cross") for symbols in groups]

    def tracks_of(some: pl.DataFrame) -> list[Track]:
        return tracks_in(ledger, in_order(look(some), ledger.terms))

    first = tracks_of(cells[0])
    others = (track for some in cells[1:] for track in tracks_of(some))
    crowd = crowd_of(votes_of(track) for track in chain(first, others))
    pile = Pile(ledger, window)
    for number, some in enumerate(cells):
        pile.add(told_by(ledger, tracks_of(some) if number else first, crowd, whole=False))
    return {leaf: pile.of(leaf, moments) for leaf, moments in _by_leaf(crowd, wanted, leaves)}


def _by_leaf(crowd: Crowd, wanted: Sequence[date], leaves: Sequence[date]) -> Iterator[tuple[date, Crowd]]:
    """Give each leaf its moments: stamps lie up to a day beside their session, so the first and the last leaf are open."""
    place = np.searchsorted([day_number(leaf) * _DAY_US for leaf in leaves[1:]], crowd.keys, side="right")
    for leaf in wanted:
        yield leaf, crowd.of(place == leaves.index(leaf))


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
                self._findings[leaf_of(finding.start)].append(finding)
            for odd in one.explained:
                self._explained[leaf_of(odd.start)].append(odd)
            for fault in one.faults:
                self._faults[leaf_of(fault[3])].append(fault)
            symbol = one.heard.track.symbol
            for leaf in self._window.open_leaves(one, self._lives.get(symbol, (date.min, date.max))):
                self._open[leaf].add(symbol)

    def of(self, leaf: date, crowd: Crowd) -> LeafFound:
        """Return what belongs to a leaf, beside what the crowd did at its moments."""
        return LeafFound(
            tuple(self._findings[leaf]),
            tuple(self._explained[leaf]),
            tuple(self._faults[leaf]),
            tuple(sorted(self._open[leaf])),
            crowd,
        )


def _put_together(parts: Sequence[LeafFound], failure: str) -> FoundLocally:
    """Leave out what is said of symbols that are to be asked about as a whole."""
    asked = frozenset(symbol for part in parts for symbol in part.open_symbols)
    return FoundLocally(
        tuple(finding for part in parts for finding in part.findings if finding.symbol not in asked),
        tuple(odd for part in parts for odd in part.explained if odd.symbol not in asked),
        faults_of(fault for part in parts for fault in part.faults if fault[0] not in asked),
        asked,
        Crowd.of_all([part.crowd for part in parts]),
        failure,
    )
