"""Every lost point has an address, and a comparison of two scores adds up, exactly."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from tests.quality.conftest import Judge, clean_year
from workbench.model.score import Score
from workbench.quality.attribution import compare


def damaged(seed: int, *, zeros: int = 0, nulls: int = 0, missing: int = 0) -> pl.DataFrame:
    """Return three symbols' year with defects spread over rows."""
    frames = [clean_year(f"S{n}", seed=n) for n in range(3)]
    frame = pl.concat(frames).with_row_index("n")
    place = (pl.col("n").cast(pl.Int64) * 7919 + seed) % 701
    frame = frame.with_columns(
        pl.when(place < zeros).then(0.0).otherwise("low").alias("low"),
        pl.when(place.is_between(100, 99 + nulls)).then(None).otherwise("open").alias("open"),
    )
    return frame.filter(~place.is_between(300, 299 + missing)).drop("n")


@pytest.fixture
def scores(judged: Judge) -> tuple[Score, Score]:
    return judged(damaged(1, zeros=1, nulls=9)).score, judged(damaged(5, zeros=4, nulls=2, missing=30)).score


@pytest.mark.parametrize("by", ["check", "symbol", "session"])
def test_the_addresses_of_lost_points_add_up_exactly(scores: tuple[Score, Score], by: str) -> None:
    from workbench.quality.attribution import attribution

    for score in scores:
        parts = attribution(score, by)  # type: ignore[arg-type]
        assert sum(parts.values()) == 100 - score.value
        assert len(parts) > 1


@pytest.mark.parametrize("by", ["check", "symbol", "session"])
def test_a_comparison_adds_up_exactly(scores: tuple[Score, Score], by: str) -> None:
    before, after = scores
    for made in (compare(before, after), compare(after, before)):
        errors = made.by(by)  # type: ignore[arg-type]
        rest = sum(moved.rest for moved in made.moved)
        assert sum(errors.values()) + rest + made.unexplained == made.change
        assert made.unexplained == 0
        assert made.change == made.after.value - made.before.value
    assert compare(before, before).change == 0
    assert all(moved.errors == moved.rest == 0 for moved in compare(before, before).moved)


def test_more_errors_and_more_checks_are_told_apart(judged: Judge, year: pl.DataFrame) -> None:
    """A check that is asked for now and was not then moves the score by its weight, not by errors."""
    then, now = judged(year), judged(year, now=datetime(2024, 1, 9, tzinfo=UTC))
    made = compare(then.score, now.score)
    freshness = next(moved for moved in made.moved if moved.check == "freshness")
    assert freshness.errors == 0
    assert freshness.rest < 0
    assert sum(moved.rest for moved in made.moved) == made.change


def test_a_symbol_that_fell_is_named(judged: Judge) -> None:
    before = damaged(1)
    worse = before.with_columns(pl.when(pl.col("symbol") == "S1").then(-1.0).otherwise("low").alias("low"))
    made = compare(judged(before).score, judged(worse).score)
    assert list(made.by("symbol")) == ["S1"]
    assert made.by("symbol")["S1"] == made.change
