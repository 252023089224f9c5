"""What a decision about a finding puts where: cell by cell, with what was observed there. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from workbench.model.decisions import Action, Cell
from workbench.model.names import PRICES, SIZES, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.model.decisions import Moment
    from workbench.model.findings import Finding

WHEN: Final = "when"
ABSENT: Final = frozenset({"missing_session", "missing_bar"})
"""Kinds whose finding is about rows that are not there."""
Row = dict[str, object]


def cells_for(
    finding: Finding,
    action: Action,
    rows: pl.DataFrame,
    *,
    kind: Kind,
    expected: Sequence[Moment],
    others: Sequence[pl.DataFrame],
    given: Mapping[str, float] | None = None,
) -> tuple[Cell, ...]:
    """Return what an action about a finding changes; nothing where it cannot be done.

    Parameters
    ----------
    finding : Finding
    action : Action
    rows : DataFrame
        The symbol's rows as they arrived, with ``when`` (session, or time), sorted by it; those that other findings call wrong
        are not among them, those of this one are.
    kind : Kind
    expected : sequence of date or datetime
        When rows should be within the finding, if it is about rows that are not there.
    others : sequence of DataFrame
        The symbol's rows in other sources, most trusted first, with ``when``.
    given : mapping, optional
        What a person typed: field -> value of the finding's only row, or ``factor`` for all of its rows.
    """
    if action is Action.TAKE_LAST:
        return tuple(_last(finding, rows, kind, expected))
    if action is Action.TAKE_GIVEN:
        return tuple(_proposed(replace(finding, proposed=dict(given or {})), rows, kind))
    if finding.kind in ABSENT:
        return tuple(_elsewhere(rows, kind, expected, others)) if action is Action.TAKE_REFERENCE else ()
    if action is Action.TAKE_REFERENCE and not finding.by_reference:
        return tuple(_said_elsewhere(finding, rows, kind, others))
    return tuple(_proposed(finding, rows, kind)) if action in (Action.TAKE_PROPOSED, Action.TAKE_REFERENCE) else ()


def _within(finding: Finding, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.filter(pl.col(WHEN).is_between(pl.lit(finding.start), pl.lit(finding.end)))


def _proposed(finding: Finding, rows: pl.DataFrame, kind: Kind) -> Iterator[Cell]:
    """Yield what a finding proposes: a factor for all of its rows, or values for its only one."""
    proposed, there = finding.proposed or {}, _within(finding, rows)
    factor = proposed.get("factor")
    scaled = finding.fields or PRICES[kind]
    fields = [name for name in (scaled if factor is not None else proposed) if name in rows.columns]
    if factor is None and (finding.rows != 1 or len(there) != 1):
        return
    for row in there.select(WHEN, *fields).iter_rows(named=True):
        was = {name: row[name] for name in fields}
        if isinstance(factor, int | float):
            yield Cell(row[WHEN], {name: value * factor for name, value in was.items() if value is not None}, was)
        elif fields:
            yield Cell(row[WHEN], {name: _number(proposed[name]) for name in fields}, was)


def _last(finding: Finding, rows: pl.DataFrame, kind: Kind, expected: Sequence[Moment]) -> Iterator[Cell]:
    """Yield the last good values before a finding, for each of its rows; where there are none, rows of the last price."""
    prices = [name for name in PRICES[kind] if name in rows.columns]
    fields = [name for name in (finding.fields or prices) if name in rows.columns]
    before = rows.filter(pl.col(WHEN) < pl.lit(finding.start)).drop_nulls(fields if finding.kind not in ABSENT else prices[-1:])
    if before.is_empty() or not fields:
        return
    last = before.row(-1, named=True)
    if finding.kind in ABSENT:
        values = {name: last["close" if kind is Kind.BARS else name] for name in prices}
        values |= {name: 0.0 for name in SIZES[kind] if name in rows.columns}
        there = set(rows[WHEN])
        yield from (Cell(at, dict(values), None) for at in expected if at not in there)
        return
    for row in _within(finding, rows).select(WHEN, *fields).iter_rows(named=True):
        yield Cell(row[WHEN], {name: last[name] for name in fields}, {name: row[name] for name in fields})


def _elsewhere(rows: pl.DataFrame, kind: Kind, expected: Sequence[Moment], others: Sequence[pl.DataFrame]) -> Iterator[Cell]:
    """Yield rows that are missing here, as the most trusted of the other sources that has them has them."""
    names = [name for name in (*PRICES[kind], *SIZES[kind]) if name in rows.columns]
    there = set(rows[WHEN])
    for at in (at for at in expected if at not in there):
        for other in others:
            found = other.filter(pl.col(WHEN) == pl.lit(at)).select(name for name in names if name in other.columns)
            if len(found):
                yield Cell(at, {name: _number(value) for name, value in found.row(0, named=True).items()}, None)
                break


def _said_elsewhere(finding: Finding, rows: pl.DataFrame, kind: Kind, others: Sequence[pl.DataFrame]) -> Iterator[Cell]:
    """Yield what the most trusted of the other sources that has a row says of it, for each row of a finding."""
    there = _within(finding, rows)
    about = finding.fields or tuple(PRICES[kind])
    for other in others:
        names = [name for name in about if name in there.columns and name in other.columns]
        said = other.select(WHEN, *(pl.col(name).alias(f"{name}\0") for name in names)).unique(WHEN, keep="last")
        pairs = there.select(WHEN, *names).join(said, on=WHEN, how="inner", maintain_order="left")
        if names and len(pairs):
            for row in pairs.iter_rows(named=True):
                yield Cell(row[WHEN], {n: _number(row[f"{n}\0"]) for n in names}, {n: row[n] for n in names})
            return


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
