"""The laws of the fold, on random frames, random cuts and the real sample: any grouping gives the same bits."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quality.conftest import understood
from workbench.calendars import calendar
from workbench.lab.judgement import judged_by_states
from workbench.model.contract import Contract
from workbench.model.names import Kind
from workbench.quality.fold import Overlap, fold, merge
from workbench.quality.ledger import Evidence
from workbench.quality.measure import measure
from workbench.quality.passes import fold_all, measured, measured_chunks
from workbench.quality.state import State, beside, empty_state
from workbench.quality.terms import Terms
from workbench.quality.timetables import terms_of

FIELDS = ("open", "high", "low", "close", "volume")
HOLIDAYS_AND_ALL = (date(2024, 1, 2), date(2024, 3, 28))
PRICES = (10.0, 10.0, 10.0, 10.05, 9.95, 10.4, 0.33, 0.32, 13.0, 7.0, 0.0, -1.0, float("inf"), None)


def terms_for(frequency: str, fields: tuple[str, ...] = FIELDS, **more: Any) -> Terms:
    contract = Contract(dataset="x", frequency=frequency, calendar="XNYS", **more)
    return terms_of(contract, fields, {"": calendar("XNYS")}, HOLIDAYS_AND_ALL)


DAILY, MINUTES, ENDS = terms_for("1d"), terms_for("30m"), terms_for("30m", stamp="end")
TICKS = terms_for("irregular", ("price", "size"), kind=Kind.TICKS)


def moments(frequency: str) -> list[tuple[datetime, date]]:
    """Return every half hour of some sessions, and a little before and after them; or every day, weekends too."""
    if frequency == "1d":
        first, _ = HOLIDAYS_AND_ALL
        days = [first + timedelta(days=n) for n in range(80)]
        return [(datetime(d.year, d.month, d.day, 5, tzinfo=UTC), d) for d in days]
    schedule = calendar("XNYS").schedule(date(2024, 1, 2), date(2024, 1, 9))
    found = []
    for day, opens in schedule.select("session", "open_at").iter_rows():
        found += [(opens + timedelta(minutes=30 * n), day) for n in range(-1, 15)]
    return found


SLOTS = {"1d": moments("1d"), "30m": moments("30m")}


@st.composite
def frames(draw: st.DrawFn, frequency: str) -> pl.DataFrame:
    """Draw bars of two symbols: many repeats, a few lone prices, holes, nulls, duplicates, impossible values."""
    slots = SLOTS[frequency]
    rows = []
    for symbol in ("A", "B"):
        chosen = sorted(draw(st.sets(st.integers(0, len(slots) - 1), max_size=60)))
        for at in chosen:
            moment, day = slots[at]
            name = draw(st.sampled_from((symbol,) * 9 + (None,)))
            close = draw(st.sampled_from(PRICES))
            opened, high = (draw(st.sampled_from((close, close, close, *PRICES))) for _ in range(2))
            volume = draw(st.sampled_from((0.0, 5.0, 5.0, 7.0, None)))
            twice = draw(st.sampled_from((None,) * 12 + ("exact_duplicate", "conflicting_duplicate")))
            rows.append((name, moment, day, opened, high, close, close, volume, None if name else "symbol_missing"))
            if twice and name:
                rows.append((symbol, moment, day, opened, high, close, close, volume, twice))
    schema = {"symbol": pl.String, "event_at": pl.Datetime("us", "UTC"), "session": pl.Date}
    schema |= dict.fromkeys(FIELDS, pl.Float64) | {"quarantine_reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def cut(frame: pl.DataFrame, slots: list[tuple[datetime, date]], places: list[int]) -> list[pl.DataFrame]:
    """Cut a frame at some moments into parts that follow each other."""
    times = [slots[0][0], *(slots[at][0] for at in sorted(places)), slots[-1][0] + timedelta(days=1)]
    inside = [(pl.col("event_at") >= low) & (pl.col("event_at") < high) for low, high in pairwise(times)]
    return [frame.filter(part) for part in inside]


def one(frame: pl.DataFrame, terms: Terms) -> State:
    return fold(measure(frame, terms), terms)


def same(left: State, right: State) -> bool:
    return all(left.frames[name].equals(right.frames[name], null_equal=True) for name in left.frames)


def check_laws(
    frame: pl.DataFrame, terms: Terms, places: list[int], seed: int, slots: list[tuple[datetime, date]] | None = None
) -> None:
    kept = frame.clone()
    whole = one(frame, terms)
    parts = [
        one(part.sample(fraction=1, shuffle=True, seed=seed), terms)
        for part in cut(frame, slots or SLOTS[terms.frequency], places)
    ]
    assert frame.equals(kept, null_equal=True)
    assert same(whole, one(frame.sample(fraction=1, shuffle=True, seed=seed), terms))
    assert same(whole, merge(empty_state(), whole, terms))
    assert same(whole, fold(beside(parts[::-1]), terms))
    left, right = parts[0], parts[-1]
    for part in parts[1:]:
        left = merge(left, part, terms)
    for part in reversed(parts[:-1]):
        right = merge(part, right, terms)
    assert same(whole, left)
    assert same(whole, right)


PLACES = st.lists(st.integers(1, 79), min_size=1, max_size=12, unique=True)


@given(frame=frames("1d"), places=PLACES, seed=st.integers(0, 9))
def test_daily_states_merge_to_the_same_bits(frame: pl.DataFrame, places: list[int], seed: int) -> None:
    check_laws(frame, DAILY, places, seed)


@given(frame=frames("30m"), places=PLACES, seed=st.integers(0, 9))
def test_intraday_states_merge_to_the_same_bits(frame: pl.DataFrame, places: list[int], seed: int) -> None:
    """Cuts go through the middle of sessions, before the open and after the close."""
    check_laws(frame, MINUTES, [at for at in places if at < len(SLOTS["30m"])] or [1], seed)


@st.composite
def ticks(draw: st.DrawFn) -> pl.DataFrame:
    """Draw trades of two symbols, many at one moment, some without a price or a symbol."""
    slots = SLOTS["30m"]
    rows = []
    for symbol in ("A", "B", None):
        for at in sorted(draw(st.lists(st.integers(0, len(slots) - 1), max_size=40))):
            price, size = draw(st.sampled_from(PRICES)), draw(st.sampled_from((0.0, 1.0, 2.0, None)))
            rows.append((symbol, *slots[at], price, size, None if symbol else "symbol_missing"))
    schema = {
        "symbol": pl.String,
        "event_at": pl.Datetime("us", "UTC"),
        "session": pl.Date,
        "price": pl.Float64,
        "size": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema | {"quarantine_reason": pl.String}, orient="row")


@given(frame=ticks(), places=PLACES, seed=st.integers(0, 9))
def test_ticks_that_share_a_moment_merge_to_the_same_bits(frame: pl.DataFrame, places: list[int], seed: int) -> None:
    check_laws(frame, TICKS, places, seed, SLOTS["30m"])


@given(frame=frames("30m"), places=PLACES)
def test_bars_stamped_with_their_end_merge_to_the_same_bits(frame: pl.DataFrame, places: list[int]) -> None:
    check_laws(frame, ENDS, places, 0, SLOTS["30m"])


@given(frame=frames("30m"))
def test_leaves_fold_to_what_the_whole_is(frame: pl.DataFrame) -> None:
    by_leaf = fold(measure(frame, MINUTES), MINUTES, by_leaf=True)
    assert same(fold(by_leaf, MINUTES), one(frame, MINUTES))


def test_parts_that_overlap_are_refused_and_can_be_measured_from_rows() -> None:
    moment = [datetime(2024, 1, 2, 5, tzinfo=UTC) + timedelta(days=n) for n in range(6)]
    columns = {name: [1.0, 1.1, 1.2, 1.3, 1.4, 1.5] for name in FIELDS}
    frame = pl.DataFrame({"symbol": "A", "event_at": moment, "session": [m.date() for m in moment], **columns})
    interleaved = [frame[::2], frame[1::2]]
    with pytest.raises(Overlap, match="symbol A"):
        merge(one(interleaved[0], DAILY), one(interleaved[1], DAILY), DAILY)
    assert same(measured(pl.concat(interleaved), DAILY), one(frame, DAILY))


def sample_terms(frame: pl.DataFrame) -> tuple[pl.DataFrame, Terms]:
    seen = understood(frame)
    return seen.frame, seen.terms()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_laws_hold_on_real_data(sample_frame: pl.DataFrame, seed: int) -> None:
    rows, terms = sample_terms(sample_frame)
    whole = one(rows, terms)
    days = rows["event_at"].unique().sort()
    at = np.random.default_rng(seed).choice(len(days), size=40, replace=False)
    bounds = [days[0], *sorted(days[int(n)] for n in at), days[-1] + timedelta(days=1)]
    parts = [one(rows.filter(pl.col("event_at") >= low, pl.col("event_at") < high), terms) for low, high in pairwise(bounds)]
    assert same(whole, fold_all(parts, terms))
    assert same(whole, fold(fold(measure(rows, terms), terms, by_leaf=True), terms))


def test_chunks_in_any_number_give_the_same(sample_frame: pl.DataFrame) -> None:
    rows, terms = sample_terms(sample_frame)
    size = 1000
    chunks = [lambda low=low: rows[low : low + size] for low in range(0, len(rows), size)]
    assert same(measured_chunks(chunks, terms), one(rows, terms))


@pytest.fixture
def year_bars(year: pl.DataFrame) -> tuple[pl.DataFrame, Terms]:
    return sample_terms(year)


def test_a_stale_run_over_three_leaves_is_found_once(year_bars: tuple[pl.DataFrame, Terms]) -> None:
    rows, terms = year_bars
    held = pl.int_range(pl.len()).is_between(35, 90)
    frozen = rows.with_columns(pl.when(held).then(pl.col(name).get(35)).otherwise(name).alias(name) for name in FIELDS)
    state = fold(fold(measure(frozen, terms), terms, by_leaf=True), terms)
    assert state.runs.select("repeats", "first_session", "last_session").rows() == [
        (55, rows["session"][36], rows["session"][90])
    ]


def test_a_return_over_a_seam_is_counted_once(year_bars: tuple[pl.DataFrame, Terms]) -> None:
    rows, terms = year_bars
    state = fold(fold(measure(rows, terms), terms, by_leaf=True), terms)
    assert int(state.series["returns"].to_numpy().sum()) == len(rows) - 1
    moved = rows["close"].to_numpy()
    assert state.series["moves"][0] / 2**40 == pytest.approx((moved[1:] / moved[:-1] - 1).sum())


def test_a_lone_price_at_a_seam_is_found_once(year_bars: tuple[pl.DataFrame, Terms]) -> None:
    rows, terms = year_bars
    firsts = rows.with_row_index("at").group_by(pl.col("session").dt.month()).agg(pl.col("at").first())["at"].sort().to_list()[1:]
    spoilt = rows.with_columns(
        pl.when(pl.int_range(pl.len()).is_in(firsts)).then(pl.col("close") * 3).otherwise("close").alias("close")
    )
    state = fold(fold(measure(spoilt, terms), terms, by_leaf=True), terms)
    assert state.spikes.filter(pl.col("field") == "close")["session"].to_list() == rows["session"].gather(firsts).to_list()


HOSTILE: list[tuple[str, pl.Expr]] = [
    ("a column of nulls", pl.lit(None, dtype=pl.Float64).alias("close")),
    ("infinite values", pl.lit(float("inf")).alias("high")),
    ("huge values", pl.lit(1e300).alias("volume")),
    ("tiny values", pl.lit(5e-324).alias("close")),
    ("zeros", pl.lit(0.0).alias("close")),
]


@pytest.mark.parametrize(("name", "damage"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_any_column_gives_a_defined_state(year_bars: tuple[pl.DataFrame, Terms], name: str, damage: pl.Expr) -> None:
    rows, terms = year_bars
    for frame in (rows.with_columns(damage), rows.with_columns(damage)[:1], rows.clear()):
        state = fold(fold(measure(frame, terms), terms, by_leaf=True), terms)
        assert state.rows == len(frame)
        assert same(state, one(frame, terms))
        made = judged_by_states(Evidence(state, Contract(dataset="x"), terms), lambda cells: cells).score
        values = [*made.by_symbol["score"], *made.by_session["score"], *made.losses["points"], float(made)]
        assert all(0 <= value <= 100 for value in values)
        assert (made.reason == "there are no rows") == frame.is_empty()


def test_very_many_symbols_are_one_pass() -> None:
    """A hundred thousand symbols of one row each: a state for each, and every one is counted."""
    count = 100_000
    moment = datetime(2024, 1, 2, 5, tzinfo=UTC)
    frame = pl.DataFrame({"symbol": [f"S{n:06d}" for n in range(count)], "event_at": [moment] * count}).with_columns(
        pl.lit(date(2024, 1, 2)).alias("session"), *[pl.lit(10.0).alias(name) for name in FIELDS]
    )
    state = measured(frame.with_columns(pl.col("event_at").cast(pl.Datetime("us", "UTC"))), DAILY)
    assert len(state.series) == count
    assert state.rows == count
