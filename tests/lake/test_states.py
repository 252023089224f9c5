"""The store of states: what is saved is what is loaded, once, whatever happens to files in between."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from workbench.lake import Lake, StateStore, state_files, state_parts, states
from workbench.lake.state_files import packed, to_bytes, unpacked
from workbench.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TERMS = "0123abcd"
FIRST = date(2024, 1, 1)
Leaf = date | None


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def listed(leaves: Iterable[Leaf], key: str = "k") -> pl.DataFrame:
    rows = [(leaf, f"{key}-{leaf}") for leaf in leaves]
    return pl.DataFrame(rows, schema={"leaf": pl.Date, "key": pl.String}, orient="row")


def frames(leaves: Sequence[Leaf], factor: int = 1) -> dict[str, pl.DataFrame]:
    """Return two frames: counts with a histogram for two symbols of each leaf, and edges of some leaves."""
    symbols = pl.DataFrame({"leaf": pl.Series([leaf for leaf in leaves for _ in "AB"], dtype=pl.Date)})
    counts = symbols.with_columns(symbol=pl.Series(["B", "A"] * len(leaves)), rows=pl.row_index().cast(pl.Int64) * factor)
    bins = np.arange(len(counts) * 64, dtype=np.uint32).reshape(-1, 64) * factor
    edges = pl.DataFrame({"leaf": pl.Series(leaves[::2], dtype=pl.Date)}).with_columns(close=pl.lit(0.1) * factor)
    return {"counts": counts.with_columns(bins=pl.Series(bins, dtype=pl.Array(pl.UInt32, 64))), "edges": edges}


def assert_same(found: dict[str, pl.DataFrame], expected: dict[str, pl.DataFrame]) -> None:
    assert sorted(found) == sorted(expected)
    for name, frame in expected.items():
        assert_frame_equal(found[name], frame.sort("leaf", maintain_order=True))


@pytest.fixture
def store(lake: Lake) -> StateStore:
    return StateStore(lake, "bars")


def folder_of(store: StateStore) -> Path:
    return store.lake.root / "metadata" / "states" / "bars" / TERMS


def parts(store: StateStore) -> list[Path]:
    return sorted(path for path in folder_of(store).iterdir() if len(path.name) == 32)


def everything(store: StateStore) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder_of(store).rglob("*")}


def test_what_is_saved_is_loaded(store: StateStore) -> None:
    leaves: list[Leaf] = [day(2), None, day(0)]
    store.save(TERMS, listed(leaves), frames(leaves))
    found, loaded = store.load(TERMS, listed([day(2), day(0), None]))
    assert_frame_equal(found, listed([None, day(0), day(2)]))
    assert_same(loaded, frames(leaves))
    assert store.keys(TERMS)["part"].unique().to_list() == [parts(store)[0].name]


def test_what_is_not_stored_is_not_found(store: StateStore) -> None:
    assert store.keys(TERMS).is_empty()
    assert store.keys(TERMS).schema == {"leaf": pl.Date, "key": pl.String, "part": pl.String}
    found, loaded = store.load(TERMS, listed([day(0)]))
    assert (found.height, loaded) == (0, {})
    store.save(TERMS, listed([day(0), day(1)]), frames([day(0), day(1)]))
    assert store.load(TERMS, listed([day(0)], key="other"))[0].is_empty()
    assert store.load("other", listed([day(0)]))[0].is_empty()
    found, loaded = store.load(TERMS, listed([day(1), day(9)]))
    assert_frame_equal(found, listed([day(1)]))
    assert (loaded["counts"].height, loaded["edges"].height) == (2, 0)


def test_saving_again_writes_nothing(store: StateStore) -> None:
    store.save(TERMS, listed([day(0), day(1)]), frames([day(0), day(1)]))
    before = everything(store)
    store.save(TERMS, listed([day(0), day(1)]), frames([day(0), day(1)]))
    store.save(TERMS, listed([day(1)]), frames([day(1)]))
    store.save(TERMS, listed([]), {})
    assert everything(store) == before


def test_a_leaf_keeps_the_states_of_its_past(store: StateStore) -> None:
    for number in range(40):  # more than stay small parts
        store.save(TERMS, listed([day(0)], key=f"v{number}"), frames([day(0)], factor=number))
    assert len(parts(store)) <= states.SMALL_PARTS
    for number in range(40):
        found, loaded = store.load(TERMS, listed([day(0)], key=f"v{number}"))
        assert found.height == 1
        assert_same(loaded, frames([day(0)], factor=number))


def test_many_leaves_become_few_parts(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SMALL_PARTS", 4)
    days = [day(number) for number in range(30)]
    for one in days:
        store.save(TERMS, listed([one]), frames([one]))
        assert len(parts(store)) <= 4
    found, loaded = store.load(TERMS, listed(days))
    assert_frame_equal(found, listed(days))
    assert_same(loaded, {name: pl.concat([frames([one])[name] for one in days]) for name in ("counts", "edges")})
    assert not list(folder_of(store).glob(".*"))


def test_large_parts_are_left_alone(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    days = [day(number) for number in range(200)]
    store.save(TERMS, listed(days), frames(days))
    (large,) = parts(store)
    monkeypatch.setattr(states, "SMALL_PARTS", 2)
    monkeypatch.setattr(states, "SMALL_BYTES", 10_000)
    for number in range(300, 306):
        store.save(TERMS, listed([day(number)]), frames([day(number)]))
    assert large in parts(store)
    assert len(parts(store)) <= 3


@pytest.mark.parametrize("name", ["counts", "edges", "leaves"])
@pytest.mark.parametrize("harm", ["flip", "cut", "delete"])
def test_a_damaged_part_is_left_out_told_once_and_saved_anew(
    store: StateStore, caplog: pytest.LogCaptureFixture, name: str, harm: str
) -> None:
    both = listed([day(0), day(1)])
    for one in (day(0), day(1)):
        store.save(TERMS, listed([one]), frames([one]))
    part = next(p for p in parts(store) if pl.read_parquet(p / "leaves.parquet")["leaf"].item() == day(0))
    path = part / f"{name}.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(content if harm == "flip" else content[:-5])
    with caplog.at_level(logging.WARNING, "workbench"):
        found, loaded = store.load(TERMS, both)
        assert store.load(TERMS, both)[0].equals(found)
    assert [part.name in record.getMessage() for record in caplog.records] == [True]
    assert "\n" not in caplog.text.strip()
    assert_frame_equal(found, listed([day(1)]))
    assert_same(loaded, frames([day(1)]))
    store.save(TERMS, both, frames([day(0), day(1)]))
    found, loaded = store.load(TERMS, both)
    assert found.height == 2
    assert loaded["counts"].filter(pl.col("leaf") == day(0)).equals(frames([day(0), day(1)])["counts"].head(2))


def test_a_part_that_cannot_be_taken_away_does_not_stop_a_reader(
    store: StateStore, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(TERMS, listed([day(0)]), frames([day(0)]))
    monkeypatch.setattr(state_parts, "remove", lambda _: None)
    (parts(store)[0] / "edges.parquet").write_bytes(b"")
    assert store.load(TERMS, listed([day(0)]))[0].is_empty()
    (parts(store)[0] / "leaves.parquet").write_bytes(b"")
    assert store.keys(TERMS).is_empty()
    assert len(caplog.records) == 2


def test_a_damaged_part_is_not_merged_into_the_others(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SMALL_PARTS", 2)
    store.save(TERMS, listed([day(0)]), frames([day(0)]))
    (parts(store)[0] / "edges.parquet").write_bytes(b"PAR1")
    for number in (1, 2):
        store.save(TERMS, listed([day(number)]), frames([day(number)]))
    assert store.keys(TERMS)["leaf"].to_list() == [day(1), day(2)]
    assert len(parts(store)) == 1


def test_what_was_begun_and_not_published_is_ignored(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", power_cut)
        with pytest.raises(KeyboardInterrupt):
            store.save(TERMS, listed([day(0)]), frames([day(0)]))
        with pytest.raises(KeyboardInterrupt):
            store.save_total(TERMS, "d0", frames([day(0)]))
    assert list(folder_of(store).rglob("counts.parquet"))
    assert store.keys(TERMS).is_empty()
    assert store.load_total(TERMS, "d0") is None
    store.save(TERMS, listed([day(0)]), frames([day(0)]))
    store.save_total(TERMS, "d0", frames([day(0)]))
    assert store.load(TERMS, listed([day(0)]))[0].height == 1
    assert store.load_total(TERMS, "d0") is not None


def test_a_merge_that_was_cut_short_loses_and_doubles_nothing(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SMALL_PARTS", 3)

    def power_cut(folder: Path) -> None:
        raise KeyboardInterrupt

    days = [day(number) for number in range(4)]
    with monkeypatch.context() as patch:
        patch.setattr(states, "remove", power_cut)
        for one in days[:3]:
            store.save(TERMS, listed([one]), frames([one]))
        with pytest.raises(KeyboardInterrupt):
            store.save(TERMS, listed(days[3:]), frames(days[3:]))
    assert len(parts(store)) == 5
    assert store.keys(TERMS).height == 4
    assert store.load(TERMS, listed(days))[1]["counts"].height == 8
    store.save(TERMS, listed([day(9)]), frames([day(9)]))
    assert len(parts(store)) == 1
    assert store.load(TERMS, listed([*days, day(9)]))[1]["counts"].height == 10


def test_merging_what_is_merged_already_removes_nothing_that_is_needed(
    store: StateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes that merged the same parts: the one who comes last finds its part there."""
    monkeypatch.setattr(states, "SMALL_PARTS", 1)
    monkeypatch.setattr(states, "remove", lambda _: None)
    for number in (0, 1):
        store.save(TERMS, listed([day(number)]), frames([day(number)]))
    assert len(parts(store)) == 3
    monkeypatch.undo()
    monkeypatch.setattr(states, "SMALL_PARTS", 1)
    store._merge_small(TERMS)
    assert len(parts(store)) == 1
    assert store.load(TERMS, listed([day(0), day(1)]))[0].height == 2


def test_a_part_that_is_merged_between_listing_and_reading_is_found_again(
    store: StateStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    days = [day(0), day(1)]
    for one in days:
        store.save(TERMS, listed([one]), frames([one]))

    def merge_first(name: str) -> None:
        module = states if hasattr(states, name) else state_parts
        original = getattr(module, name)

        def merging(*args: Any) -> Any:
            monkeypatch.setattr(module, name, original)
            monkeypatch.setattr(states, "SMALL_PARTS", 1)
            store._merge_small(TERMS)
            return original(*args)

        monkeypatch.setattr(module, name, merging)

    merge_first("read_indexes")
    assert store.keys(TERMS).height == 2
    assert len(parts(store)) == 1
    monkeypatch.setattr(states, "SMALL_PARTS", 32)
    store.save(TERMS, listed([day(2)]), frames([day(2)]))
    merge_first("read_part")
    found, loaded = store.load(TERMS, listed([*days, day(2)]))
    assert (found.height, loaded["counts"].height, len(parts(store))) == (3, 6, 1)
    assert not caplog.records


def test_writers_and_readers_at_once(
    store: StateStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(states, "SMALL_PARTS", 3)
    days = [day(number) for number in range(24)]

    def work(one: date) -> int:
        store.save(TERMS, listed([one]), frames([one]))
        return store.load(TERMS, listed([one]))[0].height

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, days)) == [1] * len(days)
    assert store.keys(TERMS)["leaf"].to_list() == days
    assert store.load(TERMS, listed(days))[1]["counts"].height == 2 * len(days)
    assert not caplog.records


def test_few_totals_are_kept(store: StateStore, caplog: pytest.LogCaptureFixture) -> None:
    assert store.load_total(TERMS, "d0") is None
    for number in range(12):
        store.save_total(TERMS, f"d{number}", frames([day(number)]))
    kept = [number for number in range(12) if store.load_total(TERMS, f"d{number}") is not None]
    assert kept == list(range(4, 12))
    newest = store.load_total(TERMS, "d11")
    assert newest is not None
    assert_same(newest, frames([day(11)]))
    before = everything(store)
    store.save_total(TERMS, "d11", frames([day(11)]))
    assert everything(store) == before
    assert store.keys(TERMS).is_empty()
    assert not caplog.records


def test_a_damaged_total_is_told_once_and_saved_anew(store: StateStore, caplog: pytest.LogCaptureFixture) -> None:
    store.save_total(TERMS, "d0", frames([day(0)]))
    path = next(folder_of(store).rglob("counts.parquet"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert store.load_total(TERMS, "d0") is None
    assert store.load_total(TERMS, "d0") is None
    assert ["d0" in record.getMessage() for record in caplog.records] == [True]
    store.save_total(TERMS, "d0", frames([day(0)]))
    found = store.load_total(TERMS, "d0")
    assert found is not None
    assert_same(found, frames([day(0)]))


NUMBERS = [pl.UInt8, pl.Int16, pl.UInt32, pl.Int64, pl.Float32, pl.Float64]


@given(
    dtype=st.sampled_from(NUMBERS),
    width=st.integers(1, 4),
    rows=st.lists(st.integers(0, 255), max_size=5),
    has_null=st.booleans(),
)
def test_arrays_survive_packing(dtype: Any, width: int, rows: list[int], has_null: bool) -> None:
    cells: list[list[int] | None] = [[value] * width for value in rows]
    frame = pl.DataFrame({"x": pl.Series([*cells, None] if has_null else cells, dtype=pl.Array(dtype, width)), "plain": 1})
    again = unpacked(pl.scan_parquet(to_bytes(packed(frame)))).collect()
    assert_frame_equal(again, frame)
    assert (packed(frame).columns == frame.columns) == (has_null or not rows)


def test_what_cannot_be_stored_is_refused(lake: Lake, store: StateStore) -> None:
    good = frames([day(0)])
    with pytest.raises(BadInput, match="several times"):
        store.save(TERMS, listed([day(0), day(0)]), good)
    with pytest.raises(BadInput, match="several times"):
        store.load(TERMS, listed([None, None]))
    with pytest.raises(BadInput, match="found 2024-01-02 in 'counts'"):
        store.save(TERMS, listed([day(0)]), frames([day(0), day(1)]))
    with pytest.raises(BadInput, match="called 'leaves'"):
        store.save(TERMS, listed([day(0)]), {"leaves": good["counts"]})
    with pytest.raises(BadInput, match="expected a name"):
        store.save(TERMS, listed([day(0)]), {"../x": good["counts"]})
    with pytest.raises(BadInput, match="'leaf'"):
        store.save(TERMS, listed([day(0)]), {"x": good["counts"].drop("leaf")})
    with pytest.raises(BadInput, match="packed arrays"):
        store.save(TERMS, listed([day(0)]), {"x": good["counts"].rename({"rows": "rows:UInt8[3]"})})
    for terms in ("", "../x", "a/b", "totals", ".x", "a" * 200):
        with pytest.raises(BadInput, match="fingerprint"):
            store.keys(terms)
        with pytest.raises(BadInput, match="fingerprint"):
            store.save_total(TERMS, terms, good)
    with pytest.raises(BadInput, match="expected a name"):
        StateStore(lake, "../x")
    assert not list((lake.root / "metadata").rglob("*.parquet"))


def test_a_failing_disk_is_not_taken_for_an_existing_part(store: StateStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space"):
        state_files.publish(folder_of(store) / ("0" * 32), {"x": b""})
    assert not list(folder_of(store).iterdir())
