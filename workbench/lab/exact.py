"""A score with its explanation as JSON that gives it back exactly: how runs are compared years later, to the last digit."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import polars as pl

from workbench.lake.state_files import packed, seal_of, to_bytes
from workbench.model.checks import CheckResult, Dimension, Verdict, Where
from workbench.model.errors import LakeBroken
from workbench.model.names import SESSION, SYMBOL
from workbench.model.score import DimensionScore, Score, ScoredCheck
from workbench.quality.outcome import FAILURES
from workbench.quality.state import state_of

if TYPE_CHECKING:
    from workbench.quality.state import State

MOST_CELLS: Final = 2_000
"""Of a check that failed in more places, the places are not kept: how many they are, is."""
_EXACT = ("tolerance", "weight", "failures", "total", "covered")


def exact_document(score: Score) -> dict[str, Any]:
    """Return a score as JSON values, fractions as text (``"3/7"``)."""
    return {
        "value": str(score.value),
        "coverage": str(score.coverage),
        "dimensions": [
            {
                "dimension": d.dimension.value,
                "score": None if d.score is None else str(d.score),
                "weight": str(d.weight),
                "verdict": d.verdict.value,
                "checks": [_check(check) for check in d.checks],
            }
            for d in score.dimensions
        ],
    }


def _check(check: ScoredCheck) -> dict[str, Any]:
    result = check.result
    numbers = {name: str(getattr(result, name)) for name in _EXACT}
    cells = None if result.where is None or len(result.where.cells) > MOST_CELLS else result.where.cells
    where = None if cells is None else [[s, None if d is None else d.isoformat(), n] for s, d, n in _rows(cells)]
    plain = {"name": result.name, "verdict": result.verdict.value, "unit": result.unit, "worth": str(check.worth)}
    return {**plain, **numbers, "cells": where}


def _rows(cells: pl.DataFrame) -> list[tuple[Any, ...]]:
    return cells.select(list(FAILURES)).sort(SYMBOL, SESSION).rows()


def score_from(document: dict[str, Any]) -> Score:
    """Return the score that :func:`exact_document` wrote; what it says by symbol and by session is not kept.

    Raises
    ------
    LakeBroken
        The document is not one of these.
    """
    try:
        dimensions = tuple(_dimension(d) for d in document["dimensions"])
        value, coverage = Fraction(document["value"]), Fraction(document["coverage"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise LakeBroken(f"expected an exact score as a run records it: {type(error).__name__}: {error}") from error
    empty = pl.DataFrame()
    return Score(value, coverage, dimensions, empty, empty, empty)


def _dimension(document: dict[str, Any]) -> DimensionScore:
    dimension = Dimension(document["dimension"])
    checks = tuple(_scored(check, dimension) for check in document["checks"])
    score = None if document["score"] is None else Fraction(document["score"])
    return DimensionScore(dimension, score, Fraction(document["weight"]), Verdict(document["verdict"]), checks)


def _scored(document: dict[str, Any], dimension: Dimension) -> ScoredCheck:
    numbers: dict[str, Any] = {name: Fraction(document[name]) for name in _EXACT}
    where = None
    if document["cells"] is not None:
        rows = [(symbol, None if day is None else date.fromisoformat(day), count) for symbol, day, count in document["cells"]]
        where = Where(pl.DataFrame(rows, schema=FAILURES, orient="row"))
    verdict = Verdict(document["verdict"])
    result = CheckResult(document["name"], dimension, verdict, document["unit"], where=where, **numbers)
    return ScoredCheck(result, Fraction(document["worth"]))


def state_digest(state: State) -> str:
    """Return a hash of a merged state; equal states give equal hashes, under the same libraries."""
    frames = state_of(state.frames).frames
    return seal_of({name: to_bytes(packed(frame)) for name, frame in frames.items()})
