"""What only many symbols together can show: who is missing, who moved alone, and what is the market's own doing."""

from datetime import date

import numpy as np
import polars as pl
import pytest

import workbench as wb
from tests.quality.conftest import clean_year
from workbench.calendars import calendar
from workbench.lab.check import Checked
from workbench.model.findings import FINDING_KINDS, Finding
from workbench.quality.detectors.suspicion import FAULTS
from workbench.quality.flags import REPORTED

PRICES = ("open", "high", "low", "close")
NAMES = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
HOLIDAY = date(2023, 7, 4)
SESSIONS = calendar("XNYS").sessions(date(2023, 1, 1), date(2023, 12, 31)).to_list()


@pytest.fixture
def universe() -> pl.DataFrame:
    return pl.concat([clean_year(name, seed=seed) for seed, name in enumerate(NAMES)])


def kinds(checked: Checked) -> list[tuple[str, str]]:
    return sorted((f.kind, f.symbol) for f in checked.findings)


def found(checked: Checked, kind: str) -> Finding:
    (finding,) = (f for f in checked.findings if f.kind == kind)
    return finding


def test_every_kind_that_rules_and_detectors_tell_has_its_place_in_the_vocabulary() -> None:
    assert set(FINDING_KINDS) >= FAULTS | {reported.kind for reported in REPORTED}


def test_a_clean_universe_has_no_findings(universe: pl.DataFrame) -> None:
    assert kinds(wb.check(universe, calendar="XNYS")) == []


def test_rows_that_end_before_everybody_elses_are_a_hole(universe: pl.DataFrame) -> None:
    checked = wb.check(universe.filter((pl.col("symbol") != "CCC") | (pl.col("date") <= SESSIONS[200])), calendar="XNYS")
    hole = found(checked, "delisting_hole")
    assert (hole.symbol, hole.start, hole.end, hole.rows) == ("CCC", SESSIONS[201], SESSIONS[-1], len(SESSIONS) - 201)
    assert kinds(checked) == [("delisting_hole", "CCC")]


def test_where_the_last_symbol_of_the_alphabet_ends_early_the_file_was_cut(universe: pl.DataFrame) -> None:
    checked = wb.check(universe.filter((pl.col("symbol") != "FFF") | (pl.col("date") <= SESSIONS[200])), calendar="XNYS")
    assert kinds(checked) == [("truncated", "FFF")]


def test_a_symbol_that_goes_on_under_another_name_is_explained(universe: pl.DataFrame) -> None:
    new = pl.when((pl.col("symbol") == "CCC") & (pl.col("date") > SESSIONS[120])).then(pl.lit("NEW")).otherwise("symbol")
    checked = wb.check(universe.with_columns(new.alias("symbol")), calendar="XNYS")
    assert kinds(checked) == []
    assert [(e.kind, e.symbol, e.end) for e in checked.judgement.explained] == [("rename", "CCC", SESSIONS[121])]


def test_a_session_that_nobody_has_is_one_incident(universe: pl.DataFrame) -> None:
    checked = wb.check(universe.filter(pl.col("date") != SESSIONS[99]), calendar="XNYS")
    assert kinds(checked) == [("missing_session", name) for name in NAMES]
    (incident,) = checked.judgement.incidents
    assert (incident.kind, incident.start, incident.symbols) == ("missing_session", SESSIONS[99], NAMES)
    assert {f.hypotheses[0].kind for f in checked.findings} == {"vendor_gap"}


def test_a_gap_that_ends_in_a_jump_on_heavy_volume_may_be_a_halt(universe: pl.DataFrame) -> None:
    behind = (pl.col("symbol") == "CCC") & (pl.col("date") > SESSIONS[105])
    first = (pl.col("symbol") == "CCC") & (pl.col("date") == SESSIONS[106])
    fallen = universe.with_columns(
        *(pl.when(behind).then(pl.col(name) * 0.6).otherwise(name).alias(name) for name in PRICES),
        pl.when(first).then(pl.col("volume") * 12).otherwise("volume").alias("volume"),
    )
    halted = fallen.filter((pl.col("symbol") != "CCC") | ~pl.col("date").is_between(SESSIONS[101], SESSIONS[105]))
    checked = wb.check(halted, calendar="XNYS")
    assert [(e.kind, e.symbol, e.start, e.end) for e in checked.judgement.explained if e.kind == "halt"] == [
        ("halt", "CCC", SESSIONS[101], SESSIONS[105])
    ]
    assert kinds(checked) == []
    quiet = universe.filter((pl.col("symbol") != "CCC") | ~pl.col("date").is_between(SESSIONS[101], SESSIONS[105]))
    assert kinds(wb.check(quiet, calendar="XNYS")) == [("missing_session", "CCC")]


def on_holiday(universe: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Return the universe with bars of their own on a holiday."""
    extra = universe.filter(pl.col("symbol").is_in(names), pl.col("date") == date(2023, 7, 5)).with_columns(
        pl.lit(HOLIDAY).alias("date"), *((pl.col(name) * 1.001).round(4) for name in PRICES), (pl.col("volume") * 0.9).cast(int)
    )
    return pl.concat([universe, extra]).sort("symbol", "date")


def test_where_everybody_trades_the_calendar_is_wrong_and_where_one_does_its_bar_is(universe: pl.DataFrame) -> None:
    everybody = wb.check(on_holiday(universe, NAMES), calendar="XNYS")
    assert {f.kind for f in everybody.findings} == {"calendar_error"}
    assert [incident.symbols for incident in everybody.judgement.incidents] == [NAMES]
    assert kinds(wb.check(on_holiday(universe, ("CCC",)), calendar="XNYS")) == [("phantom_session", "CCC")]


def test_a_crash_that_all_share_is_real_and_one_that_only_one_has_is_not(universe: pl.DataFrame) -> None:
    def falls(who: pl.Expr, factor: float) -> pl.DataFrame:
        there = who & (pl.col("date") == SESSIONS[150])
        return universe.with_columns(pl.when(there).then(pl.col(name) * factor).otherwise(name).alias(name) for name in PRICES)

    assert kinds(wb.check(falls(pl.lit(value=True), 0.95), calendar="XNYS")) == []
    assert kinds(wb.check(falls(pl.col("symbol") == "CCC", 0.7), calendar="XNYS")) == [("bad_tick", "CCC")]
    everyone = wb.check(falls(pl.lit(value=True), 0.5), calendar="XNYS")  # no market halves for a day
    assert kinds(everyone) == [("bad_tick", name) for name in NAMES]
    assert [incident.kind for incident in everyone.judgement.incidents] == ["bad_tick"]


def test_rows_that_repeat_another_stretch_are_copied(universe: pl.DataFrame) -> None:
    mine = pl.col("symbol") == "CCC"
    there = universe.filter(mine)
    copied = there.with_columns(
        pl.Series(name, np.concatenate([there[name][:150], there[name][100:110], there[name][160:]]))
        for name in (*PRICES, "volume")
    )
    checked = wb.check(pl.concat([universe.filter(~mine), copied]).sort("symbol", "date"), calendar="XNYS")
    stale = next(f for f in checked.findings if f.kind == "stale")
    assert (stale.symbol, stale.start, stale.end) == ("CCC", SESSIONS[150], SESSIONS[159])


def test_symbols_of_two_exchanges_keep_each_their_own_holidays() -> None:
    frames = []
    for exchange, names in (("XNYS", ("AAA", "BBB", "CCC")), ("XLON", ("DDD.L", "EEE.L", "FFF.L"))):
        days = calendar(exchange).sessions(date(2023, 1, 1), date(2023, 12, 31))
        for seed, name in enumerate(names):
            walk = clean_year(name, seed=seed + 10).head(len(days))
            frames.append(walk.with_columns(days.head(len(walk)).alias("date")))
    whole = pl.concat(frames)
    assert kinds(wb.check(whole)) == []
    gap = wb.check(whole.filter((pl.col("symbol") != "EEE.L") | (pl.col("date") != date(2023, 7, 4))))
    assert kinds(gap) == [("missing_session", "EEE.L")]
