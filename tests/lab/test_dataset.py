"""A lab's dataset: what arrived is kept, what is read is right, and check and pipeline agree."""

import gzip
import math
from datetime import UTC, date, timedelta
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.calendars import calendar
from workbench.lab.lab import Lab
from workbench.lab.layout import lay_out
from workbench.model.checks import Verdict
from workbench.model.errors import BadInput

CONTRACT = """
dataset = "mine"
calendar = "XNYS"
symbols = ["AAA"]
features = ["returns", "ranges", "adjusted"]
[storage]
partition_by = "{by}"
[[sources]]
name = "vendor"
path = "incoming/*.csv"
"""
ROWS = [
    "2024-01-02,10,11,9,10.5,1000",
    "2024-01-03,10.5,12,10,11,2000",
    "2024-01-04,11,11.5,10.5,11.2,1500",
    "2024-01-05,11.2,11.4,11,11.1,900",
]
HEADER = "Date,Open,High,Low,Close,Volume\n"


def a_lab(tmp_path: Path, rows: list[str], by: str = "time") -> Lab:
    lay_out(tmp_path)
    (tmp_path / "contracts" / "mine.toml").write_text(CONTRACT.format(by=by))
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "AAA.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return wb.open(tmp_path)


@pytest.mark.parametrize("by", ["time", "symbol", "hybrid"])
def test_what_goes_in_comes_out_in_every_partitioning(tmp_path: Path, by: str) -> None:
    data = a_lab(tmp_path, ROWS, by)["mine"]
    assert [a.is_new for a in data.ingest().items] == [True]
    assert [a.is_new for a in data.ingest().items] == [False]
    data.transform()
    rows = data.read(start="2024-01-03", end="2024-01-04").to_polars()
    assert rows["session"].to_list() == [date(2024, 1, 3), date(2024, 1, 4)]
    assert rows["close"].to_list() == [11.0, 11.2]
    returns = data.feature("returns")["simple_return"].to_list()
    assert returns[0] is None
    assert returns[1] == pytest.approx(11 / 10.5 - 1)
    assert len(data.read().to_pandas()) == 4


def test_the_raw_bytes_are_the_vendors_own(tmp_path: Path) -> None:
    data = a_lab(tmp_path, ROWS)["mine"]
    receipt = data.ingest().items[0].receipt
    assert (tmp_path / "data" / receipt.path).read_bytes() == (tmp_path / "incoming" / "AAA.csv").read_bytes()
    assert (receipt.rows, receipt.first, receipt.last) == (4, date(2024, 1, 2), date(2024, 1, 5))


def test_untrustworthy_rows_wait_in_quarantine_and_still_count(tmp_path: Path) -> None:
    bad = [*ROWS, "2024-01-05,11.2,11.4,11,99,900", "soon,1,1,1,1,1", "2024-01-02,10,11,9,10.5,1000"]
    lab = a_lab(tmp_path, bad)
    data = lab["mine"]
    data.ingest()
    done = data.transform().done
    assert done.quarantined == {"conflicting_duplicate": 2, "exact_duplicate": 1, "time_unreadable": 1}
    assert done.rows == 3
    assert data.quarantined()["raw_text"].null_count() == 0
    checked = wb.check(tmp_path / "incoming" / "AAA.csv", contract=data.contract)
    assert data.score().score.value == checked.score.value
    assert [f.id for f in data.findings().items] == [f.id for f in checked.findings]


def test_a_corrected_file_replaces_its_rows_and_the_past_stays_readable(tmp_path: Path) -> None:
    data = a_lab(tmp_path, ROWS)["mine"]
    data.ingest()
    data.transform()
    from datetime import UTC, datetime

    then = datetime.now(UTC)
    (tmp_path / "incoming" / "AAA.csv").write_text(HEADER + ROWS[3].replace("11.1,900", "11.3,950") + "\n")
    data.ingest()
    data.transform("2024-01-05")
    assert data.read().to_polars()["close"].to_list() == [10.5, 11.0, 11.2, 11.3]
    assert data.read(as_of=then).to_polars()["close"].to_list() == [10.5, 11.0, 11.2, 11.1]
    data.transform("2024-01-05")
    assert len(data.read()) == 4


def test_the_score_of_a_past_moment_knows_no_later_quarantine(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    data = a_lab(tmp_path, ROWS)["mine"]
    data.update()
    then = datetime.now(UTC)
    before = data.score(as_of=then).to_json()
    (tmp_path / "incoming" / "AAA.csv").write_text(HEADER + "\n".join([*ROWS, "soon,1,1,1,1,1"]) + "\n")
    data.update()
    assert len(data.quarantined()) == 1
    assert data.score(as_of=then).to_json() == before
    assert data.gather()[1].state.rows == 5


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="workbench init"):
        wb.open(tmp_path)
    lab = a_lab(tmp_path, ROWS)
    with pytest.raises(BadInput, match="did you mean 'mine'"):
        lab["mina"]
    with pytest.raises(BadInput, match="workbench ingest mine"):
        lab["mine"].transform()
    data = lab["mine"]
    data.ingest()
    with pytest.raises(BadInput, match="nothing has arrived for session"):
        data.transform("2025-01-02")


def test_everything_shows_itself_and_hostile_text_is_inert(tmp_path: Path) -> None:
    lab = a_lab(tmp_path, ROWS)
    data = lab["mine"]
    arrivals = data.ingest()
    done = data.transform()
    (tmp_path / "odd.csv").write_text("Symbol," + HEADER + "".join(f"<script>alert(1)</script>,{row}\n" for row in ROWS))
    odd = wb.check(tmp_path / "odd.csv")
    for shown in (lab, data, arrivals, done, data.read(), data.score(), data.findings(), data.profile(), odd):
        html = shown._repr_html_()
        assert "<script>" not in html
        assert repr(shown)
    for figure in (data.read().figure(), data.score().figure(), data.score().figure("losses"), data.profile().figure("coverage")):
        assert figure.layout.meta["alt"]


def test_frames_of_all_kinds_can_be_checked(sample: Path) -> None:
    frame = pl.read_csv(gzip.decompress(sample.read_bytes()), try_parse_dates=True)
    scores = {wb.check(data).score.value for data in (sample, frame, frame.lazy(), frame.to_pandas(), frame.to_arrow())}
    assert scores == {100}
    ibm = frame.filter(pl.col("Ticker") == "IBM").drop("Ticker").to_pandas().set_index("Date")
    assert wb.check(ibm).score.value == 100


def test_another_source_of_a_contract_is_read_as_the_contract_says(tmp_path: Path) -> None:
    """Its columns, its zone and what its stamps mark hold for the reference too, where that does not say otherwise."""
    hours = calendar("XNYS").schedule(date(2024, 1, 2), date(2024, 1, 31))
    ends = [
        opens.astimezone(UTC) + timedelta(minutes=n + 1) for opens in hours["open_at"] for n in range(390)
    ]  # stamped at the end of the bar, in UTC, and without saying so
    price = [100 * math.exp(0.01 * math.sin(n / 50) + 0.0005 * ((n * 7919) % 13 - 6)) for n in range(len(ends))]
    text = "when,px\n" + "\n".join(f"{at:%Y-%m-%d %H:%M:%S},{value:.4f}" for at, value in zip(ends, price, strict=True)) + "\n"
    lay_out(tmp_path)
    for folder in ("incoming", "reference"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "AAA.csv").write_text(text)
    (tmp_path / "contracts" / "mine.toml").write_text(
        'dataset = "mine"\nkind = "values"\nfrequency = "1m"\ncalendar = "XNYS"\ntimezone = "UTC"\nstamp = "end"\n'
        '[columns]\ntime = "when"\nvalue = "px"\n'
        '[[sources]]\nname = "vendor"\npath = "incoming/*.csv"\n'
        '[[sources]]\nname = "other"\npath = "reference/*.csv"\nrole = "reference"\n'
    )
    data = wb.open(tmp_path)["mine"]
    data.update()
    check = next(c.result for c in data.score().score.checks if c.result.name == "reference_agreement")
    assert (check.verdict, check.total) == (Verdict.PASS, len(ends))
    assert check.metrics == {"covered": {"other": 1.0}, "conventions": []}
