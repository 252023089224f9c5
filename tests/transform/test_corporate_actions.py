"""Events from a table: read, put beside prices, and taken out of them by hand-worked numbers."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from tests.quality.conftest import clean_year
from workbench.ingest.files import read_paths
from workbench.model.checks import Verdict
from workbench.model.contract import Contract
from workbench.model.errors import BadInput
from workbench.transform.corporate_actions import adjusted_by_events, with_events
from workbench.transform.event_tables import read_events
from workbench.transform.tables import RawTable

PRICES = ("open", "high", "low", "close")
PROMISED = Contract(dataset="x", frequency="1d", calendar="XNYS", adjustment="splits")
AS_TRADED = Contract(dataset="x", frequency="1d", calendar="XNYS", adjustment="none")


def table(**columns: list[str]) -> RawTable:
    return RawTable(pl.DataFrame(columns), "events.csv", "events")


def test_a_table_of_events_is_read_by_its_names() -> None:
    events = read_events(
        table(Ticker=["AAA", "AAA"], **{"Ex-Date": ["2023-03-01", "2023-03-01"]}, Split=["2", ""], Amount=["", "0.5"])
    )
    assert events.rows() == [("AAA", date(2023, 3, 1), 2.0, 0.5)]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"when": ["2023-03-01"], "split": ["2"]}, "expected a date"),
        ({"date": ["2023-03-01"], "note": ["x"]}, "split or dividend"),
        ({"date": ["2023-03-01", "soon"], "split": ["2", "3"]}, "the date of an event cannot be read: 'soon'"),
    ],
)
def test_what_is_no_table_of_events_says_so(columns: dict[str, list[str]], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_events(table(**columns))


def test_prices_adjusted_by_hand() -> None:
    """A dividend of 1 on a close of 100, then two shares for one: the first close is 100 * 0.99 / 2."""
    rows = pl.DataFrame({
        "symbol": ["A"] * 4, "session": [date(2023, 1, d) for d in (3, 4, 5, 6)], "close": [100.0, 99.0, 49.0, 50.0],
    }).with_columns(pl.col("session").cast(pl.Datetime("us", "UTC")).alias("event_at"))  # fmt: skip
    events = pl.DataFrame(
        {"symbol": ["A", None], "session": [date(2023, 1, 4), date(2023, 1, 5)], "split": [1.0, 2.0], "dividend": [1.0, 0.0]}
    )
    beside = with_events(rows, events)
    assert beside["split"].to_list() == [0, 0, 2, 0]
    assert adjusted_by_events(beside)["adjusted_close"].to_list() == pytest.approx([49.5, 49.5, 49.0, 50.0])
    assert adjusted_by_events(beside, dividends=False)["adjusted_close"].to_list() == pytest.approx([50.0, 49.5, 49.0, 50.0])


def test_an_event_on_a_day_off_belongs_to_the_next_session() -> None:
    days = [date(2023, 1, 6), date(2023, 1, 9)]
    rows = pl.DataFrame({"symbol": "A", "session": days, "close": [1.0, 2.0]})
    events = pl.DataFrame({"symbol": ["A"], "session": [date(2023, 1, 7)], "split": [2.0], "dividend": [0.0]})
    assert with_events(rows, events)["split"].to_list() == [0, 2]


def test_events_say_what_a_step_is() -> None:
    year = clean_year()
    halved = year.with_columns(pl.when(pl.int_range(pl.len()) < 120).then(pl.col(n) * 2).otherwise(n).alias(n) for n in PRICES)
    events = pl.DataFrame({"symbol": ["AAA"], "date": [year["date"][120]], "split": [2.0]})
    (open_,) = wb.check(halved, events=events).findings
    assert [h.kind for h in open_.hypotheses[:2]] == ["unadjusted_split", "split"]
    assert open_.confidence < 0.7
    (found,) = wb.check(halved, events=events, contract=PROMISED).findings
    assert found.kind == "unadjusted_split"
    assert found.confidence > 0.9
    assert found.proposed == {"factor": 0.5}
    (partial,) = wb.check(halved, events=events.with_columns(pl.lit(year["date"][130]).alias("date"))).findings
    assert partial.kind == "partial_split"
    doubled = year.with_columns(pl.when(pl.int_range(pl.len()) < 120).then(pl.col(n) / 2).otherwise(n).alias(n) for n in PRICES)
    (twice,) = wb.check(doubled, events=events).findings
    assert twice.kind == "double_split"
    assert wb.check(year, events=events).findings == ()


def halved_at(year: pl.DataFrame, *rows: int) -> pl.DataFrame:
    factor = pl.lit(1.0)
    for row in rows:
        factor = factor * pl.when(pl.int_range(pl.len()) < row).then(2.0).otherwise(1.0)
    return year.with_columns(pl.col(*PRICES) * factor)


def test_prices_that_show_every_split_are_unadjusted() -> None:
    year = clean_year()
    events = pl.DataFrame({"date": [year["date"][80], year["date"][160]], "split": ["2:1", "2-for-1"]})
    checked = wb.check(halved_at(year, 80, 160), events=events)
    assert checked.findings == ()
    assert [odd.kind for odd in checked.judgement.explained] == ["split", "split"]
    assert any("adjustment: none" in said for said in checked.understood.inferred)


def test_a_split_that_unadjusted_prices_do_not_show_is_an_error_of_the_events() -> None:
    year = clean_year()
    events = pl.DataFrame({"symbol": ["AAA", "AAA"], "date": [year["date"][80], year["date"][160]], "split": [2.0, 7.0]})
    checked = wb.check(halved_at(year, 80), events=events, contract=AS_TRADED)
    (found,) = checked.findings
    assert (found.kind, found.start, found.fields) == ("event_error", year["date"][160], ("split",))
    assert {c.result.name for c in checked.score.checks if c.result.verdict is Verdict.FAIL} == {"corporate_actions"}


def test_a_crash_is_none_though_prices_are_not_adjusted() -> None:
    """What is not adjusted may step at a split; that a price doubles says otherwise."""
    year = clean_year()
    doubled = year.with_columns(pl.when(pl.int_range(pl.len()) < 120).then(pl.col(n) / 2).otherwise(n).alias(n) for n in PRICES)
    assert [f.kind for f in wb.check(doubled, contract=AS_TRADED).findings] == ["double_split"]


def test_events_of_nobody_are_told_and_change_nothing() -> None:
    year = clean_year()
    checked = wb.check(year, events=pl.DataFrame({"symbol": ["ZZZ"], "date": [year["date"][80]], "split": [2.0]}))
    assert checked.findings == ()
    assert any("1 of 1 not used" in said for said in checked.understood.inferred)


def test_symbols_the_table_does_not_name_keep_their_own_events() -> None:
    rows = pl.DataFrame({
        "symbol": ["A", "A", "B", "B"], "session": [date(2023, 1, 3), date(2023, 1, 4)] * 2, "close": [1.0] * 4,
        "dividend": [0.0, 0.3, 0.0, 0.7], "split": [0.0] * 4,
    })  # fmt: skip
    events = pl.DataFrame({"symbol": ["A"], "session": [date(2023, 1, 3)], "split": [2.0], "dividend": [0.0]})
    beside = with_events(rows, events)
    assert beside["dividend"].to_list() == [0.0, 0.0, 0.0, 0.7]
    assert beside["split"].to_list() == [2.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("cell", "said"), [("four", "a split cannot be read: 'four'; expected a number, or 2:1"), ("-2", "a split of -2")]
)
def test_an_event_that_cannot_be_read_is_refused(cell: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_events(table(date=["2023-03-01"], split=[cell]))


def test_a_row_that_stands_twice_counts_once_and_no_split_is_none() -> None:
    events = read_events(table(date=["2023-03-01"] * 3, split=["2", "2", "0"], amount=["", "", "0.5"]))
    assert events.rows() == [(None, date(2023, 3, 1), 2.0, 0.5)]


def test_a_factor_file_is_read(tmp_path: Path) -> None:
    """Four columns without a header: a dividend of 0.5 on 2022-03-01, two shares for one on 2022-06-01."""
    path = tmp_path / "aaa.csv"
    path.write_text("20220228,0.95,0.5,10\n20220531,1,0.5,88.99\n20501231,1,1,0\n")
    events = read_events(read_paths((path,))[0])
    assert events.rows() == [(None, date(2022, 3, 1), 1.0, 0.5), (None, date(2022, 6, 1), 2.0, 0.0)]


def test_a_lab_derives_adjusted_prices(tmp_path: Path) -> None:
    from tests.lab.test_states import lay_out

    lay_out(tmp_path)
    year = clean_year().with_columns(
        pl.when(pl.int_range(pl.len()) < 120).then(pl.col(n) * 2).otherwise(n).alias(n) for n in PRICES
    )
    (tmp_path / "incoming").mkdir(exist_ok=True)
    year.rename({"date": "Date"}).write_csv(tmp_path / "incoming" / "bars.csv")
    (tmp_path / "events.csv").write_text(f"symbol,date,split,dividend\nAAA,{year['date'][120]},2,0\n")
    contract = '[[sources]]\nname = "v"\npath = "incoming/*.csv"\n'
    head = 'dataset = "mine"\ncalendar = "XNYS"\nevents = "events.csv"\n'
    (tmp_path / "contracts" / "mine.toml").write_text(head + 'adjustment = "none"\n' + contract)
    data = wb.open(tmp_path)["mine"]
    data.update()
    made = data.judge()
    assert made.findings == ()
    assert [odd.kind for odd in made.explained] == ["split"]
    assert len(data.adjusted()) == 250
    view = data.adjusted(end="2023-06-30")
    assert view["adjusted_close"][0] == pytest.approx(clean_year()["close"][0])
    (tmp_path / "contracts" / "mine.toml").write_text(head + contract)
    with pytest.raises(BadInput, match="its contract says 'unknown'"):
        wb.open(tmp_path)["mine"].adjusted()
