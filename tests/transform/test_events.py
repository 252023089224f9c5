"""Lines of a feed: each for itself, whatever the others are."""

import json

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.names import Kind
from workbench.transform.events import Lines, line_hashes, read_lines


def read(payload: bytes, kind: Kind = Kind.BARS, **declared: str) -> Lines:
    return read_lines(payload, origin="feed.jsonl", declared=declared, kind=kind)


def test_a_line_is_a_row_and_what_is_no_object_is_a_row_of_nothing() -> None:
    lines = read(b'{"s": 1, "close": 2}\nnot json\n\n[1, 2]\n{"s": 3, "close": 4.5}\n')
    assert lines.table.frame["close"].to_list() == [2.0, None, None, 4.5]
    assert (lines.unreadable, len(lines.raw)) == ((1, 2), 4)


def test_two_objects_on_a_line_are_no_object() -> None:
    lines = read(b'{"close": 1}, {"close": 2}\n{"close": 3}\n')
    assert (lines.unreadable, lines.table.frame["close"].to_list()) == ((0,), [None, 3])


def test_columns_are_told_by_names_alone() -> None:
    lines = read(b'{"T": "b", "S": "A", "t": 1, "o": "no", "h": null, "l": 1, "c": 2, "v": 3}\n', symbol="S")
    assert lines.table.frame.row(0, named=True) == {
        "symbol": "A", "time": 1, "open": "no", "high": None, "low": 1, "close": 2, "volume": 3,
    }  # fmt: skip


def test_what_comes_together_does_not_change_what_a_key_means() -> None:
    lines = read(b'{"symbol": "A", "ts": 1, "close": 2}\n{"time": "heartbeat"}\n{"symbol": "A", "timestamp": 3, "c": 4}\n')
    assert lines.table.frame["time"].to_list() == ["1", "heartbeat", "3"]
    assert lines.table.frame["close"].to_list() == [2, None, 4]


def test_a_day_and_its_hour_may_come_in_two_keys() -> None:
    assert read(b'{"date": "2024-03-04", "time": "14:30", "close": 1}\n').table.frame.columns[:3] == ["close", "date", "time"]


def test_prices_that_are_absent_are_null_and_a_symbol_that_is_absent_too() -> None:
    lines = read(b'{"time": 1}\n')
    assert {name: lines.table.frame[lines.columns[name]].to_list() for name in ("symbol", "close")} == {
        "symbol": [None], "close": [None],
    }  # fmt: skip


def test_values_of_several_types_are_text() -> None:
    lines = read(b'{"close": 1.25}\n{"close": "1.5"}\n{"close": {"a": 1}}\n{"close": true}\n')
    assert lines.table.frame["close"].to_list() == ["1.25", "1.5", '{"a": 1}', "true"]


def test_whole_numbers_of_any_length_are_numbers_still() -> None:
    assert read(b'{"volume": 99999999999999999999}\n').table.frame["volume"].to_list() == [1e20]
    assert read(b'{"volume": 1' + b"0" * 400 + b"}\n").table.frame["volume"].to_list() == [float("inf")]


def test_half_a_character_in_a_key_is_nothing() -> None:
    assert read(b'{"\\ud800": 1, "close": 2}\n').table.frame["close"].to_list() == [2]


def test_the_same_line_is_the_same_event() -> None:
    first, second, third = line_hashes([b"a", b"b", b"a"])
    assert first == third != second


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_no_bytes_break_it(lines: list[bytes]) -> None:
    payload = b"\n".join(lines)
    found = read(payload)
    assert found.table.frame.height == len(found.raw) == len([line for line in payload.split(b"\n") if line.strip()])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from(["symbol", "time", "close", "x", ""]), json_values), max_size=8))
def test_no_objects_break_it(records: list[dict[str, object]]) -> None:
    found = read(b"\n".join(json.dumps(record).encode() for record in records))
    assert (found.table.frame.height, found.unreadable) == (len(records), ())
    assert all(dtype in (pl.String, pl.Float64, pl.Int64) for dtype in found.table.frame.dtypes)
