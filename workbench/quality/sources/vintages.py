"""Kind ``revision``: what a newer vintage says otherwise than an older one, told apart into re-adjustment, correction and damage.

A uniform factor over the whole past is a re-adjustment: a split or a dividend since. What changed here and there is a
correction where the new value fits its neighbours better than the old one, and damage where it fits worse; rows that
are gone are damage too. The last rows of the older vintage may still have been forming.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl

from workbench.model.findings import Explained, Finding, Severity
from workbench.model.names import ALL_SIZES, EVENT_AT, PRICE_FIELDS, SESSION, SYMBOL
from workbench.quality.detectors.habits import excursion, local_scale
from workbench.quality.detectors.suspicion import competing, runs_of
from workbench.quality.sources.conventions import conventions_off
from workbench.quality.sources.pairing import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from workbench.model.findings import Hypothesis, Moment
    from workbench.quality.terms import Terms

    Floats = NDArray[np.float64]

SAME: Final = 2e-5
"""Values this close, relatively, are one: vendors round."""
LEAST_JOINT: Final = 0.1
"""The least step, as a logarithm, that a past must not show where it joins the rest."""
EVENTS: Final = ("dividend", "split", "capital_gain")
VOLUME_SAME: Final = 0.005
CELLS: Final = {SYMBOL: pl.String, SESSION: pl.Date, "failures": pl.Int64, "total": pl.Int64}
STILL_FORMING: Final = 2
"""The last rows of an older vintage that may have been live."""
FITS: Final = 1.0
"""Usual moves by which one value must fit its neighbours better than the other."""
DISTANT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Restated:
    """What was restated.

    Attributes
    ----------
    cells
        ``symbol, session, failures, total``: rows whose new value is suspected, and those that are gone, each once; out
        of all that both vintages have or that are gone.
    shared
        Rows that both vintages have.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Explained, ...]
    cells: pl.DataFrame
    shared: int


@np.errstate(all="ignore")
def restated(frame: pl.DataFrame, previous: pl.DataFrame, terms: Terms) -> Restated:
    """Compare a vintage with the one before it.

    Parameters
    ----------
    frame, previous : DataFrame
        Standard rows, the new and the old ones.
    terms : Terms
    """
    moment = EVENT_AT if terms.is_intraday else SESSION
    events = tuple(n for n in EVENTS if n in frame.columns and n in previous.columns)
    fields = tuple(n for n in (*terms.prices, *terms.sizes, "adj_close") if n in frame.columns and n in previous.columns)
    if frame[SYMBOL].n_unique() == 1 and previous[SYMBOL].n_unique() == 1:
        previous = previous.with_columns(pl.lit(frame[SYMBOL][0]).alias(SYMBOL))
    explained: list[Explained] = []
    findings: list[Finding] = []
    counted = [pl.DataFrame(schema=CELLS)]
    shared = 0
    newer = {key: rows for (key,), rows in frame.partition_by(SYMBOL, as_dict=True, maintain_order=True).items()}
    for (symbol,), arrived in previous.drop_nulls(SYMBOL).partition_by(SYMBOL, as_dict=True, maintain_order=True).items():
        old, new = (_in_order(side, moment) for side in (arrived, newer.get(symbol, arrived.clear())))
        both = new.join(old.select(moment, *fields, *events), on=moment, how="inner", suffix=OTHER).sort(moment)
        gone = _gone(new, old, moment)
        told = [*_lost(str(symbol), gone, old, moment, whole=new.is_empty()), *_events(str(symbol), both, moment)]
        for name in fields if len(both) else ():
            changes, odd = _changed(str(symbol), name, both, moment, old[moment].to_list()[-STILL_FORMING:])
            told += changes
            explained += odd
        mine = list(_merged(told))
        findings += mine
        shared += len(both)
        places = pl.concat(side.select(*dict.fromkeys([SYMBOL, SESSION, moment])) for side in (both, gone)).sort(moment)
        counted.append(_counted(places, mine, moment))
    return Restated(tuple(findings), tuple(dict.fromkeys(explained)), pl.concat(counted).sort(SYMBOL, SESSION), shared)


def _in_order(rows: pl.DataFrame, moment: str) -> pl.DataFrame:
    return rows.unique([moment], keep="first").drop_nulls(moment).sort(moment)


def _gone(new: pl.DataFrame, old: pl.DataFrame, moment: str) -> pl.DataFrame:
    """Return the older rows that the newer vintage lacks; a window that moves on drops no more than it gains."""
    lost = old.join(new, on=moment, how="anti")
    if new.is_empty():
        return lost
    before = pl.col(moment) < new[moment].min()
    added = int((new[moment] > old[moment].max()).sum()) if len(old) else 0
    return lost.filter(~before) if int(lost.select(before.sum()).item()) <= added else lost


def _lost(symbol: str, gone: pl.DataFrame, old: pl.DataFrame, moment: str, *, whole: bool) -> Iterator[Finding]:
    """Yield stretches of rows that were there and are no more."""
    times = old[moment].to_list()
    what = "the symbol was there before and is gone" if whole else "{} row(s) that were there before are gone"
    other = "it may have been renamed" if whole else "a vendor may take back rows that never were"
    for first, last in runs_of(np.flatnonzero(old[moment].is_in(gone[moment].implode()).to_numpy()).tolist()):
        claims = competing(("damage", 2.0, what.format(last - first + 1)), ("correction", 0.0, other))
        yield Finding("revision", symbol, times[first], times[last], last - first + 1, Severity.HIGH, 0.95, hypotheses=claims)


@dataclass(frozen=True, slots=True)
class _Field:
    """One field in both vintages, the old one on the scale of the new one."""

    name: str
    new: Floats
    old: Floats

    def misfits(self, first: int, last: int) -> tuple[float, float]:
        """Return how far the new and the old rows of a stretch leave the rows around them, in usual moves."""
        return _misfit(self.new, first, last), _misfit(self.old, first, last)


def _events(symbol: str, both: pl.DataFrame, moment: str) -> Iterator[Finding]:
    """Yield dividends and splits that are others than before."""
    for name in (n for n in EVENTS if n + OTHER in both.columns):
        changed = both.filter((pl.col(name).fill_null(0.0) - pl.col(name + OTHER).fill_null(0.0)).abs() > SAME)
        for when, new, old in changed.select(moment, name, name + OTHER).iter_rows():
            text = f"the {name.replace('_', ' ')} was {old or 0:.6g} and is {new or 0:.6g} now"
            claims = competing(("correction", 0.5, text), ("damage", 0.0, "nothing says which is right"))
            yield Finding(
                "revision", symbol, when, when, 1, Severity.MEDIUM, 0.95, (name,), observed={name: new}, proposed={name: old},
                hypotheses=claims,
            )  # fmt: skip


def _changed(
    symbol: str, name: str, both: pl.DataFrame, moment: str, forming: Sequence[Moment]
) -> tuple[list[Finding], list[Explained]]:
    """Class the changes of one field."""
    times = both[moment].to_list()
    new, old = (both[column].fill_null(np.nan).to_numpy() for column in (name, name + OTHER))
    told = conventions_off(symbol, name, new, old)
    seen = _Field(name, new, old * np.exp(told.level))
    explained = []
    findings = list(_broken_joints(symbol, seen, told.level, times))
    if told.convention is not None and not findings and len(times) and abs(float(told.level[0])) > SAME:
        factor = f"{math.exp(float(told.level[0])):.6g} times what it was"
        reason = f"{name}: the past was restated, {factor}, by one {told.convention.kind.replace('_', ' ')}"
        explained.append(Explained("readjustment", symbol, times[0], times[-1], reason))
    for first, last in runs_of(np.flatnonzero(_differs(seen, told.noise)).tolist()):
        claims = _claims(seen, first, last, live=first > 0 and times[first] in forming)
        if claims[0].kind == "still_forming":
            explained.append(Explained("revision", symbol, times[first], times[last], claims[0].evidence))
        else:
            findings.append(_finding(symbol, seen, (first, last), times, claims))
    return findings, explained


def _broken_joints(symbol: str, seen: _Field, level: Floats, times: Sequence[Moment]) -> Iterator[Finding]:
    """Yield restated stretches that no longer join the rest: the new vintage steps where the old one did not.

    Notes
    -----
    Of the two sides of a joint the one that is what it was is right; where both were restated, the later one.
    """
    if seen.name not in PRICE_FIELDS and seen.name != "value":
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        moves = [np.abs(np.diff(np.log(v), prepend=np.nan)) for v in (seen.new, seen.old / np.exp(level))]
    joints = (np.flatnonzero(np.diff(level)) + 1).tolist()
    bounds = [0, *joints, len(level)]
    told: set[int] = set()
    for at in joints:
        step = abs(float(level[at] - level[at - 1]))
        if not (step > LEAST_JOINT and moves[0][at] > moves[1][at] + 0.5 * step):
            continue
        is_later = abs(float(level[at - 1])) <= SAME < abs(float(level[at]))
        place = bounds.index(at) if is_later else bounds.index(at) - 1
        if place in told:
            continue
        told.add(place)
        first, last, right = bounds[place], bounds[place + 1] - 1, at - 1 if is_later else at
        off = float(level[first] - level[right])
        text = f"rows were restated by a factor of {math.exp(off):.6g} and step where they join the rest"
        claims = competing(("damage", 2.0, text), ("correction", 0.0, "the older vintage may have been wrong throughout"))
        yield Finding(
            "revision", symbol, times[first], times[last], last - first + 1, Severity.HIGH, 0.95, (seen.name,),
            observed={seen.name: _number(seen.new[last])}, proposed={"factor": math.exp(-off)}, hypotheses=claims,
        )  # fmt: skip


def _differs(seen: _Field, noise: float) -> NDArray[np.bool_]:
    """Return the rows in which a field has another value, or has one in one vintage only."""
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.abs(np.log(seen.new / seen.old)) > (VOLUME_SAME if seen.name in ALL_SIZES else SAME) + 3 * noise
    there = ~np.isnan(seen.new) & ~np.isnan(seen.old)
    flipped = there & ((seen.new <= 0) != (seen.old <= 0))
    found: NDArray[np.bool_] = (there & apart) | flipped | (np.isnan(seen.new) != np.isnan(seen.old))
    return found


def _finding(
    symbol: str, seen: _Field, place: tuple[int, int], times: Sequence[Moment], claims: tuple[Hypothesis, ...]
) -> Finding:
    first, last = place
    damage = next((h.probability for h in claims if h.kind == "damage"), 0.0)
    severity = Severity.HIGH if damage >= 0.7 else Severity.MEDIUM if damage >= 0.4 else Severity.LOW
    proposed: dict[str, object] | None = {seen.name: _number(seen.old[first])} if damage >= 0.5 else None
    return Finding(
        "revision", symbol, times[first], times[last], last - first + 1, severity, 0.95, (seen.name,),
        observed={seen.name: _number(seen.new[first])}, proposed=proposed, hypotheses=claims,
    )  # fmt: skip


def _number(value: float | None) -> float | None:
    return float(f"{value:.8g}") if value is not None and np.isfinite(value) else None


def _claims(seen: _Field, first: int, last: int, *, live: bool) -> tuple[Hypothesis, ...]:
    """Weigh damage against correction: the value that fits its neighbours is the right one."""
    name, new, old = seen.name, seen.new[first], seen.old[first]
    if np.isnan(new):
        return competing(
            ("damage", 2.0, f"{name} had a value and has none any more"), ("correction", 0.0, "it may have been wrong")
        )
    if np.isnan(old):
        return competing(("correction", 2.0, f"{name} had no value and has one now"), ("damage", 0.0, "it may have been made up"))
    fits = seen.misfits(first, last)
    text = f"{name} was {old:.6g} and is {new:.6g} now, {fits[0]:.1f} against {fits[1]:.1f} usual moves off its neighbours"
    lean = float(np.clip((fits[0] - fits[1]) / DISTANT, -3, 3)) * (2 if abs(fits[0] - fits[1]) > FITS else 1)
    return competing(
        ("damage", 0.4 + lean, f"{text}; nothing says why {last - first + 1} row(s) of history changed"),
        ("correction", -lean, text),
        ("still_forming", 2.5 if live else -4.0, "the bar was still forming when the older vintage was taken"),
    )


def _misfit(values: Floats, first: int, last: int) -> float:
    """Return how far the rows of a stretch leave the rows around it, in usual moves."""
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = np.log(np.where(values > 0, values, np.nan))
    moves = np.diff(logs, prepend=np.nan)
    scale = local_scale(moves)
    usual = float(np.nanmedian(scale)) if np.isfinite(scale).any() else 0.02
    if first == last:
        return abs(float(excursion(logs)[first])) / max(float(np.nan_to_num(scale[first], nan=usual)), 1e-6)
    edges = [abs(float(moves[at])) for at in (first, last + 1) if 0 < at < len(moves) and np.isfinite(moves[at])]
    return max(edges, default=0.0) / max(usual, 1e-6)


def _merged(findings: list[Finding]) -> Iterator[Finding]:
    """Put findings of several fields of the same rows together."""
    groups: dict[tuple[str, Moment, Moment], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.symbol, finding.start, finding.end), []).append(finding)
    for (symbol, start, end), some in groups.items():
        worst = min(some, key=lambda f: (-f.severity.rank, -f.hypotheses[0].probability))
        fields = tuple(dict.fromkeys(name for f in some for name in f.fields))
        observed = {k: v for f in some for k, v in (f.observed or {}).items()} or None
        proposed = {k: v for f in some for k, v in (f.proposed or {}).items()} or None
        yield Finding(
            "revision",
            symbol,
            start,
            end,
            worst.rows,
            worst.severity,
            worst.confidence,
            fields,
            observed,
            proposed,
            worst.hypotheses,
        )


def _counted(places: pl.DataFrame, findings: Sequence[Finding], moment: str) -> pl.DataFrame:
    """Count the rows of each session, and those among them in which a revision is suspected to be damage."""
    times = places[moment].to_list()
    failed = np.zeros(len(places), dtype=np.int64)
    for finding in findings:
        if finding.severity.rank >= Severity.MEDIUM.rank:
            failed[bisect_left(times, finding.start) : bisect_right(times, finding.end)] = 1
    marked = places.with_columns(pl.Series("failures", failed, dtype=pl.Int64), pl.lit(1, dtype=pl.Int64).alias("total"))
    return marked.group_by(SYMBOL, SESSION).agg(pl.col("failures", "total").sum())
