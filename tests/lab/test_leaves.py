"""Findings by leaf: a new day looks at the leaves within its margin and at no others, and all ends as from one batch."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.lab.test_states import lay_out
from workbench.calendars import calendar
from workbench.lab.dataset import Dataset
from workbench.lab.judgement import Judgement
from workbench.lab.memory import memory_of
from workbench.model.checks import Verdict
from workbench.quality import by_leaf
from workbench.quality.findings import find
from workbench.quality.ledger import Ledger
from workbench.quality.margins import MONTHS, month_from

FIRST, LAST = date(2016, 1, 1), date(2021, 12, 31)
SESSIONS = calendar("XNYS").sessions(FIRST, LAST)
COUNT = len(SESSIONS)
PRICES = ("open", "high", "low", "close")
Columns = dict[str, np.ndarray[Any, Any]]


def bars(seed: int) -> Columns:
    """Return six years of calm bars to the cent."""
    random = np.random.default_rng(seed)
    close = 60 * np.exp(np.cumsum(random.normal(0, 0.012, COUNT)))
    opened = np.concatenate([[60.0], close[:-1]]) * np.exp(random.normal(0, 0.004, COUNT))
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0, 0.004, COUNT)))
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0, 0.004, COUNT)))
    volume = np.round(1e6 * np.exp(random.normal(0, 0.3, COUNT)))
    return {name: np.round(column, 2) for name, column in zip(PRICES, (opened, high, low, close), strict=True)} | {
        "volume": volume
    }


def ticked(values: Columns) -> None:
    for at in (40, 500, 900, 1300, COUNT - 1):
        values["low"][at] *= 0.7


def standing(values: Columns) -> None:
    for rows in (slice(300, 306), slice(1000, 1400)):  # some days, and more than a year and a half
        for name in (*PRICES, "volume"):
            values[name][rows] = values[name][rows.start]


def replayed(values: Columns) -> None:
    for name in (*PRICES, "volume"):
        values[name][1200:1208] = values[name][945:953]  # a year before
        values[name][1400:1440] = np.round(values[name][1400:1440]) if name != "volume" else values[name][1400:1440]


def rescaled(values: Columns) -> None:
    for name in PRICES:
        values[name][:700] *= 2  # a split that was not applied
        values[name][1380:1390] /= 100


def loud(values: Columns) -> None:
    values["volume"][600:1100] *= 100


def untouched(values: Columns) -> None:
    pass


SPOILT: dict[str, Callable[[Columns], None]] = {
    "TICK": ticked, "HALT": standing, "COPY": replayed, "STEP": rescaled, "LOUD": loud, "CALM": untouched,
}  # fmt: skip
LIVES = {"TICK": (0, COUNT), "HALT": (0, COUNT), "COPY": (130, COUNT), "STEP": (0, COUNT), "LOUD": (0, 1300), "CALM": (0, COUNT)}


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    parts = []
    for seed, (symbol, spoil) in enumerate(SPOILT.items()):
        values = bars(seed)
        spoil(values)
        first, last = LIVES[symbol]
        kept = np.ones(COUNT, dtype=bool)
        if symbol == "CALM":
            kept[400:700] = False  # a hole of more than a year
        frame = pl.DataFrame({"symbol": symbol, "date": SESSIONS, **values}).filter(pl.Series(kept))
        parts.append(frame.filter(pl.col("date").is_between(SESSIONS[first], SESSIONS[last - 1])))
    return pl.concat(parts).sort("date", "symbol")


def lab(root: Path, more: str = "") -> Dataset:
    lay_out(root)
    (root / "incoming").mkdir(exist_ok=True)
    contract = f'dataset = "mine"\ncalendar = "XNYS"\n{more}[[sources]]\nname = "v"\npath = "incoming/*.parquet"\n'
    (root / "contracts" / "mine.toml").write_text(contract)
    return wb.open(root)["mine"]


def bring(data: Dataset, name: str, rows: pl.DataFrame) -> Dataset:
    path = data.root / "incoming" / f"{name}.parquet"
    rows.write_parquet(path)
    data.update([path])
    return data


def told(judgement: Judgement) -> tuple[Any, ...]:
    """Return all that is said, in full: findings with their hypotheses and values, explanations, what counts, the score."""
    findings, explained = (sorted(map(in_full, some)) for some in (judgement.findings, judgement.explained))
    faults = judgement.ledger.faults.sort(pl.all()).rows()
    checks = [(str(dimension.dimension), check.result) for dimension in judgement.score.dimensions for check in dimension.checks]
    counts = [(name, result.name, result.verdict, result.failures, result.total) for name, result in checks]
    return findings, explained, faults, counts, judgement.score.value, judgement.incidents


def in_full(said: Any) -> str:
    return repr(asdict(said))


def grown(data: Dataset, rows: pl.DataFrame, *ends: int) -> None:
    """Bring rows up to one session after another, and ask for the same each time."""
    done = -1
    for end in (*ends, COUNT - 1):
        bring(data, f"to{end}", rows.filter(pl.col("date").is_between(SESSIONS[done + 1], SESSIONS[end])))
        assert told(data.judge()) == told(data.judge(fresh=True))
        done = end


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """The leaves that were judged."""
    asked: list[date] = []
    judged = by_leaf._judged

    def spy(ledger: Any, look: Any, wanted: Any, leaves: Any) -> Any:
        asked.extend(wanted)
        return judged(ledger, look, wanted, leaves)

    monkeypatch.setattr(by_leaf, "_judged", spy)
    return asked


def test_days_after_days_end_with_what_one_batch_finds(tmp_path: Path, rows: pl.DataFrame) -> None:
    batch = bring(lab(tmp_path / "batch"), "all", rows)
    whole = batch.judge(fresh=True)
    kinds = {f.kind for f in whole.findings if f.confidence >= 0.5}
    assert {"bad_tick", "stale", "unit_switch", "unadjusted_split", "volume_unit", "precision", "missing_session"} <= kinds
    assert told(batch.judge()) == told(whole)
    days = lab(tmp_path / "days")
    grown(days, rows, 200, 620, 1000, 1150, 1395, 1405, COUNT - 3, COUNT - 2)
    assert told(days.judge()) == told(whole)


def test_a_file_of_the_same_rows_says_the_same(tmp_path: Path, rows: pl.DataFrame) -> None:
    stored = bring(lab(tmp_path), "all", rows).judge()
    checked = wb.check(rows, calendar="XNYS")
    assert sorted(map(in_full, stored.findings)) == sorted(map(in_full, checked.findings))


def test_a_day_looks_at_the_leaves_within_its_margin_and_at_no_others(
    tmp_path: Path, rows: pl.DataFrame, looked_at: list[date]
) -> None:
    data = bring(lab(tmp_path), "early", rows.filter(pl.col("date") < SESSIONS[-1]))
    data.judge()
    assert (looked_at[0], looked_at[-1], len(looked_at)) == (date(2016, 1, 1), date(2021, 12, 1), 72)
    looked_at.clear()
    bring(data, "last", rows.filter(pl.col("date") == SESSIONS[-1])).judge()
    assert looked_at == [month_from(date(2021, 12, 1), -back) for back in range(MONTHS, -1, -1)]


def test_a_bar_that_is_corrected_has_the_leaves_around_it_judged_again(
    tmp_path: Path, rows: pl.DataFrame, looked_at: list[date]
) -> None:
    data = bring(lab(tmp_path), "all", rows)
    before = data.judge()
    looked_at.clear()
    wrong = (pl.col("symbol") == "TICK") & (pl.col("date") == SESSIONS[900])
    after = bring(data, "fix", rows.filter(wrong).with_columns(low=pl.min_horizontal("open", "close") * 0.998)).judge()
    middle = SESSIONS[900].replace(day=1)
    assert looked_at == [month_from(middle, months) for months in range(-MONTHS, MONTHS + 1)]
    gone = {f.id for f in before.findings if f.kind == "bad_tick"} - {f.id for f in after.findings}
    assert len(gone) == 1
    assert told(after) == told(data.judge(fresh=True))


def test_an_event_has_the_leaves_around_it_judged_again(tmp_path: Path, rows: pl.DataFrame, looked_at: list[date]) -> None:
    head = "symbol,date,split,dividend\n"
    first, second = f"TICK,{SESSIONS[100]},1,0.3\n", f"TICK,{SESSIONS[800]},1,0.3\n"
    data = lab(tmp_path, 'events = "events.csv"\n')
    (tmp_path / "events.csv").write_text(head + first)
    bring(data, "all", rows).judge()
    looked_at.clear()
    (tmp_path / "events.csv").write_text(head + first + second)
    after = data.judge()
    middle = SESSIONS[800].replace(day=1)
    assert looked_at == [month_from(middle, months) for months in range(-MONTHS, MONTHS + 1)]
    assert told(after) == told(data.judge(fresh=True))


def test_the_past_as_it_was_known_is_judged_by_itself(tmp_path: Path, rows: pl.DataFrame, looked_at: list[date]) -> None:
    """An end cuts the margin of the leaves before it; it leaves those further back as they are."""
    data = bring(lab(tmp_path), "all", rows)
    data.judge()
    looked_at.clear()
    end = SESSIONS[1250]
    cut = data.judge(end=end)
    assert looked_at == [month_from(end.replace(day=1), -back) for back in range(MONTHS, -1, -1)]
    assert {f.id for f in cut.findings} == {f.id for f in data.judge(end=end, fresh=True).findings}


def test_another_version_of_a_detector_judges_all_leaves_anew(
    tmp_path: Path, rows: pl.DataFrame, looked_at: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.lab import memory

    data = bring(lab(tmp_path), "all", rows)
    data.judge()
    looked_at.clear()
    monkeypatch.setattr(memory, "judging_fingerprint", lambda: "another")
    monkeypatch.setattr(memory, "code_fingerprint", lambda: "another")
    data.judge()
    assert len(looked_at) == 72


def test_a_leaf_whose_stored_findings_are_damaged_is_judged_again(
    tmp_path: Path, rows: pl.DataFrame, looked_at: list[date]
) -> None:
    data = bring(lab(tmp_path), "all", rows)
    first = data.judge()
    folder = data.lake.root / "metadata" / "findings" / "mine"
    (whole,) = folder.glob("*.json")
    whole.unlink()
    (leaf,) = (folder / "leaves").glob("2018-02-01-*.json")
    leaf.write_text(leaf.read_text().replace('"findings": [', '"findings": [ '))
    looked_at.clear()
    assert told(data.judge()) == told(first)
    assert looked_at == [date(2018, 2, 1)]


def test_a_symbol_that_is_hardly_there_is_judged_by_its_whole_past(tmp_path: Path) -> None:
    """A row a month: no margin of months holds what detectors need, so nothing is said without the rest."""
    values = bars(3)
    values["close"][600] *= 1.8
    values["high"][600] = max(values["high"][600], values["close"][600])
    whole = pl.DataFrame({"symbol": "FULL", "date": SESSIONS, **values})
    rare = whole.with_columns(pl.lit("RARE").alias("symbol")).filter(pl.Series(np.arange(COUNT) % 20 == 0))
    data = bring(lab(tmp_path), "early", pl.concat([whole, rare]).filter(pl.col("date") < SESSIONS[-30]).sort("date", "symbol"))
    data.judge()
    late = bring(data, "late", pl.concat([whole, rare]).filter(pl.col("date") >= SESSIONS[-30]).sort("date", "symbol"))
    assert told(late.judge()) == told(late.judge(fresh=True))
    assert ("RARE", SESSIONS[600]) in {(f.symbol, f.start) for f in late.judge().findings if f.kind == "bad_tick"}


def test_stamps_late_in_the_evening_belong_to_their_session(tmp_path: Path, rows: pl.DataFrame) -> None:
    """The last session of a month, stamped on the first of the next one in UTC, is witnessed by all symbols all the same."""
    late = rows.with_columns(pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("America/New_York").dt.offset_by("20h"))
    data = bring(lab(tmp_path), "early", late.filter(pl.col("date").dt.date() < SESSIONS[-2]))
    data.judge()
    bring(data, "late", late.filter(pl.col("date").dt.date() >= SESSIONS[-2]))
    assert told(data.judge()) == told(data.judge(fresh=True))
    assert data.judge(now=datetime.fromisoformat("2022-01-02T00:00:00Z")).score.value > 0


@pytest.mark.parametrize("sentinel", [date(9999, 12, 31), date(1, 1, 1), date(1900, 1, 1)])
def test_a_date_that_stands_for_none_stops_nothing(tmp_path: Path, rows: pl.DataFrame, sentinel: date) -> None:
    """Vendors write such days for what they do not know: the row is told of, all others are judged."""
    odd = rows.head(1).with_columns(pl.lit(sentinel).alias("date"))
    data = bring(lab(tmp_path), "all", pl.concat([rows, odd]))
    judged = data.judge()
    assert told(judged) == told(data.judge(fresh=True))
    strange = "schema_drift" if sentinel.year in (1, 9999) else "missing_session"
    assert strange in {f.kind for f in judged.findings if f.symbol == odd["symbol"][0]}


def test_nothing_is_told_across_a_hole_that_no_margin_spans(tmp_path: Path) -> None:
    """Neither a unit of volumes nor an adjusted close steps where both sides lie more than a year apart."""
    silent, adjusted = bars(1), bars(2)
    silent["volume"][600:1000] = 0.0
    silent["volume"][1000:] *= 100
    adjusted["adj_close"] = np.where(np.arange(COUNT) < 1000, adjusted["close"] * 0.9, adjusted["close"])
    adjusted["adj_close"][600:1000] = np.nan
    silent["adj_close"] = silent["close"].copy()
    both = [pl.DataFrame({"symbol": name, "date": SESSIONS, **v}) for name, v in (("HOLE", silent), ("ADJ", adjusted))]
    rows = pl.concat(both).with_columns(pl.col(pl.Float64).fill_nan(None)).sort("date", "symbol")
    grown(lab(tmp_path), rows, 700, 1010, 1250)


def test_a_copied_stretch_longer_than_a_leaf_is_one_finding_with_all_its_faults(tmp_path: Path) -> None:
    values = bars(4)
    for name in (*PRICES, "volume"):
        values[name][900:1050] = values[name][645:795]
    rows = pl.DataFrame({"symbol": "COPY", "date": SESSIONS, **values})
    data = lab(tmp_path)
    grown(data, rows, 800, 1150, 1390)
    judged = data.judge()
    (copied,) = (f for f in judged.findings if f.kind == "stale")
    assert (copied.start, copied.rows) == (SESSIONS[900], 150)
    assert judged.ledger.faults.filter(pl.col("finding") == copied.id)["failures"].sum() == 150


def test_symbols_that_come_back_after_more_than_a_year_begin_anew_as_witnesses(tmp_path: Path) -> None:
    """Their open of one day is off in all of them: whether a crowd excuses it must not hang on rows before the pause."""
    parts = []
    for number in range(8):
        values, kept = bars(number), np.ones(COUNT, dtype=bool)
        if number < 4:
            for name in PRICES:
                values[name][1040:] *= np.exp(0.09 + 0.004 * number)
            values["open"][1040] /= np.exp(0.05)
            values["low"][1040] = min(values["open"][1040], values["low"][1040]) * 0.995
            values["high"][1040] = max(values[name][1040] for name in PRICES)
            kept[540:1010] = False
        parts.append(pl.DataFrame({"symbol": f"S{number}", "date": SESSIONS, **values}).filter(pl.Series(kept)))
    grown(lab(tmp_path), pl.concat(parts).sort("date", "symbol"), 500, 1009, 1060, 1200)


def test_a_past_that_comes_later_opens_what_was_judged_without_it(tmp_path: Path) -> None:
    """The late piece, the early one, the early one by itself, then all: between them lies a gap that no margin spans."""
    early, late = bars(1), bars(2)
    for name in PRICES:
        late[name] *= 5
    late["volume"] *= 50
    head, tail = (pl.DataFrame({"symbol": "USED", "date": SESSIONS, **v}) for v in (early, late))
    others = pl.concat([pl.DataFrame({"symbol": f"C{n}", "date": SESSIONS, **bars(10 + n)}) for n in range(2)])
    data = bring(lab(tmp_path), "late", pl.concat([others, tail.filter(pl.col("date") >= SESSIONS[1100])]).sort("date", "symbol"))
    data.judge()
    bring(data, "early", head.filter(pl.col("date") < SESSIONS[500]))
    data.judge(end=SESSIONS[900])
    judged = data.judge()
    assert "ticker_reuse" in {f.kind for f in judged.findings}
    assert told(judged) == told(data.judge(fresh=True))


def test_an_event_from_before_the_first_row_is_none_of_that_row(tmp_path: Path, rows: pl.DataFrame) -> None:
    head = "symbol,date,split,dividend\n"
    data = lab(tmp_path, 'events = "events.csv"\n')
    (tmp_path / "events.csv").write_text(head + f"TICK,{SESSIONS[100]},1,0.3\n")
    before = told(bring(data, "all", rows).judge())
    (tmp_path / "events.csv").write_text(head + f"TICK,{SESSIONS[100]},1,0.3\nTICK,2010-06-01,2,0\n")
    assert told(data.judge()) == told(data.judge(fresh=True)) == before


def test_rows_of_no_symbol_are_judged_like_any(tmp_path: Path) -> None:
    rows = pl.DataFrame({"symbol": "A", "date": SESSIONS, **bars(1)}).with_columns(pl.lit(None, dtype=pl.String).alias("symbol"))
    data = bring(lab(tmp_path), "all", rows)
    assert told(data.judge()) == told(data.judge(fresh=True))


@pytest.mark.parametrize("where", ["bad_tick.sides", "crowd.excursion", "track.local_scale"])
def test_a_detector_that_fails_is_an_error_and_nothing_of_it_is_stored(
    tmp_path: Path, rows: pl.DataFrame, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it fails: in its own rule, in what all symbols did, in what is usual."""

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    data = bring(lab(tmp_path), "all", rows)
    with monkeypatch.context() as patch:
        patch.setattr(f"workbench.quality.detectors.{where}", broken)
        judged = data.judge()
    checks = {check.result.name: check.result for dimension in judged.score.dimensions for check in dimension.checks}
    assert checks["statistical_bounds"].verdict is Verdict.ERROR
    assert "a detector failed: ZeroDivisionError: a bug" in checks["statistical_bounds"].reason
    assert not list((data.lake.root / "metadata" / "findings").rglob("*.json"))
    assert told(data.judge()) == told(data.judge(fresh=True))


def test_rows_that_cannot_be_read_are_no_failure_of_a_detector(tmp_path: Path, rows: pl.DataFrame) -> None:
    data = bring(lab(tmp_path), "all", rows)
    snap, evidence, _ = data.gather()

    def unreadable(_: pl.DataFrame) -> pl.DataFrame:
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        find(Ledger(evidence), unreadable, memory_of(snap, evidence, None, {}).leaves)
