"""The hash of a leaf: of what the rows say, and of nothing else."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from hashlib import blake2b
from importlib import import_module
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.lake import LeafBy, content_hashes, leaf_of
from workbench.model.errors import BadInput

DAY = date(2024, 1, 31)
SCHEMA = {
    "symbol": pl.String,
    "event_at": pl.Datetime("us", "UTC"),
    "session": pl.Date,
    "close": pl.Float64,
    "trades": pl.Int64,
    "is_halted": pl.Boolean,
    "unreadable": pl.String,
}
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "symbol": st.none() | st.text(max_size=3),
    "event_at": st.none() | st.datetimes(datetime(2024, 1, 31), datetime(2024, 2, 1)).map(lambda t: t.replace(tzinfo=UTC)),  # noqa: DTZ001
    "session": st.none() | st.dates(DAY, date(2024, 2, 2)),
    "close": st.none() | st.sampled_from([0.0, -0.0, float("nan"), float("inf")]) | st.floats(),
    "trades": st.none() | st.integers(-(2**63), 2**63 - 1),
    "is_halted": st.none() | st.booleans(),
    "unreadable": st.none() | st.sampled_from(["", "\0", ",", "a", "\x00\x01", "🦈"]) | st.text(max_size=2),
}
ROWS = st.lists(st.fixed_dictionaries(CELLS), max_size=12)


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA)


def one(**columns: Any) -> str:
    """Return the hash of a leaf of one session."""
    frame = pl.DataFrame(columns).with_columns(session=pl.lit(DAY))
    return str(content_hashes(frame, LeafBy.SESSION)["hash"].item())


@given(rows=ROWS, order=st.randoms(use_true_random=False), by=st.sampled_from(LeafBy))
def test_any_order_of_rows_gives_the_same_hash(rows: list[dict[str, Any]], order: Any, by: LeafBy) -> None:
    shuffled = order.sample(rows, len(rows))
    hashes = content_hashes(frame_of(rows), by)
    assert_frame_equal(content_hashes(frame_of(shuffled), by), hashes)
    assert hashes["rows"].sum() == len(rows)
    assert hashes["leaf"].to_list() == frame_of(rows).select(leaf_of(by).unique().sort()).to_series().to_list()


@given(rows=ROWS.filter(bool), data=st.data())
def test_any_changed_cell_gives_another_hash(rows: list[dict[str, Any]], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from([name for name in CELLS if name != "session"]))
    before = frame_of(rows)
    after = frame_of([row | {name: data.draw(CELLS[name])} if i == place else row for i, row in enumerate(rows)])
    same = _bits(before) == _bits(after)
    assert content_hashes(before, LeafBy.SESSION).equals(content_hashes(after, LeafBy.SESSION)) == same


def _bits(frame: pl.DataFrame) -> list[str]:
    """Return rows as texts that tell -0.0 from 0.0, as a bag."""
    return sorted(repr(row) for row in frame.iter_rows())


@given(rows=ROWS, value=st.sampled_from([pl.lit(None, dtype=pl.Float64), pl.lit(None, dtype=pl.String), pl.lit(None)]))
def test_a_column_without_values_changes_no_leaf(rows: list[dict[str, Any]], value: pl.Expr) -> None:
    frame = frame_of(rows)
    assert_frame_equal(content_hashes(frame.with_columns(vwap=value), LeafBy.MONTH), content_hashes(frame, LeafBy.MONTH))


def test_a_column_with_a_value_changes_the_leaf_that_has_it() -> None:
    frame = pl.DataFrame({"symbol": ["A", "A"], "session": [DAY, date(2024, 2, 1)]})
    more = content_hashes(frame.with_columns(vwap=pl.Series([None, 1.0])), LeafBy.SESSION)["hash"]
    assert (more == content_hashes(frame, LeafBy.SESSION)["hash"]).to_list() == [True, False]


def test_where_rows_came_from_and_lie_is_not_hashed() -> None:
    bare = pl.DataFrame({"symbol": ["A"], "session": [DAY]})
    told = bare.with_columns(receipt=pl.lit("0" * 16), row=7, raw_text=pl.lit("A,1"), year=2024, month=1, symbol_key=pl.lit("A"))
    assert_frame_equal(content_hashes(told, LeafBy.SESSION), content_hashes(bare, LeafBy.SESSION))


def test_texts_that_look_alike_when_joined_do_not_collide() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"), ("a\0b", "c"), ("a", "b\0c")]
    assert len({one(symbol=[left], note=[right]) for left, right in pairs}) == len(pairs)
    assert len({one(symbol=[left, right]) for left, right in pairs}) == 5  # in a column (abc, '') is as ('', abc)
    assert one(symbol=["A"], note=[""]) != one(symbol=["A"], note=pl.Series([None], dtype=pl.String))


def test_names_and_types_are_hashed_but_not_widths_and_units() -> None:
    assert one(bid=[1.0]) != one(ask=[1.0])
    assert len({one(x=[1]), one(x=[1.0]), one(x=["1"]), one(x=[True]), one(x=[date(1970, 1, 2)])}) == 5
    assert one(x=pl.Series([1], dtype=pl.Int8)) == one(x=[1])
    assert one(x=pl.Series([0.5], dtype=pl.Float32)) == one(x=[0.5])
    moment = pl.Series([datetime(2024, 1, 31, 15, tzinfo=UTC)])
    assert one(event_at=moment) == one(event_at=moment.dt.cast_time_unit("ms"))
    assert one(event_at=moment) == one(event_at=moment.dt.convert_time_zone("Asia/Tokyo"))


def test_zeros_differ_and_nan_is_one_value() -> None:
    other_nan = pl.Series(np.array([0x7FF8000000000001], dtype=np.uint64).view(np.float64))
    assert one(close=[0.0]) != one(close=[-0.0])
    assert one(close=other_nan) == one(close=[float("nan")]) != one(close=pl.Series([None], dtype=pl.Float64))


def test_a_month_is_one_leaf_and_rows_without_session_another() -> None:
    days = [date(2024, 2, 29), None, DAY, date(2024, 2, 1)]
    hashes = content_hashes(pl.DataFrame({"symbol": ["A", "B", "C", "D"], "session": days}), LeafBy.MONTH)
    assert hashes["leaf"].to_list() == [None, date(2024, 1, 1), date(2024, 2, 1)]
    assert hashes["rows"].to_list() == [1, 1, 2]
    assert hashes["hash"].str.contains("^[0-9a-f]{32}$").all()
    assert content_hashes(pl.DataFrame(schema=SCHEMA), LeafBy.MONTH).is_empty()


def test_the_bytes_that_are_hashed_are_for_good() -> None:
    """Hashes written years ago are compared with those of today: other bytes need another form."""
    frame = pl.DataFrame(
        [("B", None, DAY, -0.0, None, "é"), (None, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), DAY, 1.5, 7, "")],
        schema={name: dtype for name, dtype in SCHEMA.items() if name != "is_halted"},
        orient="row",
    )
    day = (DAY - date(1970, 1, 1)).days
    pieces = [
        b"workbench leaf 1\0" + struct.pack("<q", 2),
        struct.pack("<q5s1sB2d", 5, b"close", b"f", 0, 1.5, -0.0),
        struct.pack("<q8s1sB2B2q", 8, b"event_at", b"t", 1, 1, 0, 1_000_000, 0),
        struct.pack("<q7s1sB2q", 7, b"session", b"d", 0, day, day),
        struct.pack("<q6s1sB2B2q1s", 6, b"symbol", b"s", 1, 0, 1, 0, 1, b"B"),
        struct.pack("<q6s1sB2B2q", 6, b"trades", b"i", 1, 1, 0, 7, 0),
        struct.pack("<q10s1sB2q2s", 10, b"unreadable", b"s", 0, 0, 2, "é".encode()),
    ]
    expected = blake2b(b"".join(pieces), digest_size=16).hexdigest()
    assert content_hashes(frame, LeafBy.SESSION).row(0) == (DAY, expected, 2)


@pytest.mark.parametrize("by", list(LeafBy))
@pytest.mark.parametrize("lazily", [False, True])
def test_many_rows_are_hashed_some_leaves_at_a_time(
    standard: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, by: LeafBy, lazily: bool
) -> None:
    frame = pl.concat([standard, standard.head(7).with_columns(session=pl.lit(None, dtype=pl.Date))])
    whole = content_hashes(frame, by)
    monkeypatch.setattr(import_module("workbench.lake.leaf_hash"), "BATCH_ROWS", 50)
    assert_frame_equal(content_hashes(frame.lazy() if lazily else frame, by), whole)


def test_what_has_no_plain_value_is_refused() -> None:
    with pytest.raises(BadInput, match="column 'x': expected numbers"):
        one(x=[[1, 2]])
