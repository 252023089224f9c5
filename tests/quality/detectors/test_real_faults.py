"""What a vendor really sent, against the accepted repair: damaged cells are found, and clean series are left alone."""

from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.model.findings import Finding

PRICES = ("Open", "High", "Low", "Close")
BLOCKS = {
    "4063-T-1d-bad-stock-split": ("partial_split", 9),
    "AET-L-1d-100x-error": ("unit_switch", 14),
    "MOB-ST-1d-bad-stock-split": ("partial_split", 1),
}
DIVIDENDS = {
    "1398-HK-1d-bad-div": ["2024-07-08"],
    "8TRA-DE-1d-missing-div-adjust": ["2023-06-02"],
    "ABDP-L-1d-bad-div": ["2022-05-05", "2022-12-29", "2023-05-04", "2024-02-08", "2024-05-02"],
    "CLC-L-1d-bad-div": ["2022-06-30", "2023-07-27", "2024-08-08"],
    "DODFX-1d-cg-double-count": ["2025-12-18"],
    "KAP-IL-1d-bad-div": ["2022-07-13"],
    "SAND-1d-bad-div": ["2024-01-12"],
}


def found(shared_data: Path, name: str) -> list[Finding]:
    return [f for f in wb.check(shared_data / "yfinance_repair_dev" / f"{name}.csv").findings if f.confidence >= 0.5]


@pytest.mark.parametrize(("name", "expected"), BLOCKS.items())
def test_every_row_on_another_scale_is_found_and_no_other(shared_data: Path, name: str, expected: tuple[str, int]) -> None:
    kind, count = expected
    mine = [f for f in found(shared_data, name) if f.kind == kind]
    folder = shared_data / "yfinance_repair_dev"
    bad, fixed = (pl.read_csv(folder / f"{name}{part}.csv", infer_schema_length=None) for part in ("", "-fixed"))
    damaged = bad.filter((bad["Close"].cast(pl.Float64) / fixed["Close"].cast(pl.Float64) - 1).abs() > 1e-6)["Date"].str.slice(
        0, 10
    )
    covered = {day for f in mine for day in damaged if f.start.isoformat() <= day <= f.end.isoformat()}
    assert sum(f.rows for f in mine) == count == len(damaged)
    assert covered == set(damaged)


@pytest.mark.parametrize(("name", "events"), DIVIDENDS.items())
def test_every_wrong_dividend_is_found_and_no_other(shared_data: Path, name: str, events: list[str]) -> None:
    mine = [f for f in found(shared_data, name) if f.kind == "dividend_adjustment"]
    assert sorted(f.end.isoformat() for f in mine) == events


@pytest.mark.parametrize("name", ["EWG-1d-no-bad-divs", "CALM-1d-no-bad-divs"])
def test_what_only_looks_odd_is_left_alone(shared_data: Path, name: str) -> None:
    assert found(shared_data, name) == []


@pytest.mark.parametrize("name", [*BLOCKS, *DIVIDENDS])
def test_a_repaired_series_has_no_such_fault_left(shared_data: Path, name: str) -> None:
    kinds = {f.kind for f in found(shared_data, f"{name}-fixed")}
    assert kinds.isdisjoint({"partial_split", "unadjusted_split", "double_split"})
    if name not in ("SAND-1d-bad-div", "CLC-L-1d-bad-div"):  # the accepted repair keeps the doubled step; units stay switched
        assert kinds.isdisjoint({"dividend_adjustment", "unit_switch"})
