"""What cannot be trusted structurally is marked with a reason, and never dropped."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.contract import Policies
from workbench.model.names import Kind
from workbench.transform.formats import parse_bytes
from workbench.transform.standardise import Origin, standardise
from workbench.transform.structure import mark_quarantine, sort_rows, with_raw_text

AT = datetime(2024, 1, 2, tzinfo=UTC)


def rows(*closes: float, minutes: list[int] | None = None) -> pl.DataFrame:
    at = [AT.replace(minute=m) for m in (minutes or [0] * len(closes))]
    frame = pl.DataFrame(
        {"symbol": ["A"] * len(closes), "event_at": at, "close": list(closes), "receipt": "", "row": range(len(closes))}
    )
    return sort_rows(frame)


@pytest.mark.parametrize(
    ("closes", "policies", "reasons"),
    [
        ((1.0, 1.0), Policies(), [None, "exact_duplicate"]),
        ((1.0, 1.0), Policies(exact_duplicates="quarantine_all"), ["exact_duplicate"] * 2),
        ((1.0, 2.0), Policies(), ["conflicting_duplicate"] * 2),
        ((1.0, 2.0), Policies(conflicting_duplicates="keep_first"), [None, "conflicting_duplicate"]),
        ((1.0, 2.0), Policies(conflicting_duplicates="keep_last"), ["conflicting_duplicate", None]),
        ((1.0, 1.0, 2.0), Policies(), ["conflicting_duplicate"] * 3),
        ((1.0, float("inf")), Policies(), [None, "infinite_value"]),
    ],
)
def test_duplicates_follow_the_policy(closes: tuple[float, ...], policies: Policies, reasons: list[str | None]) -> None:
    assert mark_quarantine(rows(*closes), Kind.BARS, policies)["quarantine_reason"].to_list() == reasons


def test_trades_may_share_a_moment() -> None:
    trades = rows(1.0, 1.0).rename({"close": "price"})
    assert mark_quarantine(trades, Kind.TICKS, Policies())["quarantine_reason"].null_count() == 2


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1.0, 2.0])), min_size=1, max_size=12))
def test_every_key_keeps_at_most_one_row_and_nothing_is_lost(cells: list[tuple[int, float]]) -> None:
    frame = rows(*(close for _, close in cells), minutes=[minute for minute, _ in cells])
    for policies in (Policies(), Policies(conflicting_duplicates="keep_first"), Policies(conflicting_duplicates="keep_last")):
        marked = mark_quarantine(frame, Kind.BARS, policies)
        assert len(marked) == len(frame)
        kept = marked.filter(pl.col("quarantine_reason").is_null())
        assert kept["event_at"].n_unique() == len(kept)


def test_quarantined_rows_carry_the_vendors_own_cells() -> None:
    payload = b"Date,Close\n2024-01-02,1.50\nsoon,2\n2024-01-04,3\n"
    origins = [Origin(table, receipt="abc") for table in parse_bytes(payload, origin="A.csv")]
    frame = standardise(origins).frame.filter(pl.col("stamp").is_null())
    assert with_raw_text(frame, origins)["raw_text"].to_list() == ['{"Date":"soon","Close":"2"}']
