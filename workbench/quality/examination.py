"""From rows to what detectors say of them: findings, explanations, and the rows that fail for the score."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from workbench.model.findings import Explained, Finding
from workbench.model.names import EVENT_AT, SESSION, SYMBOL, Kind
from workbench.quality.accuracy import ALL_EVENTS, BOUNDS, CHECK_OF, EVENTS, UNJUDGED, has_relative_scale
from workbench.quality.detectors.crowd import crowd_of, votes_of
from workbench.quality.detectors.panel import NEAR, examine
from workbench.quality.detectors.suspicion import REPORTED, WORTH_TELLING
from workbench.quality.detectors.track import tracks
from workbench.quality.ledger import FAULTS
from workbench.quality.measure import STRAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from workbench.model.findings import Moment
    from workbench.quality.detectors.crowd import Crowd
    from workbench.quality.detectors.panel import Heard
    from workbench.quality.detectors.suspicion import Suspicion
    from workbench.quality.detectors.track import Track
    from workbench.quality.ledger import Ledger

COUNTED: Final = 0.5
"""Findings at least this probable count against the score."""
Fault = tuple[str, str, str, int, int]
"""Symbol, check, the finding's id, session as days since 1970, and how many rows fail."""
_FAULT: Final = {SYMBOL: pl.String, "check": pl.String, "finding": pl.String, SESSION: pl.Int32, "failures": pl.Int64}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found in some rows.

    Attributes
    ----------
    faults
        As ``FAULTS``: which rows count as failures of which check of accuracy.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Explained, ...]
    faults: pl.DataFrame
    failure: str = ""
    """Why detectors could not be heard to the end; empty where they were."""


@dataclass(frozen=True, slots=True)
class Told:
    """What was found in one track, as values that need its rows no more."""

    heard: Heard
    findings: tuple[Finding, ...]
    explained: tuple[Explained, ...]
    faults: tuple[Fault, ...]


def examined(ledger: Ledger, rows: pl.DataFrame, crowd: Crowd | None = None) -> Examined:
    """Ask all detectors about rows.

    Parameters
    ----------
    ledger : Ledger
    rows : DataFrame
        Standard rows of whole symbols, or of some sessions with their neighbours, sorted by symbol, then time; within a day
        with ``stretch``.
    crowd : Crowd, optional
        What all symbols did, where these are some of them.
    """
    told: list[Told] = []

    def ask() -> None:
        for one in told_by(ledger, tracks_in(ledger, rows), crowd):
            told.append(one)  # noqa: PERF402 (what was told before a failure stays)

    failure = to_the_end(ask)
    findings = tuple(finding for one in told for finding in one.findings)
    explained = tuple(odd for one in told for odd in one.explained)
    return Examined(findings, explained, faults_of(fault for one in told for fault in one.faults), failure)


def to_the_end(ask: Callable[[], None]) -> str:
    """Ask detectors, and return why they could not be heard to the end; empty where they were.

    Rows that cannot be read are no matter of theirs: that is raised.
    """
    try:
        ask()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 (what a detector could not judge is an ERROR of its checks, not the end of all)
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


def told_by(ledger: Ledger, some: Sequence[Track], crowd: Crowd | None = None, *, whole: bool = True) -> Iterator[Told]:
    """Ask detectors about tracks; parameters as for :func:`workbench.quality.detectors.panel.examine`."""
    made_up = made_up_days(ledger)
    for heard in examine(some, crowd, whole=whole):
        kept = _but_made_up(heard, made_up)
        yield Told(kept, tuple(_findings(kept)), tuple(_explanations(kept)), tuple(_faults(kept)))


def faults_of(faults: Iterable[Fault]) -> pl.DataFrame:
    """Return faults as ``FAULTS``."""
    return pl.DataFrame(list(faults), schema=_FAULT, orient="row").with_columns(pl.col(SESSION).cast(pl.Date)).select(*FAULTS)


def crowd_over(ledger: Ledger, parts: Iterable[pl.DataFrame]) -> Crowd:
    """Return what all symbols did, whose rows come in parts of whole symbols, sorted by symbol, then time."""
    return crowd_of(votes_of(track) for rows in parts for track in tracks_in(ledger, rows))


def made_up_days(ledger: Ledger) -> dict[str, set[int]]:
    """Return symbol -> days (since 1970) with rows that are no session."""
    days: dict[str, set[int]] = defaultdict(set)
    for symbol, session in ledger.cells([STRAY]).drop_nulls([SYMBOL, SESSION]).select(SYMBOL, SESSION).iter_rows():
        days[symbol].add((session - _EPOCH.date()).days)
    return days


def _but_made_up(heard: Heard, made_up: dict[str, set[int]]) -> Heard:
    """Leave out what stands still because the whole session was made up: that is told of the session."""
    days = made_up.get(heard.track.symbol)
    if not days:
        return heard
    kept = [s for s in heard.suspicions if s.kind != "stale" or s.start != s.end or int(heard.track.session[s.start]) not in days]
    return replace(heard, suspicions=tuple(kept))


def tracks_in(ledger: Ledger, rows: pl.DataFrame) -> list[Track]:
    """Return what detectors look at: nothing where prices go through zero and have no relative scale."""
    if not has_relative_scale(ledger):
        return []
    if ledger.terms.is_intraday:
        rows = _near_screened(ledger, rows)
    return list(tracks(rows, ledger.terms, ledger.evidence.contract.adjustment))


def _near_screened(ledger: Ledger, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows within a day that detectors need: those around what a screen points to, and whole symbols that step far."""
    lone = rows.with_row_index("place").join(
        ledger.lone.select(SYMBOL, pl.col("at").alias(EVENT_AT)).unique(), on=[SYMBOL, EVENT_AT], how="semi"
    )
    keep = rows[SYMBOL].is_in(ledger.stepping.implode()).fill_null(value=False).to_numpy().copy()
    for place in lone["place"].to_list():
        keep[max(place - NEAR, 0) : place + NEAR + 1] = True
    if ledger.terms.kind in (Kind.QUOTES, Kind.TICKS):
        keep[:] = True
    kept = rows.filter(pl.Series(keep))
    apart = (pl.col("stretch") != pl.col("stretch").shift()) | (pl.col("at").cast(pl.Int64).diff() != 1)
    return kept.with_columns(apart.fill_null(value=True).cum_sum().alias("stretch"))


def _findings(heard: Heard) -> Iterator[Finding]:
    for said in heard.suspicions:
        if not said.is_legitimate and said.confidence >= REPORTED:
            yield _finding(heard.track, said)


def _finding(track: Track, said: Suspicion) -> Finding:
    worst = said.start if said.worst is None else said.worst
    return Finding(
        kind=said.kind,
        symbol=track.symbol,
        start=_moment(track, said.start),
        end=_moment(track, said.end),
        rows=said.count,
        severity=said.severity,
        confidence=said.confidence,
        fields=said.fields,
        observed={name: _value(track.values[name][worst]) for name in said.fields if name in track.values},
        proposed=said.proposed,
        hypotheses=said.hypotheses,
        provisional=said.provisional,
    )


def _explanations(heard: Heard) -> Iterator[Explained]:
    track = heard.track
    yield from heard.explained
    for said in heard.suspicions:
        if said.kind in WORTH_TELLING:
            best = said.hypotheses[0]
            yield Explained(best.kind, track.symbol, _moment(track, said.start), _moment(track, said.end), best.evidence)


def _moment(track: Track, row: int) -> Moment:
    """Return the session of a row of daily and slower data, else its time."""
    if track.is_intraday:
        return _EPOCH + timedelta(microseconds=int(track.at[row]))
    return (_EPOCH + timedelta(days=int(track.session[row]))).date()


def _value(value: Any) -> float | None:
    return float(value) if isfinite(value) else None


def _faults(heard: Heard) -> Iterator[Fault]:
    """Count what fails a check of accuracy in each session; rows that fail one twice count once, for the surer finding."""
    track = heard.track
    taken: dict[str, NDArray[np.bool_]] = defaultdict(lambda: np.zeros(len(track), dtype=bool))
    for said in sorted(heard.suspicions, key=lambda s: (-s.confidence, s.start)):
        check = CHECK_OF.get(said.kind)
        if check is not None and said.confidence >= COUNTED and not said.provisional:
            rows = slice(said.end, said.end + 1) if check == EVENTS else slice(said.start, said.start + said.count)
            fresh = np.flatnonzero(~taken[check][rows]) + rows.start
            taken[check][rows] = True
            yield from _counted(track, check, fresh, _finding(track, said).id)
    unjudged = np.isnan(track.scale) & ~taken[BOUNDS]  # what was found all the same was judged
    yield from _counted(track, UNJUDGED, np.flatnonzero(unjudged))
    yield from _counted(track, ALL_EVENTS, np.array(heard.events, dtype=np.int64))


def _counted(track: Track, check: str, rows: NDArray[np.int64], finding: str = "") -> Iterator[Fault]:
    days, counts = np.unique(track.session[rows], return_counts=True)
    return ((track.symbol, check, finding, day, count) for day, count in zip(days.tolist(), counts.tolist(), strict=True))
