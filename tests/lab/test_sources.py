"""Vendors against each other: what is convention, what is a mistake, and whose."""

import polars as pl
import pytest

import workbench as wb
from workbench.lab.dataset import Dataset
from workbench.lab.layout import lay_out
from workbench.lab.sources import Sources
from workbench.model.errors import BadInput

PRICES = ("open", "high", "low", "close")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("lab")
    lay_out(root)
    made = wb.open(root)["us_equities"]
    made.update()
    return made


@pytest.fixture(scope="module")
def sources(data: Dataset) -> Sources:
    """Return a year of two symbols beside one vendor with other units, and one that is wrong about one symbol now and then."""
    rows = data.read(symbols=["IBM", "MSFT"], start="2012-03-01").frame
    pence = rows.with_columns(pl.col(*PRICES) * 100)
    is_wrong = (pl.col("symbol") == "IBM") & (pl.int_range(pl.len()) % 40 == 5)
    sloppy = rows.with_columns(pl.when(is_wrong).then(pl.col("close") * 1.02).otherwise("close").alias("close"))
    return data.scratch(rows, references={"pence": pence, "sloppy": sloppy}).sources()


def test_units_are_a_convention_and_the_sloppy_vendor_agrees_less(sources: Sources) -> None:
    told = sources.to_polars()
    assert told["source"].to_list() == ["this data", "pence", "sloppy"]
    shares = dict(told.select("source", "agreement").rows())
    assert shares["pence"] == shares["this data"] == 1
    assert 0.99 < shares["sloppy"] < 1
    units = sources.conventions.filter(pl.col("kind") == "unit")
    assert set(units["symbol"]) == {"IBM", "MSFT"}
    assert units["factor"].to_list() == pytest.approx([0.01] * len(units))


def test_differences_are_in_basis_points_and_of_the_symbol_that_disagrees_most(sources: Sources) -> None:
    far = sources.differences().filter(pl.col("bps").abs() > 50)
    assert set(far["source"]) == {"sloppy"}
    assert far["bps"].to_list() == pytest.approx([198.03] * len(far), abs=0.1)
    assert len(far) == 7
    drawn = sources.figure("differences")
    assert "IBM" in drawn.layout.title.text
    assert "7 lie beyond 50, the furthest 198 at" in repr(drawn)
    assert sources.differences("MSFT")["bps"].abs().max() < 1e-6


@pytest.mark.parametrize("which", ["trust", "differences", "agreement"])
def test_every_figure_says_what_it_shows(sources: Sources, which: str) -> None:
    assert len(repr(sources.figure(which))) > 40
    assert sources.to_json()["sources"][2]["source"] == "sloppy"


def test_what_is_not_there_is_said(data: Dataset, sources: Sources) -> None:
    with pytest.raises(BadInput, match='role = "reference"'):
        data.sources()
    with pytest.raises(BadInput, match="did you mean 'IBM'"):
        sources.differences("IBMM")
    with pytest.raises(BadInput, match="expected one of trust"):
        sources.figure("trusts")
